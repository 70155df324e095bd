"""What Cassandra is asked, and how large its partitions become: read from the statements, tables and real bytes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from cassandra.cqlengine import columns

from telemetry.codec import columns_encode
from telemetry.derivation import derive
from telemetry.frames import PAGE_MS, page_encode
from telemetry.model import DAY_MS, Columns, Kind
from telemetry.stores.cassandra_making import NAMES
from telemetry.stores.cassandra_notes import hot_encode
from telemetry.stores.cassandra_schema import (
    BUCKETS,
    DAY_S,
    DAYS_PER_MONTH,
    HOT_TTL_S,
    NOTE_TTL_S,
    PAGES_PER_YEAR,
    STATEMENTS,
)
from telemetry.stores.cassandra_tables import TABLES
from telemetry.tests.conftest import TODAY, series_of

LARGEST = 100 * 1024 * 1024
CELL_BYTES = 12
ROW_BYTES = 30
"""What Cassandra adds at most: to a cell its timestamp and time to live, to a row its header and index."""
WRITERS = 50
"""Processes that write to one series within the time to live, restarts included."""
YEARS = 30
HOUSES = 20_000
SERIES_EACH = 5


def table_of(text: str) -> type:
    name = re.search(r"\b(?:FROM|INTO|UPDATE) (\w+)", text)
    assert name is not None
    (model,) = (one for one in TABLES if one.__table_name__ == name[1])
    return model


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_names_its_whole_partition_and_filters_nothing(name):
    text = STATEMENTS[name]
    for column in table_of(text)._partition_keys:
        assert re.search(rf"INSERT INTO \w+ \([^)]*\b{column}\b|\b{column} (= |IN \?)", text), column
    assert "ALLOW FILTERING" not in text
    assert "token(" not in text.lower()


@pytest.mark.parametrize("name", [name for name, text in STATEMENTS.items() if text.startswith("SELECT")])
def test_what_is_asked_of_a_partition_is_a_stretch_of_its_order(name):
    text = STATEMENTS[name]
    clustering = list(table_of(text)._clustering_keys)
    asked = [column for column in clustering if re.search(rf"\b{column} (=|<|>|IN)", text)]
    assert asked == clustering[: len(asked)]


def test_no_table_has_an_index_or_a_view_and_all_are_known():
    assert {table.__table_name__ for table in TABLES} == NAMES
    assert not [table for table in TABLES for column in table._columns.values() if column.index]


def row_bytes(table: str, **sizes: int) -> int:
    """What a row takes at most, uncompressed; columns of variable length are given."""
    (model,) = (one for one in TABLES if one.__table_name__ == table)
    fixed = {columns.Integer: 4, columns.BigInt: 8, columns.Double: 8, columns.Boolean: 1, columns.UUID: 16}
    cells = [
        (sizes[name] if name in sizes else fixed[type(column)]) + CELL_BYTES
        for name, column in model._columns.items()
        if not column.partition_key
    ]
    return ROW_BYTES + sum(cells)


def seconds_of_a_day() -> Columns:
    """A reading a second, of a meter whose last digits never rest."""
    random = np.random.default_rng(1)
    times = TODAY * DAY_MS + np.arange(DAY_S) * 1000 + random.integers(0, 40, DAY_S)
    return Columns(times, random.normal(2_000, 900, DAY_S).round(1), np.zeros(DAY_S, np.uint8))


def partitions() -> dict[str, int]:
    """The largest partition that each table gets, in bytes."""
    day, covers = seconds_of_a_day(), 16 * WRITERS
    one = Columns(day.times[:1], day.values[:1], day.quality[:1])
    start = TODAY * DAY_MS // PAGE_MS * PAGE_MS
    series = series_of(Kind.GAUGE)
    page = page_encode(series, derive(series, day, start, start + PAGE_MS))
    note = row_bytes("note", covers=covers)
    days_known = NOTE_TTL_S // DAY_S + 1
    months = YEARS * 366 // DAYS_PER_MONTH
    due = row_bytes("due") * HOUSES * SERIES_EACH // BUCKETS
    name = row_bytes("series", unit=16, kind=16)
    return {
        # Every reading a batch of its own is the worst case.
        "hot": DAY_S * row_bytes("hot", data=len(hot_encode(one))),
        "note": (WRITERS + months + days_known * (WRITERS + 1)) * note,
        "block": DAYS_PER_MONTH * row_bytes("block", covers=covers, data=len(columns_encode(day))),
        # The shapes of whole days compress like this one: as many of them as a page has.
        "page": PAGES_PER_YEAR * row_bytes("page", data=DAYS_PER_MONTH * len(page)),
        # Two days of every series, each written to by two processes and by the import, and not yet sealed.
        "due": 2 * 3 * due,
        "series": name,
        "series_key": name,
        # As text a series has its 32 digits and its facts.
        "allocated": row_bytes("allocated", pending=500 * 150),
    }


@pytest.mark.parametrize("table", sorted(NAMES))
def test_no_partition_grows_beyond_100_mb_at_one_second_data(table):
    assert 0 < partitions()[table] < LARGEST, f"{partitions()[table]:,} bytes"


def test_hot_readings_outlive_the_notes_that_say_they_are_there():
    assert HOT_TTL_S > NOTE_TTL_S
