"""Reading the SQLite backend: one consistent view over inbox, chunks, days, pages and dirty marks."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np

from telemetry.codec import columns_decode
from telemetry.memory import Blocks
from telemetry.merging import merge
from telemetry.model import DAY_MS, HOUR_MS, Columns, Quality, Reading
from telemetry.stores.base import Block, HotDay, Snapshot
from telemetry.stores.sqlite_inbox import Inbox

HOURS_PER_DAY = 24
_IN = 500


def chunk_mark(rows: Sequence[tuple[int, bytes]]) -> int:
    """A number that changes whenever a day's chunks do: revs only grow, and a removal changes how many there are."""
    return max((row[0] for row in rows), default=0) * 64 + len(rows)


def hot_day_read(connection: sqlite3.Connection, key: int, day: int) -> list[tuple[int, bytes]]:
    """The (rev, data) of a day's chunks in order."""
    return connection.execute(
        "SELECT rev, data FROM chunk WHERE key = ? AND hour BETWEEN ? AND ? ORDER BY hour",
        (key, day * HOURS_PER_DAY, day * HOURS_PER_DAY + HOURS_PER_DAY - 1),
    ).fetchall()


class SqliteSnapshot(Snapshot):
    """Lives inside one read transaction."""

    def __init__(self, connection: sqlite3.Connection, inbox: Inbox, blocks: Blocks) -> None:
        super().__init__(blocks)
        self._connection = connection
        self._inbox = inbox

    def marks(self, keys: Sequence[int]) -> list[tuple[int, int]]:
        """Per key (version, mark of the newest unfolded hot batch that has it): equal marks, equal data."""
        versions: dict[int, int] = {}
        for at in range(0, len(keys), _IN):
            some = keys[at : at + _IN]
            versions.update(
                self._connection.execute(
                    f"SELECT key, version FROM series WHERE key IN ({','.join('?' * len(some))})",  # noqa: S608 names and marks are ours
                    some,
                )
            )
        return [(versions.get(key, 0), self._inbox.mark(key)) for key in keys]

    def hot_since(self, key: int, mark: int) -> tuple[int, int] | None:
        """First and last time of the series' unfolded readings that came after this mark."""
        return self._inbox.since(key, mark)

    def hot(self, key: int, start_ms: int, end_ms: int) -> list[Columns]:
        """Hot readings in the order they were written (later parts win); times inside a part may repeat."""
        rows = self._connection.execute(
            "SELECT data FROM chunk WHERE key = ? AND hour BETWEEN ? AND ? ORDER BY hour",
            (key, start_ms // HOUR_MS, (end_ms - 1) // HOUR_MS),
        ).fetchall()
        parts = [self.blocks.decode(data) for (data,) in rows]
        newest = self._inbox.part(key, start_ms, end_ms)
        if newest is not None:
            parts.append(newest)
        return parts

    def hot_day(self, key: int, day: int) -> HotDay:
        """The folded hot readings of a day, for sealing."""
        rows = hot_day_read(self._connection, key, day)
        return HotDay(chunk_mark(rows), merge([columns_decode(data) for _rev, data in rows]))

    def hot_days(self, before_day: int, limit: int) -> list[tuple[int, int]]:
        """Some (key, day) with folded hot readings whose day is before this one; oldest days first."""
        return self._connection.execute(
            "SELECT DISTINCT key, hour / 24 AS day FROM chunk WHERE hour < ? ORDER BY day, key LIMIT ?",
            (before_day * HOURS_PER_DAY, limit),
        ).fetchall()

    def days(self, key: int, first: int, last: int) -> list[Block]:
        """Sealed blocks of the days first … last, in order."""
        return [
            Block(*row)
            for row in self._connection.execute(
                "SELECT day, rev, data FROM day WHERE key = ? AND day BETWEEN ? AND ? ORDER BY day", (key, first, last)
            )
        ]

    def pages(self, key: int, first: int, last: int) -> list[Block]:
        """Pages of quarters first … last, in order."""
        return [
            Block(*row)
            for row in self._connection.execute(
                "SELECT page, rev, data FROM page WHERE key = ? AND page BETWEEN ? AND ? ORDER BY page",
                (key, first, last),
            )
        ]

    def page_revs(self, key: int, first: int, last: int) -> dict[int, int]:
        """The revs of those pages, without their data."""
        return dict(
            self._connection.execute(
                "SELECT page, rev FROM page WHERE key = ? AND page BETWEEN ? AND ?", (key, first, last)
            ).fetchall()
        )

    def dirty_days(self, keys: Sequence[int]) -> dict[int, list[int]]:
        """Days whose quarters are out of date, per key, in order; days of unfolded hot readings are among them."""
        found: dict[int, list[int]] = {}
        for key in keys:
            stored = {day for (day,) in self._connection.execute("SELECT day FROM dirty WHERE key = ?", (key,))}
            if self._inbox.mark(key):
                stored.update(self._inbox.days(key).tolist())
            found[key] = sorted(stored)
        return found

    def dirty_some(self, before_day: int, limit: int) -> list[tuple[int, int]]:
        """Some stored dirty (key, day) before this day."""
        return self._connection.execute(
            "SELECT key, day FROM dirty WHERE day < ? ORDER BY key, day LIMIT ?", (before_day, limit)
        ).fetchall()

    def neighbours(self, key: int, start_ms: int, end_ms: int) -> tuple[int | None, int | None]:
        """Where to look for the readings around: (from, to)."""
        before = [
            row[0]
            for table, place, size in (("day", "day", DAY_MS), ("chunk", "hour", HOUR_MS))
            for row in self._connection.execute(
                f"SELECT first_ms FROM {table} WHERE key = ? AND {place} <= ? AND first_ms < ? "  # noqa: S608 names and marks are ours
                f"ORDER BY {place} DESC LIMIT 1",
                (key, (start_ms - 1) // size, start_ms),
            )
        ]
        after = [
            row[0]
            for table, place, size in (("day", "day", DAY_MS), ("chunk", "hour", HOUR_MS))
            for row in self._connection.execute(
                f"SELECT last_ms FROM {table} WHERE key = ? AND {place} >= ? AND last_ms >= ? "  # noqa: S608 names and marks are ours
                f"ORDER BY {place} LIMIT 1",
                (key, end_ms // size, end_ms),
            )
        ]
        times = self._inbox.times[self._inbox.places(key)]
        earlier, later = times[times < start_ms], times[times >= end_ms]
        if len(earlier):
            before.append(int(earlier.max()))
        if len(later):
            after.append(int(later.min()))
        return max(before, default=None), min(after, default=None)

    def latest(self, keys: Sequence[int]) -> dict[int, Reading]:
        """The newest reading per key."""
        found: dict[int, Reading] = {}
        for at in range(0, len(keys), _IN):
            some = keys[at : at + _IN]
            for key, time_ms, value, quality in self._connection.execute(
                f"SELECT key, time_ms, value, quality FROM latest WHERE key IN ({','.join('?' * len(some))})",  # noqa: S608 names and marks are ours
                some,
            ):
                found[key] = Reading(time_ms, value, Quality(quality))
        for key in keys:
            places = self._inbox.places(key)
            if not len(places):
                continue
            times = self._inbox.times[places]
            # Of equal times the one that came last.
            last = len(times) - 1 - int(np.argmax(times[::-1]))
            if key not in found or times[last] >= found[key].time_ms:
                place = places[last]
                found[key] = Reading(
                    int(times[last]), float(self._inbox.values[place]), Quality(int(self._inbox.quality[place]))
                )
        return found

    def bounds(self, key: int) -> tuple[int, int] | None:
        """Times of the first and the last reading."""
        low: list[int] = []
        high: list[int] = []
        for table, place in (("day", "day"), ("chunk", "hour")):
            for side, direction in ((low, "ASC"), (high, "DESC")):
                row = self._connection.execute(
                    f"SELECT first_ms, last_ms FROM {table} WHERE key = ? ORDER BY {place} {direction} LIMIT 1",  # noqa: S608 names and marks are ours
                    (key,),
                ).fetchone()
                if row is not None:
                    side.append(row[0] if side is low else row[1])
        times = self._inbox.times[self._inbox.places(key)]
        if len(times):
            low.append(int(times.min()))
            high.append(int(times.max()))
        return (min(low), max(high)) if low else None
