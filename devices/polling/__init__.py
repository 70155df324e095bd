"""Celery asks devices on their own period; one loop per worker holds the connections."""
