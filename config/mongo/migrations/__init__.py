"""Migrations of Django's own apps for MongoDB, whose keys are ObjectIds; made by `make mongo-migrations`."""
