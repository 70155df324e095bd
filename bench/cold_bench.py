"""Cold storage: archiving, a day and a month read back, bytes; `python -m bench cold`.

Limits are pyarrow writing and reading the same table with the same encodings in the same run, nothing checked.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from pyarrow import parquet

from bench.rows import Row
from bench.telemetry_bench import FIRST_DAY, power_year
from telemetry.cold.files import Files
from telemetry.cold.place import Place
from telemetry.cold.writing import table_of, writer_of
from telemetry.memory import Blocks
from telemetry.model import DAY_MS, Batch, Columns, Kind, Series
from telemetry.store import Store
from telemetry.stores.sqlite import SqliteBackend

DAYS = 120
NOW = (FIRST_DAY + DAYS + 1) * DAY_MS
LAST = FIRST_DAY + DAYS
ROUNDS = 30


def seconds(work: Callable[[], object]) -> float:
    """How long something takes once."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def stored(folder: Path, step_ms: int, homes: int) -> tuple[Store, list[Series], dict[uuid.UUID, Columns]]:
    """Some homes' power for some months, sealed."""
    store = Store(SqliteBackend(f"sqlite:///{folder}/{step_ms}.sqlite3"))
    store.cold_use(Files(Place.of(f"file://{folder}/cold-{step_ms}")))
    series = [Series(uuid.uuid4(), "W", Kind.GAUGE) for _ in range(homes)]
    store.series_register(series)
    written: dict[uuid.UUID, Columns] = {}
    for at, one in enumerate(series):
        # Polls are never quite on time; quarter-hours are.
        times, values = power_year(at, step_ms, 40 if step_ms < 900_000 else 0)
        count = DAYS * DAY_MS // step_ms
        written[one.id] = Columns(times[:count], values[:count], np.zeros(count, np.uint8))
        store.history_write(Batch.of(one.id, times[:count], values[:count]), NOW)
    return store, series, written


def raw_written(path: Path, series: list[Series], written: dict[uuid.UUID, Columns]) -> float:
    """Pyarrow alone, one file with a row group per series and about a week."""
    tables = [table_of(one, written[one.id]) for one in series]

    def work() -> None:
        writer = writer_of(path)
        for table in tables:
            writer.write_table(table, row_group_size=69_120)
        writer.close()

    return seconds(work)


def day_ms(store: Store, series: list[Series], place: Place) -> float:
    """Median of reading a day that no memory holds."""
    rng = np.random.default_rng(7)
    took: list[float] = []
    for _ in range(ROUNDS):
        one = series[int(rng.integers(len(series)))]
        start = int(rng.integers(FIRST_DAY, LAST)) * DAY_MS
        # Nothing is remembered: neither blocks nor files.
        store.backend.blocks = Blocks()
        store.cold_use(Files(place))
        took.append(seconds(lambda: store.scan(one.id, start, start + DAY_MS, None)))  # noqa: B023 called at once
    return statistics.median(took) * 1000


def raw_read_ms(path: Path, groups: list[int]) -> float:
    """Have pyarrow open a file, and read the row groups in which the days lie."""

    def work() -> None:
        with path.open("rb") as source:
            parquet.ParquetFile(source).read_row_groups(
                groups, columns=["time", "value", "quality"], use_threads=False
            )

    return statistics.median(seconds(work) for _ in range(ROUNDS)) * 1000


def rows() -> list[Row]:
    """All rows of this benchmark."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="cold-bench-") as name:
        for title, step_ms, homes in (("10-s", 10_000, 10), ("15-min", 900_000, 100)):
            found += _rows_of(Path(name), title, step_ms, homes)
    return found


def _rows_of(folder: Path, title: str, step_ms: int, homes: int) -> list[Row]:
    """Archive readings of one kind, and measure beside pyarrow with the same table."""
    store, series, written = stored(folder, step_ms, homes)
    cold, raw_file = folder / f"cold-{step_ms}", folder / f"raw-{step_ms}.parquet"
    place = Place.of(f"file://{cold}")
    total = sum(len(one) for one in written.values())
    sealed_ms = day_ms(store, series, place)
    raw = total / raw_written(raw_file, series, written)
    archive = store.archive
    assert archive is not None
    ours = total / seconds(lambda: archive.run(LAST))
    size = sum(one.stat().st_size for one in cold.rglob("*.parquet")) / total
    raw_size = raw_file.stat().st_size / total
    cold_ms = day_ms(store, series, place)
    raw_ms = raw_read_ms(raw_file, [3])
    raw_month_ms = raw_read_ms(raw_file, [3, 4, 5, 6, 7] if homes == 10 else [3, 4])
    month_ms = _month_ms(store, series)
    for one in series:
        found = store.scan(one.id, 0, NOW, None).values
        assert found.tobytes() == written[one.id].values.tobytes(), "every reading as it was"
    store.close()
    day = f"a day of a series, archived, nothing remembered, {title}"
    month = f"a month of a series, archived, {title}"
    sealed = f"sealed: {sealed_ms:.2f} ms"
    groups = "pyarrow row group"
    return [
        Row(f"archive, {title} data", ours, "readings/s", "≥ 0.02 of raw", ours >= 0.02 * raw, raw, "pyarrow write"),
        Row(day, cold_ms, "ms", "≤ 5 × raw", cold_ms <= 5 * raw_ms, raw_ms, groups, sealed),
        Row(month, month_ms, "ms", "≤ 10 × raw", month_ms <= 10 * raw_month_ms, raw_month_ms, f"{groups}s"),
        Row(f"bytes per reading, archived, {title}", size, "B", "≤ 4", size <= 4, raw_size, "pyarrow, one file"),
    ]


def _month_ms(store: Store, series: list[Series]) -> float:
    """How long the same month of each series takes, in the middle."""
    took = [seconds(partial(store.scan, one.id, NOW - 40 * DAY_MS, NOW - 9 * DAY_MS, None)) for one in series]
    return statistics.median(took) * 1000


if __name__ == "__main__":
    from bench.__main__ import table

    print(table(rows()))
    sys.exit(0)
