"""Changing blocks and pages: compare-and-set per partition, so that no two ever undo each other's work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from telemetry.model import Columns, Quality, Reading
from telemetry.stores.base import DaySwap, PagesSwap
from telemetry.stores.cassandra_link import Call, Link
from telemetry.stores.cassandra_notes import Clock, HotMarks, Shelf, Vector, joined
from telemetry.stores.cassandra_schema import BUCKETS, DAYS_PER_MONTH, PAGES_PER_YEAR
from telemetry.stores.cassandra_snapshot import QUARTERS

BATCH_BYTES = 1024 * 1024


def reading_at(columns: Columns, at: int) -> Reading:
    """One reading of a run."""
    return Reading(int(columns.times[at]), float(columns.values[at]), Quality(int(columns.quality[at])))


class Swaps:
    """The writing half of the backend that needs comparing first."""

    def __init__(self, link: Link, shelf: Shelf, marks: HotMarks, clock: Clock, writer: int) -> None:
        self._link = link
        self._shelf = shelf
        self._marks = marks
        self.clock = clock
        self._writer = writer
        self._newest: dict[int, tuple[Reading, int]] = {}

    def head(self, key: int, seq: int, newest: Reading | None) -> Call:
        """The head that goes with every note: this writer's last number, and the newest reading it knows of."""
        known = self._newest.get(key)
        if newest is not None and (known is None or newest.time_ms >= known[0].time_ms):
            known = self._newest[key] = (newest, seq)
        if known is None:
            return "head_put", (key, self._writer, seq, 0, None, None, None)
        reading, at_seq = known
        return "head_put", (key, self._writer, seq, at_seq, reading.time_ms, reading.value, int(reading.quality))

    def head_forget(self, key: int, newest: Reading | None) -> tuple[int, Call]:
        """The head after an erasure, whatever this writer wrote before; returns its number too."""
        seq = self.clock.take()
        self._newest.pop(key, None)
        return seq, self.head(key, seq, newest)

    # Days

    def by_month(self, swaps: Sequence[DaySwap]) -> list[list[int]]:
        """Positions of the swaps, those of one partition together."""
        found: dict[tuple[int, int], list[int]] = {}
        for at, swap in enumerate(swaps):
            found.setdefault((swap.key, swap.day // DAYS_PER_MONTH), []).append(at)
        return list(found.values())

    def month_swap(self, swaps: Sequence[tuple[int, DaySwap]]) -> list[int]:
        """Replace blocks of one partition; returns the positions of those that do not fit."""
        key, month = swaps[0][1].key, swaps[0][1].day // DAYS_PER_MONTH
        stored = {row[0]: row for row in self._link.rows("blocks_meta", key, month)}
        refused: list[int] = []
        fitting: list[tuple[int, DaySwap, Call]] = []
        for at, swap in swaps:
            call = self._block_call(swap, stored.get(swap.day))
            if call is None:
                refused.append(at)
            else:
                fitting.append((at, swap, call))
        if not fitting:
            return refused
        changed = [swap for _at, swap, _call in fitting if swap.changed]
        # Noted before and after: a crash between leaves quarters derived once more, never out of date.
        self.dirty_put(key, [swap.day for swap in changed], month, None)
        while fitting:
            size, count = len(fitting[0][1].data), 1
            while count < len(fitting) and size + len(fitting[count][1].data) <= BATCH_BYTES:
                size += len(fitting[count][1].data)
                count += 1
            if not self._link.applied([call for _at, _swap, call in fitting[:count]]):
                refused += [at for at, _swap, _call in fitting[:count]]
            fitting = fitting[count:]
        if changed:
            last = max(changed, key=lambda swap: swap.day).columns
            self.dirty_put(key, [swap.day for swap in changed], month, reading_at(last, len(last) - 1))
        return refused

    def _block_call(self, swap: DaySwap, row: Any) -> Call | None:
        """The change of a block; None if it, or the hot readings merged into it, are not those that were read."""
        rev, count, covers = (row[1], row[4], dict(row[5] or {})) if row is not None else (None, 0, {})
        if (rev if count else 0) != swap.expected_rev:
            return None
        if swap.expected_mark:
            written = self._marks.get(swap.key, swap.day, swap.expected_mark)
            if written is None:
                return None
            covers = joined(covers, written)
        return self.block_call(swap.key, swap.day, swap.columns, data=swap.data, covers=covers, rev=rev)

    def block_call(
        self, key: int, day: int, columns: Columns, *, data: bytes, covers: Vector, rev: int | None
    ) -> Call:
        """Put a block in the place of the one with this rev, or of none."""
        count = len(columns)
        first, last = (int(columns.times[0]), int(columns.times[-1])) if count else (0, 0)
        fresh = self.clock.take(above=rev or 0)
        return "block_swap", (
            fresh, first, last, count, dict(covers), data, key, day // DAYS_PER_MONTH, day, rev,
        )  # fmt: skip

    def dirty_put(self, key: int, days: Sequence[int], month: int, newest: Reading | None) -> None:
        """Note days whose quarters are out of date though their blocks are not, and that a month has blocks."""
        seq = self.clock.take()
        self._link.together(
            [("due_put", (QUARTERS, key % BUCKETS, day, key, -self._writer, seq, seq)) for day in days]
        )
        calls: list[Call] = [("month_put", (key, month))]
        calls += [("note_put", (key, day, -self._writer, seq)) for day in days]
        if days:
            calls.append(self.head(key, seq, newest))
        self._link.together(calls)

    # Pages

    def version_claim(self, key: int, version: int) -> int | None:
        """Go to a new version from this one; None if another was quicker."""
        fresh = self.clock.take(above=version)
        return fresh if self._link.applied([("version_swap", (fresh, key, version or None))]) else None

    def pages_swap(self, swap: PagesSwap) -> bool:
        """Claim the series, write pages, clear days; whether nobody else claimed it meanwhile.

        Pages are written with the claim's number as their timestamp: those of a later claim win, in whatever order
        they arrive. Days are cleared only by who still holds the claim, so what was overwritten is derived again.
        """
        notes = self._shelf.notes_of(swap.expected_version)
        if notes is None:
            return False
        claim = self.version_claim(swap.key, notes.version)
        if claim is None:
            return False
        years: dict[int, list[Call]] = {}
        for page, data in swap.pages.items():
            year = page // PAGES_PER_YEAR
            years.setdefault(year, []).append(("page_put", (swap.key, year, page, claim, data, claim)))
        self._link.packed([*years.values(), [("month_put", (swap.key, page)) for page in swap.pages]])
        done = self.clock.take(above=claim)
        calls: list[Call] = [("version_swap", (done, swap.key, claim))]
        calls += [("derived_put", (swap.key, day, notes.days.get(day, {}))) for day in sorted(swap.clear_days)]
        return self._link.applied(calls)
