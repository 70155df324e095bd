"""What can only be seen on a real MongoDB: run with `make test-servers`."""
