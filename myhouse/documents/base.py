"""The base of every model: a time-ordered UUID in `_id`."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime

import uuid_utils
from django.db import models

# Open ends are a date far away and not NULL: a period is then found by two comparisons on an index,
# where `IS NULL` would scan the collection on MongoDB.
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
FOREVER_DATE = date(9999, 12, 31)


def uuid7() -> uuid.UUID:
    """Return a new time-ordered UUID (RFC 9562, version 7)."""
    return uuid.UUID(bytes=uuid_utils.uuid7().bytes)


class Document(models.Model):
    """A model whose key is the document's own `_id`, on MongoDB as on SQLite."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_column="_id", editable=False)

    class Meta:
        abstract = True
