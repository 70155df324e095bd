"""The embedded backend: one SQLite file, shared by every process of the installation.

Writers append batches to a time-ordered inbox, one row each, and pay one sync; dirty days and newest readings follow
from the inbox and are stored when it is folded into chunks per series and hour. Every change is one transaction.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import numpy as np

from telemetry.codec import columns_decode, columns_encode
from telemetry.memory import Blocks
from telemetry.merging import merge
from telemetry.model import DAY_MS, HOUR_MS, Columns, Kind, Series
from telemetry.stores.base import Backend, DaySwap, HotBatch, PagesSwap, SeriesRow, Snapshot
from telemetry.stores.sqlite_file import SqliteFile, path_of
from telemetry.stores.sqlite_inbox import Inbox
from telemetry.stores.sqlite_snapshot import HOURS_PER_DAY, SqliteSnapshot, chunk_mark, hot_day_read

FOLD_ROWS = 2_048
FOLD_READINGS = 200_000
FOLD_AGE_MS = 60_000
_IN = 500


class SqliteBackend(Backend):
    """The time-series store in one SQLite file of its own (WAL, synced at every commit)."""

    def __init__(self, url: str, *, fold_rows: int = FOLD_ROWS) -> None:
        super().__init__(url)
        self._file = SqliteFile(url)
        self._fold_rows = fold_rows
        self._inbox = Inbox.empty(0)
        self._inbox_lock = threading.Lock()

    @classmethod
    def check_url(cls, url: str) -> None:
        """Raise StoreConfigurationError if the URL names no file; opens nothing."""
        path_of(url)

    # Series

    def series_put(self, series: Sequence[Series]) -> None:
        """Register those that are new; leave the others as they are."""
        with self._file.change() as connection:
            connection.executemany(
                "INSERT INTO series (id, unit, kind, interval_ms, gap_ms, simulated) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO NOTHING",
                [(s.id.bytes, s.unit, s.kind.value, s.interval_ms, s.gap_ms, int(s.simulated)) for s in series],
            )

    def series_get(self, ids: Iterable[UUID]) -> dict[UUID, SeriesRow]:
        """The registered ones among these ids."""
        return {row.series.id: row for row in self._series("id", [one.bytes for one in ids])}

    def series_by_key(self, keys: Iterable[int]) -> dict[int, Series]:
        """The registered ones among these keys."""
        return {row.key: row.series for row in self._series("key", list(keys))}

    def series_last(self) -> int:
        """The largest key that was given to a series; 0 without any."""
        with self._file.view() as connection:
            (last,) = connection.execute("SELECT coalesce(max(key), 0) FROM series").fetchone()
        return int(last)

    def _series(self, column: str, values: Sequence[bytes | int]) -> list[SeriesRow]:
        found: list[SeriesRow] = []
        with self._file.view() as connection:
            for at in range(0, len(values), _IN):
                some = values[at : at + _IN]
                found += [
                    SeriesRow(key, Series(UUID(bytes=one), unit, Kind(kind), interval_ms, gap_ms, bool(simulated)))
                    for key, one, unit, kind, interval_ms, gap_ms, simulated in connection.execute(
                        "SELECT key, id, unit, kind, interval_ms, gap_ms, simulated FROM series "  # noqa: S608 names and marks are ours
                        f"WHERE {column} IN ({','.join('?' * len(some))})",
                        some,
                    )
                ]
        return found

    # Hot

    def hot_append(self, batch: HotBatch, now_ms: int) -> None:
        """Store readings durably, all or none."""
        with self._file.change() as connection:
            connection.execute(
                "INSERT INTO inbox (at_ms, count, keys, times, vals, quality) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    now_ms,
                    len(batch.keys),
                    batch.keys.astype(np.int32).tobytes(),
                    batch.times.tobytes(),
                    batch.values.tobytes(),
                    batch.quality.tobytes(),
                ),
            )

    def hot_fold(self, *, now_ms: int, only_if_due: bool) -> int:
        """Sort the inbox into chunks per series and hour; note newest readings and dirty days. One transaction."""
        with self._file.view() as connection:
            rows, readings, oldest = connection.execute(
                "SELECT count(*), coalesce(sum(count), 0), min(at_ms) FROM inbox"
            ).fetchone()
        if not rows:
            return 0
        aged = abs(now_ms - oldest) >= FOLD_AGE_MS
        if only_if_due and rows < self._fold_rows and readings < FOLD_READINGS and not aged:
            return 0
        with self._file.change() as connection:
            return self._fold(connection)

    def _fold(self, connection: sqlite3.Connection) -> int:
        folded, upto, rows = connection.execute(
            "SELECT folded, coalesce((SELECT max(seq) FROM inbox), folded), (SELECT count(*) FROM inbox) FROM state"
        ).fetchone()
        if not rows:
            return 0
        inbox = self._current_inbox(connection, folded, upto)
        tick = _tick(connection)
        # By series, then time, then arrival; of equal ones the last arrival is kept.
        order = np.lexsort((inbox.times, inbox.keys))
        keys, times = inbox.keys[order], inbox.times[order]
        last = np.append((keys[1:] != keys[:-1]) | (times[1:] != times[:-1]), True)
        order, keys, times = order[last], keys[last], times[last]
        values, quality = inbox.values[order], inbox.quality[order]
        hours = times // HOUR_MS
        edges = np.flatnonzero((keys[1:] != keys[:-1]) | (hours[1:] != hours[:-1])) + 1
        starts = [0, *edges.tolist()]
        ends = [*edges.tolist(), len(keys)]
        for start, end in zip(starts, ends, strict=True):
            part = Columns(times[start:end], values[start:end], quality[start:end])
            _chunk_add(connection, int(keys[start]), int(hours[start]), tick, part)
        places = list(zip(keys[starts].tolist(), (hours[starts] // HOURS_PER_DAY).tolist(), strict=True))
        connection.executemany("INSERT OR IGNORE INTO dirty VALUES (?, ?)", dict.fromkeys(places))
        newest = np.append(np.flatnonzero(keys[1:] != keys[:-1]), len(keys) - 1)
        _latest_put(
            connection,
            zip(
                keys[newest].tolist(),
                times[newest].tolist(),
                values[newest].tolist(),
                quality[newest].tolist(),
                strict=True,
            ),
        )
        connection.executemany(
            "UPDATE series SET version = ? WHERE key = ?", [(tick, key) for key in keys[newest].tolist()]
        )
        connection.execute("DELETE FROM inbox WHERE seq <= ?", (upto,))
        connection.execute("UPDATE state SET folded = ?", (upto,))
        return int(rows)

    # Reading

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """Open a consistent view."""
        with self._file.view() as connection:
            folded, upto = connection.execute(
                "SELECT folded, coalesce((SELECT max(seq) FROM inbox), folded) FROM state"
            ).fetchone()
            yield SqliteSnapshot(connection, self._current_inbox(connection, folded, upto), self.blocks)

    def _current_inbox(self, connection: sqlite3.Connection, folded: int, upto: int) -> Inbox:
        """The inbox as this transaction sees it; remembered unless another thread is already further."""
        known = self._inbox
        if known.folded == folded and known.upto == upto:
            return known
        if known.folded > folded or known.upto > upto:
            return Inbox.empty(folded).advanced(connection, folded, upto)
        fresh = known.advanced(connection, folded, upto)
        with self._inbox_lock:
            if (self._inbox.folded, self._inbox.upto) <= (fresh.folded, fresh.upto):
                self._inbox = fresh
        return fresh

    # Changes

    def days_swap(self, swaps: Sequence[DaySwap], *, over_hot: bool) -> list[int]:
        """Apply atomically all that still fit, return the positions of those that do not."""
        refused: list[int] = []
        with self._file.change() as connection:
            if over_hot:
                self._fold(connection)
            tick = _tick(connection)
            changed: dict[int, DaySwap] = {}
            dirty: list[tuple[int, int]] = []
            for position, swap in enumerate(swaps):
                if not _day_swap(connection, swap, tick):
                    refused.append(position)
                elif swap.changed:
                    dirty.append((swap.key, swap.day))
                    last = changed.setdefault(swap.key, swap)
                    if swap.day > last.day:
                        changed[swap.key] = swap
            connection.executemany("INSERT OR IGNORE INTO dirty VALUES (?, ?)", dirty)
            connection.executemany("UPDATE series SET version = ? WHERE key = ?", [(tick, key) for key in changed])
            _latest_put(connection, [(key, *_newest(swap.columns)) for key, swap in changed.items()])
        return refused

    def pages_swap(self, swaps: Sequence[PagesSwap]) -> list[int]:
        """Apply atomically all whose version fits, return the positions of those that do not."""
        refused: list[int] = []
        with self._file.change() as connection:
            tick = _tick(connection)
            for position, swap in enumerate(swaps):
                row = connection.execute("SELECT version FROM series WHERE key = ?", (swap.key,)).fetchone()
                if row is None or row[0] != swap.expected_version:
                    refused.append(position)
                    continue
                connection.executemany(
                    "INSERT INTO page VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (key, page) DO UPDATE SET rev = excluded.rev, data = excluded.data",
                    [(swap.key, page, tick, data) for page, data in swap.pages.items()],
                )
                connection.executemany(
                    "DELETE FROM dirty WHERE key = ? AND day = ?", [(swap.key, day) for day in swap.clear_days]
                )
                connection.execute("UPDATE series SET version = ? WHERE key = ?", (tick, swap.key))
        return refused

    def forget(self, key: int, start_ms: int, end_ms: int) -> int:
        """Erase the readings of [start_ms, end_ms) and every page of the series; all its days become dirty."""
        with self._file.change() as connection:
            self._fold(connection)
            tick = _tick(connection)
            scope = (key, start_ms, end_ms, tick)
            erased = _trim(connection, ("chunk", "hour", HOUR_MS), scope, self.blocks)
            erased |= _trim(connection, ("day", "day", DAY_MS), scope, self.blocks)
            connection.execute("DELETE FROM page WHERE key = ?", (key,))
            connection.execute("DELETE FROM dirty WHERE key = ?", (key,))
            connection.execute("INSERT INTO dirty SELECT key, day FROM day WHERE key = ?", (key,))
            connection.execute(
                "INSERT OR IGNORE INTO dirty SELECT DISTINCT key, hour / 24 FROM chunk WHERE key = ?", (key,)
            )
            connection.execute("DELETE FROM latest WHERE key = ?", (key,))
            _latest_restore(connection, key, self.blocks)
            connection.execute("UPDATE series SET version = ? WHERE key = ?", (tick, key))
        self._file.settle()
        return len(erased)

    def close(self) -> None:
        """Let go of files and connections."""
        self._file.close()


def _tick(connection: sqlite3.Connection) -> int:
    """The next number for revs and versions; each is given once."""
    connection.execute("UPDATE state SET tick = tick + 1")
    (tick,) = connection.execute("SELECT tick FROM state").fetchone()
    return int(tick)


def _put(connection: sqlite3.Connection, table: str, place: str, row: tuple[int | bytes, ...]) -> None:
    connection.execute(
        f"INSERT INTO {table} (key, {place}, rev, first_ms, last_ms, count, data) VALUES (?, ?, ?, ?, ?, ?, ?) "  # noqa: S608 names and marks are ours
        f"ON CONFLICT (key, {place}) DO UPDATE SET rev = excluded.rev, first_ms = excluded.first_ms, "
        "last_ms = excluded.last_ms, count = excluded.count, data = excluded.data",
        row,
    )


def _chunk_add(connection: sqlite3.Connection, key: int, hour: int, tick: int, part: Columns) -> None:
    row = connection.execute("SELECT data FROM chunk WHERE key = ? AND hour = ?", (key, hour)).fetchone()
    whole = merge([columns_decode(row[0]), part]) if row is not None else part
    first, last = int(whole.times[0]), int(whole.times[-1])
    _put(connection, "chunk", "hour", (key, hour, tick, first, last, len(whole), columns_encode(whole, quick=True)))


def _latest_put(connection: sqlite3.Connection, rows: Iterable[tuple[int, int, float, int]]) -> None:
    connection.executemany(
        "INSERT INTO latest VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET time_ms = excluded.time_ms, "
        "value = excluded.value, quality = excluded.quality WHERE excluded.time_ms >= latest.time_ms",
        rows,
    )


def _newest(columns: Columns) -> tuple[int, float, int]:
    return int(columns.times[-1]), float(columns.values[-1]), int(columns.quality[-1])


def _latest_restore(connection: sqlite3.Connection, key: int, blocks: Blocks) -> None:
    """Find the newest reading again after an erasure; hot before sealed, so that the later write of a time wins."""
    for table, place in (("day", "day"), ("chunk", "hour")):
        row = connection.execute(
            f"SELECT data FROM {table} WHERE key = ? ORDER BY {place} DESC LIMIT 1",  # noqa: S608 names and marks are ours
            (key,),
        ).fetchone()
        if row is not None:
            _latest_put(connection, [(key, *_newest(blocks.decode(row[0])))])


def _day_swap(connection: sqlite3.Connection, swap: DaySwap, tick: int) -> bool:
    row = connection.execute("SELECT rev FROM day WHERE key = ? AND day = ?", (swap.key, swap.day)).fetchone()
    if (row[0] if row is not None else 0) != swap.expected_rev:
        return False
    if chunk_mark(hot_day_read(connection, swap.key, swap.day)) != swap.expected_mark:
        return False
    times = swap.columns.times
    first, last = int(times[0]), int(times[-1])
    _put(connection, "day", "day", (swap.key, swap.day, tick, first, last, len(times), swap.data))
    if swap.expected_mark:
        connection.execute(
            "DELETE FROM chunk WHERE key = ? AND hour BETWEEN ? AND ?",
            (swap.key, swap.day * HOURS_PER_DAY, swap.day * HOURS_PER_DAY + HOURS_PER_DAY - 1),
        )
    return True


def _trim(
    connection: sqlite3.Connection, layer: tuple[str, str, int], scope: tuple[int, int, int, int], blocks: Blocks
) -> set[int]:
    """Cut [start, end) out of a layer's blocks; returns the times that went."""
    table, place, size = layer
    key, start_ms, end_ms, tick = scope
    erased: set[int] = set()
    rows = connection.execute(
        f"SELECT {place}, data FROM {table} WHERE key = ? AND {place} BETWEEN ? AND ?",  # noqa: S608 names and marks are ours
        (key, start_ms // size, (end_ms - 1) // size),
    ).fetchall()
    for number, data in rows:
        columns = blocks.decode(data)
        keep = (columns.times < start_ms) | (columns.times >= end_ms)
        left = int(keep.sum())
        erased.update(columns.times[~keep].tolist())
        if left == len(columns):
            continue
        if not left:
            connection.execute(f"DELETE FROM {table} WHERE key = ? AND {place} = ?", (key, number))  # noqa: S608 names and marks are ours
            continue
        rest = Columns(columns.times[keep], columns.values[keep], columns.quality[keep])
        first, last = int(rest.times[0]), int(rest.times[-1])
        _put(connection, table, place, (key, number, tick, first, last, left, columns_encode(rest)))
    return erased
