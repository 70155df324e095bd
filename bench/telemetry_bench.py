"""The store's rows: bulk, backfill, re-send, totals of a year, a curve, bytes; `python -m bench.telemetry_bench`.

Limits are raw numpy, zstd and SQLite doing the least that could be called the same, in the same run.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import zstandard

from bench.rows import Row, number
from telemetry.calendar import local_edges
from telemetry.model import DAY_MS, Batch, Columns, Kind, Series
from telemetry.store import Store
from telemetry.stores.sqlite import SqliteBackend

YEAR = 365
FIRST_DAY = 20_089  # 1 January 2025, UTC
NOW = (FIRST_DAY + YEAR) * DAY_MS + 1_000
ZONE = "Europe/Berlin"
BULK_SERIES = 1_000
BULK_TIMES = 10
BULK_ROUNDS = 15
HOUSEHOLD = 5


def opened(folder: Path, name: str) -> Store:
    """An empty store, or the one that is there."""
    return Store(SqliteBackend(f"sqlite:///{folder}/{name}.sqlite3"))


def seconds(work: Callable[[], object]) -> float:
    """How long something takes once."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_ms(work: Callable[[], object], rounds: int = 30) -> float:
    """The median of some rounds, in ms."""
    return statistics.median(seconds(work) for _ in range(rounds)) * 1000


def stored(store: Store, series: list[Series]) -> int:
    """How many readings are there."""
    return sum(len(store.scan(one.id, 0, NOW + DAY_MS, None)) for one in series)


def power_year(seed: int, step_ms: int, jitter_ms: int) -> tuple[np.ndarray, np.ndarray]:
    """A year of a home's power in whole watts, with the jitter of a poll."""
    rng = np.random.default_rng(seed)
    times = FIRST_DAY * DAY_MS + np.arange(YEAR * DAY_MS // step_ms) * step_ms
    if jitter_ms:
        times = times + rng.integers(0, jitter_ms, len(times))
    hours = (times % DAY_MS) / 3_600_000
    base = 250 + 150 * np.sin((hours - 8) / 24 * 2 * np.pi) ** 2
    events = np.repeat(rng.choice([0, 0, 0, 60, 1_200, 2_100], len(times) // 90 + 1), 90)[: len(times)]
    return times, np.rint(base + events + rng.normal(0, 9, len(times))).clip(0)


def bulk_rows(folder: Path) -> list[Row]:
    """10,000 readings over 1,000 series per call, durable, and the same calls again."""
    store = opened(folder, "bulk")
    series = [Series(uuid.uuid4(), "W", Kind.GAUGE) for _ in range(BULK_SERIES)]
    store.series_register(series)
    rng = np.random.default_rng(1)
    ids = [one.id for one in series]
    index = np.repeat(np.arange(BULK_SERIES, dtype=np.int32), BULK_TIMES)
    batches = [
        Batch(
            ids,
            index,
            np.tile(NOW - 10_000_000 + (at * BULK_TIMES + np.arange(BULK_TIMES)) * 10_000, BULK_SERIES),
            rng.integers(0, 3_000, len(index)).astype(float),
            np.zeros(len(index), np.uint8),
        )
        for at in range(BULK_ROUNDS)
    ]
    count = BULK_ROUNDS * len(index)

    def write_all() -> None:
        for batch in batches:
            store.write(batch, NOW)

    new = count / seconds(write_all)
    again = count / seconds(write_all)
    store.hot_fold(NOW, only_if_due=False)
    assert stored(store, series) == count, "every reading once"
    limit = count / _raw_rows(folder, batches)
    store.close()
    return [
        Row("bulk write, 1,000 series × 10", new, "readings/s", "≥ 300,000", new >= 3e5, limit, "SQLite rows"),
        Row("the same bulk again", again, "readings/s", "≥ 0.5 of new", again >= 0.5 * new, new, "new data"),
    ]


def _raw_rows(folder: Path, batches: list[Batch]) -> float:
    """The same readings as SQLite rows by executemany, one transaction per batch."""
    connection = sqlite3.connect(folder / "rows.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE r (s INTEGER, t INTEGER, v REAL, q INTEGER, PRIMARY KEY (s, t)) WITHOUT ROWID")

    def work() -> None:
        for batch in batches:
            connection.execute("BEGIN")
            columns = (batch.index.tolist(), batch.times.tolist(), batch.values.tolist(), batch.quality.tolist())
            connection.executemany("INSERT OR REPLACE INTO r VALUES (?, ?, ?, ?)", zip(*columns, strict=True))
            connection.execute("COMMIT")

    return seconds(work)


def backfill_rows(folder: Path) -> list[Row]:
    """A year of 10-s readings of one series, the same again, and the bytes it takes."""
    store = opened(folder, "backfill")
    series = Series(uuid.uuid4(), "W", Kind.GAUGE)
    store.series_register([series])
    times, values = power_year(3, 10_000, 40)
    batch = Batch.of(series.id, times, values)
    new = len(times) / seconds(lambda: store.history_write(batch, NOW))
    again = len(times) / seconds(lambda: store.history_write(batch, NOW))
    refreshed = len(times) / seconds(lambda: store.quarters_refresh(NOW))
    assert stored(store, [series]) == len(times), "every reading once"
    limit = len(times) / seconds(lambda: _raw_blocks(folder, batch))
    store.close()
    size = (folder / "backfill.sqlite3").stat().st_size / len(times)
    raw = len(zstandard.compress(_shuffled(times, values), 3)) / len(times)
    name = "numpy + zstd + SQLite blobs"
    return [
        Row("backfill, one series", new, "readings/s", "≥ 2 M", new >= 2e6, limit, name),
        Row("the same backfill again", again, "readings/s", "≥ 0.5 of new", again >= 0.5 * new, new, "new data"),
        Row("quarters of the backfill", refreshed, "readings/s", "≥ 2 M", refreshed >= 2e6, limit, name),
        Row("bytes per reading, sealed, with quarters", size, "B", "≤ 2.5", size <= 2.5, raw, "zstd of the columns"),
    ]


def _shuffled(times: np.ndarray, values: np.ndarray) -> bytes:
    """Differences of both columns, bytes sorted by significance: what a column format would compress."""
    parts = [np.diff(times, prepend=times[0]).astype(np.int32), values.astype(np.int32)]
    return b"".join(part.view(np.uint8).reshape(-1, 4).T.tobytes() for part in parts) + bytes(len(times))


def _raw_blocks(folder: Path, batch: Batch) -> None:
    """Days through numpy and zstd into SQLite, with nothing checked, merged or indexed."""
    connection = sqlite3.connect(folder / "blobs.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE d (day INTEGER PRIMARY KEY, data BLOB)")
    edges = np.flatnonzero(np.diff(batch.times // DAY_MS)) + 1
    connection.execute("BEGIN")
    for day, part in enumerate(np.split(np.arange(len(batch.times)), edges)):
        data = zstandard.compress(_shuffled(batch.times[part], batch.values[part]), 3)
        connection.execute("INSERT INTO d VALUES (?, ?)", (day, data))
    connection.execute("COMMIT")


def totals_rows(folder: Path) -> list[Row]:
    """Local days of a year for one household, from 15-min and from 10-s data; the last 24 h at 5 min."""
    found: list[Row] = []
    edges = local_edges(zone=ZONE, start=date(2025, 1, 2), end=date(2025, 12, 31), step="day")
    for name, step_ms in (("15-min", 900_000), ("10-s", 10_000)):
        store = opened(folder, f"totals {name}")
        series = [Series(uuid.uuid4(), "Wh", Kind.COUNTER) for _ in range(HOUSEHOLD)]
        store.series_register(series)
        for at, one in enumerate(series):
            times, values = power_year(10 + at, step_ms, 0)
            store.history_write(Batch.of(one.id, times, np.cumsum(values * step_ms / 3_600_000).round(1)), NOW)
        store.quarters_refresh(NOW)
        ids = [one.id for one in series]
        store.close()

        def cold(name: str = name, ids: list[uuid.UUID] = ids) -> float:
            fresh = opened(folder, f"totals {name}")
            fresh.series_get(ids)
            fresh.latest(ids)
            took = seconds(lambda: fresh.totals(ids, edges))
            fresh.close()
            return took

        cold_ms = statistics.median(cold() for _ in range(15)) * 1000
        store = opened(folder, f"totals {name}")
        warm_ms = median_ms(lambda store=store, ids=ids: store.totals(ids, edges))
        assert store.totals(ids, edges).covered.sum() == HOUSEHOLD * int(edges[-1] - edges[0]) // 900_000
        quarters = store.quarters(ids, int(edges[0]), int(edges[-1])).energy
        at = (edges[:-1] - edges[0]) // 900_000
        limit_ms = median_ms(lambda quarters=quarters, at=at: np.add.reduceat(quarters, at, axis=1))
        title = f"totals of a year by local day, 5 series, {name} data"
        found += [
            Row(f"{title}, warm", warm_ms, "ms", "≤ 0.5", warm_ms <= 0.5, limit_ms, "numpy sums"),
            Row(f"{title}, cold", cold_ms, "ms", "≤ 4", cold_ms <= 4, limit_ms, "numpy sums"),
        ]
        store.close()
    return found + curve_rows(folder)


def curve_rows(folder: Path) -> list[Row]:
    """The last 24 h of 10-s data at 5 min: half of it sealed, half hot."""
    store = opened(folder, "curve")
    series = Series(uuid.uuid4(), "W", Kind.GAUGE)
    store.series_register([series])
    end = FIRST_DAY * DAY_MS + 20 * DAY_MS + DAY_MS // 2
    times, values = power_year(5, 10_000, 40)
    part = times < end
    store.write(Batch.of(series.id, times[part], values[part]), end)
    store.hot_fold(end, only_if_due=False)
    store.days_seal(end)
    start = end - DAY_MS
    first_ms = seconds(lambda: store.curve([series.id], start, end, 300_000)) * 1000
    warm_ms = median_ms(lambda: store.curve([series.id], start, end, 300_000))
    curve = store.curve([series.id], start, end, 300_000)
    assert curve.count.sum() == int(((times >= start) & (times < end)).sum())
    day = Columns(times[part], values[part], np.zeros(int(part.sum()), np.uint8)).between(start, end)
    at = np.searchsorted(day.times, np.arange(start, end, 300_000))
    limit_ms = median_ms(
        lambda: (
            np.add.reduceat(day.values, at),
            np.minimum.reduceat(day.values, at),
            np.maximum.reduceat(day.values, at),
        )
    )
    store.close()
    title = "last 24 h of 10-s data at 5 min"
    return [
        Row(f"{title}, warm", warm_ms, "ms", "≤ 1", warm_ms <= 1, limit_ms, "numpy sums"),
        Row(f"{title}, first time", first_ms, "ms", "≤ 2", first_ms <= 2, limit_ms, "numpy sums"),
    ]


def rows() -> list[Row]:
    """Every row of the store, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-telemetry-") as name:
        folder = Path(name)
        return [*bulk_rows(folder), *backfill_rows(folder), *totals_rows(folder)]


if __name__ == "__main__":
    measured = rows()
    for row in measured:
        print(
            f"{row.name} | {number(row.ours)} {row.unit} | {number(row.limit or 0)} ({row.limit_name}) "
            f"| {row.ratio or 0:.2f} | {row.target} | {'yes' if row.met else 'NO'}"
        )
    sys.exit(0 if all(row.met for row in measured) else 1)
