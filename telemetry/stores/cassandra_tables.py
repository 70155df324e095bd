"""The tables as django-cassandra-engine's `sync_cassandra` and the backend itself make them: declared once, here.

`hot`: a series and UTC day; at one reading a second and batch about 5 MB. Never deleted row by row: a sealed block
says which batches it covers, and the rows expire. `note`: a series; one row per writer and recent day, per month that
has blocks, and per derived day; at most some hundreds of KB. `block`: a series and 32 days, at most about 16 MB at
one-second data. `page`: a series and 384 days. `due`: a sixteenth of the days that wait for a task.
"""

from __future__ import annotations

from typing import Any

from cassandra.cqlengine import columns
from cassandra.cqlengine.models import Model

from telemetry.stores.cassandra_schema import DAY_S, HOT_TTL_S, NOTE_TTL_S

_LEVELED = {"compaction": {"class": "LeveledCompactionStrategy"}}


class StoredSeries(Model):  # type: ignore[misc] # the driver has no types
    """A registered series."""

    __table_name__ = "series"
    id = columns.UUID(partition_key=True)
    key = columns.Integer()
    unit = columns.Text()
    kind = columns.Text()
    interval_ms = columns.BigInt()
    gap_ms = columns.BigInt()
    simulated = columns.Boolean()


class StoredSeriesKey(Model):  # type: ignore[misc] # the driver has no types
    """The same by its key."""

    __table_name__ = "series_key"
    key = columns.Integer(partition_key=True)
    id = columns.UUID()
    unit = columns.Text()
    kind = columns.Text()
    interval_ms = columns.BigInt()
    gap_ms = columns.BigInt()
    simulated = columns.Boolean()


class StoredAllocation(Model):  # type: ignore[misc] # the driver has no types
    """The next key, and the series that were given the last ones but may not be written yet."""

    __table_name__ = "allocated"
    name = columns.Text(partition_key=True)
    next = columns.Integer()
    pending = columns.Blob()


class StoredHot(Model):  # type: ignore[misc] # the driver has no types
    """A batch's readings of a series and day."""

    __table_name__ = "hot"
    __options__ = {
        "compaction": {
            "class": "TimeWindowCompactionStrategy",
            "compaction_window_unit": "DAYS",
            "compaction_window_size": "1",
        },
        "default_time_to_live": HOT_TTL_S,
        "gc_grace_seconds": DAY_S,
    }
    key = columns.Integer(partition_key=True)
    day = columns.Integer(partition_key=True)
    writer = columns.BigInt(primary_key=True)
    seq = columns.BigInt(primary_key=True)
    data = columns.Blob()


class StoredNote(Model):  # type: ignore[misc] # the driver has no types
    """What is known about a series besides its readings."""

    __table_name__ = "note"
    __options__ = _LEVELED
    key = columns.Integer(partition_key=True)
    day = columns.Integer(primary_key=True)
    writer = columns.BigInt(primary_key=True)
    seq = columns.BigInt()
    at_seq = columns.BigInt()
    time_ms = columns.BigInt()
    value = columns.Double()
    quality = columns.Integer()
    covers = columns.Map(columns.BigInt, columns.BigInt, frozen=True)
    version = columns.BigInt(static=True)
    reset = columns.BigInt(static=True)


class StoredBlock(Model):  # type: ignore[misc] # the driver has no types
    """The sealed readings of a day, and which hot batches they cover."""

    __table_name__ = "block"
    __options__ = _LEVELED
    key = columns.Integer(partition_key=True)
    month = columns.Integer(partition_key=True)
    day = columns.Integer(primary_key=True)
    rev = columns.BigInt()
    first_ms = columns.BigInt()
    last_ms = columns.BigInt()
    count = columns.Integer()
    covers = columns.Map(columns.BigInt, columns.BigInt, frozen=True)
    data = columns.Blob()


class StoredPage(Model):  # type: ignore[misc] # the driver has no types
    """The quarters of 32 days."""

    __table_name__ = "page"
    __options__ = _LEVELED
    key = columns.Integer(partition_key=True)
    year = columns.Integer(partition_key=True)
    page = columns.Integer(primary_key=True)
    rev = columns.BigInt()
    data = columns.Blob()


class StoredDue(Model):  # type: ignore[misc] # the driver has no types
    """A day that waits for a task; a deleted row that comes back is only looked at once more."""

    __table_name__ = "due"
    __options__ = {"gc_grace_seconds": 3600, "default_time_to_live": NOTE_TTL_S}
    task = columns.Text(partition_key=True)
    bucket = columns.Integer(partition_key=True)
    day = columns.Integer(primary_key=True)
    key = columns.Integer(primary_key=True)
    writer = columns.BigInt(primary_key=True)
    seq = columns.BigInt()


TABLES: list[Any] = [
    StoredSeries,
    StoredSeriesKey,
    StoredAllocation,
    StoredHot,
    StoredNote,
    StoredBlock,
    StoredPage,
    StoredDue,
]
