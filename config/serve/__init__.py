"""Everything embedded under one small supervisor: `manage.py serve`."""
