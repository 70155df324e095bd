"""The Cassandra backend: hot batches per series and day, blocks per series and month, quarters per series and year.

What is acknowledged is on a majority of the replicas. `hot_append` writes readings first and the notes that make them
visible last, so that a batch is seen whole per series; of a batch that was *not* acknowledged some series may be seen
already: sending it again, as every sender does, makes it whole and doubles nothing, because a (series, time) exists
once. Sealing replaces a block by compare-and-set together with the vector of what it covers, and takes nothing away.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import TypeVar
from uuid import UUID

import numpy as np

from telemetry.model import DAY_MS, Columns, Reading, Series
from telemetry.stores.base import Backend, DaySwap, HotBatch, PagesSwap, SeriesRow, Snapshot
from telemetry.stores.cassandra_erasure import Erasure
from telemetry.stores.cassandra_link import Call, Link, driver_begin
from telemetry.stores.cassandra_notes import Clock, HotMarks, Shelf, hot_encode
from telemetry.stores.cassandra_place import Place
from telemetry.stores.cassandra_schema import BUCKETS
from telemetry.stores.cassandra_series import Register
from telemetry.stores.cassandra_snapshot import QUARTERS, SEAL, CassandraSnapshot
from telemetry.stores.cassandra_swaps import Swaps, reading_at

CHUNK = 50_000
"""Readings in one row of `hot`, at most: under a megabyte."""
NOTED_S = 600.0
AT_ONCE = 8
DUES = 500

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class CassandraBackend(Backend):
    """The time-series store in a keyspace; connects at first use."""

    may_be_away = True

    def __init__(self, url: str) -> None:
        super().__init__(url)
        driver_begin()
        self._link = Link(url)
        self._register = Register(self._link)
        self._shelf = Shelf(self._link)
        self._clock = Clock()
        self._marks = HotMarks()
        # Numbers of batches are given per backend object, so each is a writer of its own.
        self._writer = secrets.randbits(62) | 1
        self._swaps = Swaps(self._link, self._shelf, self._marks, self._clock, self._writer)
        self._append_lock = threading.Lock()
        self._noted: dict[tuple[int, int], float] = {}
        self._pool: ThreadPoolExecutor | None = None

    @classmethod
    def check_url(cls, url: str) -> None:
        """Raise StoreConfigurationError if it names no keyspace, or files that are not there; connects to nobody."""
        place = Place.of(url)
        if place.tls is not None:
            place.tls.context()

    @property
    def is_preparing(self) -> bool:
        """Whether the ring was reached and its tables are being made."""
        return self._link.is_preparing

    def probe(self) -> None:
        """Read one row, with little patience."""
        self._link.probe()

    # Series

    def series_put(self, series: Sequence[Series]) -> None:
        """Register those that are new; leave the others as they are."""
        self._register.put(series)

    def series_get(self, ids: Iterable[UUID]) -> dict[UUID, SeriesRow]:
        """The registered ones among these ids."""
        return {row.series.id: row for row in self._register.rows("series_get", list(ids))}

    def series_by_key(self, keys: Iterable[int]) -> dict[int, Series]:
        """The registered ones among these keys."""
        return {row.key: row.series for row in self._register.rows("series_by_key", list(keys))}

    def series_last(self) -> int:
        """The largest key that was given to a series; 0 without any."""
        return self._register.last()

    # Hot

    def hot_append(self, batch: HotBatch, now_ms: int) -> None:
        """Store readings durably; acknowledges all or nothing."""
        if not len(batch.keys):
            return
        # One at a time: a number that is seen must mean that all before it are there.
        with self._append_lock:
            puts, notes = self._split(batch, now_ms)
            self._link.packed(puts)
            self._link.packed(notes)

    def _split(self, batch: HotBatch, now_ms: int) -> tuple[list[list[Call]], list[list[Call]]]:
        """The rows to write first, and what makes them visible, each list by partition."""
        days = batch.times // DAY_MS
        order = np.lexsort((days, batch.keys))
        keys, days = batch.keys[order], days[order]
        ordered = Columns(batch.times[order], batch.values[order], batch.quality[order])
        edges = np.flatnonzero((keys[1:] != keys[:-1]) | (days[1:] != days[:-1])) + 1
        puts: list[list[Call]] = []
        notes: dict[int, list[Call]] = {}
        dues: dict[tuple[str, int], list[Call]] = {}
        newest: dict[int, Reading] = {}
        for low, high in pairwise([0, *edges.tolist(), len(keys)]):
            key, day = int(keys[low]), int(days[low])
            for start in range(low, high, CHUNK):
                part = slice(start, min(start + CHUNK, high))
                columns = Columns(ordered.times[part], ordered.values[part], ordered.quality[part])
                seq = self._clock.take()
                puts.append([("hot_put", (key, day, self._writer, seq, hot_encode(columns)))])
                _newest_keep(newest, key, columns)
            notes.setdefault(key, []).append(("note_put", (key, day, self._writer, seq)))
            if self._is_to_note(key, day, now_ms):
                for task in (SEAL, QUARTERS):
                    call = "due_put", (task, key % BUCKETS, day, key, self._writer, seq, seq)
                    dues.setdefault((task, key % BUCKETS), []).append(call)
        puts += [of_bucket[at : at + DUES] for of_bucket in dues.values() for at in range(0, len(of_bucket), DUES)]
        return puts, [[*of_key, self._swaps.head(key, of_key[-1][1][3], newest[key])] for key, of_key in notes.items()]

    def _is_to_note(self, key: int, day: int, now_ms: int) -> bool:
        """Whether to note that a day waits to be sealed and derived; for today once in a while is enough."""
        now = time.monotonic()
        is_today = day == now_ms // DAY_MS == (now_ms + DAY_MS // 24) // DAY_MS
        if is_today and now - self._noted.get((key, day), -NOTED_S) < NOTED_S:
            return False
        if len(self._noted) > 100_000:
            self._noted.clear()
        self._noted[key, day] = now
        return True

    def hot_fold(self, *, now_ms: int, only_if_due: bool) -> int:
        """Nothing to do: hot readings lie by series and day from the start."""
        return 0

    # Reading

    def _snapshot(self) -> CassandraSnapshot:
        return CassandraSnapshot(self._link, self._shelf, self.blocks, self._marks)

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """Open a consistent view."""
        yield self._snapshot()

    # Changes

    def days_swap(self, swaps: Sequence[DaySwap], *, over_hot: bool) -> list[int]:
        """Apply all that still fit, each atomically, return the positions of those that do not.

        Hot readings that came after the days were read are not covered by the blocks: they stay hot, and win.
        """
        months = self._swaps.by_month(swaps)
        refused = self._each(lambda places: self._swaps.month_swap([(at, swaps[at]) for at in places]), months)
        return sorted(at for some in refused for at in some)

    def pages_swap(self, swaps: Sequence[PagesSwap]) -> list[int]:
        """Apply all whose version fits, each atomically, return the positions of those that do not."""
        fitted = self._each(self._swaps.pages_swap, swaps)
        return [at for at, fits in enumerate(fitted) if not fits]

    def forget(self, key: int, start_ms: int, end_ms: int) -> int:
        """Erase the readings of [start_ms, end_ms) and every page of the series; all its days become dirty."""
        erasure = Erasure(self._link, self._shelf, self._swaps, self._snapshot)
        return erasure.erase(key, start_ms, end_ms)

    def _each(self, work: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
        """Some at a time, and all answers in order."""
        if len(items) < 2:
            return [work(item) for item in items]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(AT_ONCE, "cassandra")
        return list(self._pool.map(work, items))

    def close(self) -> None:
        """Let go of connections."""
        if self._pool is not None:
            self._pool.shutdown()
        self._link.close()


def _newest_keep(newest: dict[int, Reading], key: int, columns: Columns) -> None:
    """Keep the newest reading of each series; of equal times the one that came last."""
    times = columns.times
    at = len(times) - 1 - int(np.argmax(times[::-1]))
    if key not in newest or int(times[at]) >= newest[key].time_ms:
        newest[key] = reading_at(columns, at)
