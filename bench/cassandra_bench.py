"""Cassandra's rows: what the product writes and reads a second, beside the driver's own prepared requests.

One real server on this machine, this process and it on the same cores. Raw requests are asynchronous, the same number
of them under way as the store has, of the same readings to tables of the same kind, with nothing checked or noted.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.rows import Row
from config.cluster.cassandra import CassandraRing
from telemetry.model import DAY_MS, Batch, Kind, Series
from telemetry.store import Store
from telemetry.stores.cassandra import CassandraBackend
from telemetry.stores.cassandra_link import WINDOW, cluster_made
from telemetry.stores.cassandra_place import Place

SERIES = 500
TIMES = 60
ROUNDS = 8
RAW_READINGS = 20_000
ASKED = 20
TODAY = 20_454
NOW = TODAY * DAY_MS + 13 * 3_600_000
YEAR = 365
TABLES = (
    "CREATE TABLE raw.row (key int, day int, time bigint, value double, quality int, PRIMARY KEY ((key, day), time))",
    "CREATE TABLE raw.pack (key int, day int, seq bigint, data blob, PRIMARY KEY ((key, day), seq))",
    "CREATE TABLE raw.latest (key int PRIMARY KEY, time bigint, value double, quality tinyint)",
)


def seconds(work: Callable[[], object]) -> float:
    """How long something takes once."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_ms(work: Callable[[], object], rounds: int = ASKED) -> float:
    """The median of some rounds, in ms."""
    return statistics.median(seconds(work) for _ in range(rounds)) * 1000


class Raw:
    """The driver alone: prepared statements, asynchronous, a bounded number under way."""

    def __init__(self, url: str) -> None:
        self.cluster = cluster_made(Place.of(url), request_s=60)
        self.session = self.cluster.connect()
        self.session.execute("CREATE KEYSPACE raw WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}")
        for text in TABLES:
            self.session.execute(text)
        self.row = self.session.prepare("INSERT INTO raw.row (key, day, time, value, quality) VALUES (?, ?, ?, ?, ?)")
        self.pack = self.session.prepare("INSERT INTO raw.pack (key, day, seq, data) VALUES (?, ?, ?, ?)")
        self.packs = self.session.prepare("SELECT data FROM raw.pack WHERE key = ? AND day = ?")
        self.put = self.session.prepare("INSERT INTO raw.latest (key, time, value, quality) VALUES (?, ?, ?, ?)")
        self.latest = self.session.prepare("SELECT time, value, quality FROM raw.latest WHERE key = ?")

    def many(self, statement: Any, values: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The answers to the same statement with all these values."""
        from cassandra.concurrent import execute_concurrent_with_args

        answers = execute_concurrent_with_args(self.session, statement, values, concurrency=WINDOW)
        return [list(answer) for _success, answer in answers]


def batches(series: Sequence[Series]) -> list[Batch]:
    """Each a minute of one-second readings of all series."""
    random = np.random.default_rng(1)
    ids = [one.id for one in series]
    index = np.repeat(np.arange(SERIES, dtype=np.int32), TIMES)
    return [
        Batch(
            ids,
            index,
            np.tile(NOW - 3_600_000 + (at * TIMES + np.arange(TIMES)) * 1_000, SERIES),
            random.integers(0, 3_000, len(index)).astype(float),
            np.zeros(len(index), np.uint8),
        )
        for at in range(ROUNDS)
    ]


def ingest_rows(store: Store, raw: Raw, series: Sequence[Series]) -> list[Row]:
    """A minute of one-second readings per batch and series, acknowledged; beside single rows and packed ones."""
    took = seconds(lambda: store.series_register(list(series)))
    written = batches(series)
    store.write(written[0], NOW)
    ours = (ROUNDS - 1) * SERIES * TIMES / seconds(lambda: [store.write(batch, NOW) for batch in written[1:]])
    found = sum(len(store.scan(one.id, 0, NOW, None)) for one in series)
    assert found == ROUNDS * SERIES * TIMES, "every reading once"
    columns = [written[0].index.tolist(), written[0].times.tolist(), written[0].values.tolist()]
    single = [(key, TODAY, at, value, 0) for key, at, value in zip(*columns, strict=True)][:RAW_READINGS]
    raw.many(raw.row, single[: RAW_READINGS // 10])
    rows = len(single) / seconds(lambda: raw.many(raw.row, single))
    packs = [
        (key, TODAY, number, batch.values[key * TIMES : key * TIMES + TIMES].tobytes() * 2 + bytes(TIMES))
        for number, batch in enumerate(written)
        for key in range(SERIES)
    ]
    packed = len(packs) * TIMES / seconds(lambda: raw.many(raw.pack, packs))
    name = "Cassandra, readings written, 500 series × 60"
    ratio = "≥ 0.4 of raw"
    return [
        Row(name, ours, "readings/s", "≥ 5 of raw", ours >= 5 * rows, rows, "raw prepared inserts, a row each"),
        Row(f"{name}, packed", ours, "readings/s", ratio, ours >= 0.4 * packed, packed, "raw inserts of the packs"),
        Row("Cassandra, series registered", SERIES / took, "series/s", "≥ 500", took <= SERIES / 500),
    ]


def latest_rows(store: Store, raw: Raw, series: Sequence[Series]) -> list[Row]:
    """The newest reading of 500 series."""
    ids = [one.id for one in series]
    assert len(store.latest(ids)) == SERIES
    ours = median_ms(lambda: store.latest(ids))
    keys = [(key,) for key in range(SERIES)]
    raw.many(raw.put, [(key, NOW, 1.0, 0) for (key,) in keys])
    assert sum(len(rows) for rows in raw.many(raw.latest, keys)) == SERIES
    limit = median_ms(lambda: raw.many(raw.latest, keys))
    name = "Cassandra, latest of 500 series"
    return [Row(name, ours, "ms", "≤ 2 × raw", ours <= 2 * limit, limit, "raw reads of 500 rows")]


def curve_rows(store: Store, opened: Callable[[], Store], raw: Raw) -> list[Row]:
    """A sealed day of one-second readings at 5 min, by a process that has not read it before; and one that has."""
    series = Series(uuid.uuid4(), "W", Kind.GAUGE)
    store.series_register([series])
    start = (TODAY - 2) * DAY_MS
    values = np.random.default_rng(2).normal(2_000, 900, DAY_MS // 1_000).round(1)
    store.write(Batch.of(series.id, start + np.arange(len(values)) * 1_000, values), NOW)
    assert store.days_seal(NOW).days == 1
    key = store.rows([series.id])[series.id].key
    with store.backend.reading() as snapshot:
        (block,) = snapshot.days(key, TODAY - 2, TODAY - 2)
    raw.many(raw.pack, [(SERIES, 0, 0, block.data)])

    def first() -> float:
        fresh = opened()
        fresh.series_get([series.id])
        took = seconds(lambda: fresh.curve([series.id], start, start + DAY_MS, 300_000))
        fresh.close()
        return took

    assert store.curve([series.id], start, start + DAY_MS, 300_000).count.sum() == len(values)
    limit = median_ms(lambda: raw.many(raw.packs, [(SERIES, 0)]))
    cold = statistics.median(first() for _ in range(5)) * 1000
    warm = median_ms(lambda: store.curve([series.id], start, start + DAY_MS, 300_000))
    name, raw_name = "Cassandra, curve of a day of 1-s data", "raw read of its block"
    return [
        Row(f"{name}, first time", cold, "ms", "≤ 40", cold <= 40, limit, raw_name),
        Row(f"{name}, again", warm, "ms", "≤ 15", warm <= 15, limit, raw_name),
    ]


def year_rows(store: Store, opened: Callable[[], Store], raw: Raw) -> list[Row]:
    """A year of quarters of one series, by a process that has not read it before; and by one that has."""
    series = Series(uuid.uuid4(), "Wh", Kind.COUNTER)
    store.series_register([series])
    start = (TODAY - YEAR) * DAY_MS
    times = start + np.arange(YEAR * 96) * 900_000
    store.history_write(Batch.of(series.id, times, np.arange(len(times)) * 100.0), NOW)
    store.quarters_refresh(NOW)
    key = store.rows([series.id])[series.id].key
    with store.backend.reading() as snapshot:
        pages = snapshot.pages(key, 0, 1 << 20)
    raw.many(raw.pack, [(SERIES, 1, page.number, page.data) for page in pages])

    def first() -> float:
        fresh = opened()
        fresh.series_get([series.id])
        took = seconds(lambda: fresh.quarters([series.id], start, TODAY * DAY_MS))
        fresh.close()
        return took

    assert (store.quarters([series.id], start, TODAY * DAY_MS).flags > 0).sum() == len(times) - 1
    limit = median_ms(lambda: raw.many(raw.packs, [(SERIES, 1)]))
    cold = statistics.median(first() for _ in range(5)) * 1000
    warm = median_ms(lambda: store.quarters([series.id], start, TODAY * DAY_MS))
    name, raw_name = "Cassandra, year of quarters", "raw read of its pages"
    return [
        Row(f"{name}, first time", cold, "ms", "≤ 40", cold <= 40, limit, raw_name),
        Row(f"{name}, again", warm, "ms", "≤ 10", warm <= 10, limit, raw_name),
    ]


def rows() -> list[Row]:
    """Every row, on a server that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-cassandra-") as name, CassandraRing(Path(name)) as ring:
        url = ring.url("telemetry")

        def opened() -> Store:
            return Store(CassandraBackend(url))

        store, raw = opened(), Raw(url)
        store.backend.probe()
        series = [Series(uuid.uuid4(), "W", Kind.GAUGE) for _ in range(SERIES)]
        found = [*ingest_rows(store, raw, series), *latest_rows(store, raw, series)]
        found += [*curve_rows(store, opened, raw), *year_rows(store, opened, raw)]
        store.close()
        raw.cluster.shutdown()
        return found
