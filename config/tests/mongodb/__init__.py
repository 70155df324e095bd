"""What must be seen on a real MongoDB; `config/tests/test_on_mongodb.py` runs it in processes that have one."""
