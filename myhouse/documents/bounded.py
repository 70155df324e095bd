"""Reading for a bounded time: for what people may ask in many ways, as in the operators' searches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection


class TookTooLongError(Exception):
    """The database was not done in time."""


@contextmanager
def read_for(seconds: float) -> Iterator[None]:
    """End statements of this block that would make it last longer, where the database is shared (MongoDB)."""
    if connection.vendor != "mongodb":
        yield
        return
    import pymongo
    from pymongo.errors import PyMongoError

    with pymongo.timeout(seconds):
        try:
            yield
        except (DatabaseError, PyMongoError) as error:
            cause = error if isinstance(error, PyMongoError) else error.__cause__
            if isinstance(cause, PyMongoError) and cause.timeout:
                raise TookTooLongError from error
            raise
