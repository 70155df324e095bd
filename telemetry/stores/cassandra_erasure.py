"""Erasing readings for good: from blocks, from hot batches, and everything derived from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from telemetry.codec import columns_encode
from telemetry.errors import StoreBusyError
from telemetry.merging import merge
from telemetry.model import DAY_MS, Columns
from telemetry.stores.cassandra_link import Call, Link
from telemetry.stores.cassandra_notes import Shelf, joined
from telemetry.stores.cassandra_schema import DAYS_PER_MONTH, PAGES_PER_YEAR
from telemetry.stores.cassandra_snapshot import CassandraSnapshot
from telemetry.stores.cassandra_swaps import Swaps

MAX_TRIES = 20
_FAR = 1 << 30


class Erasure:
    """One call of `forget`; may be repeated after a crash."""

    def __init__(self, link: Link, shelf: Shelf, swaps: Swaps, snapshot: Callable[[], CassandraSnapshot]) -> None:
        self._link = link
        self._shelf = shelf
        self._swaps = swaps
        self._snapshot = snapshot

    def erase(self, key: int, start_ms: int, end_ms: int) -> int:
        """Erase the readings of [start_ms, end_ms); returns how many."""
        view = self._snapshot()
        first, last = start_ms // DAY_MS, (end_ms - 1) // DAY_MS
        kept = self._days_kept(view, key)
        # Days that are sealed may have hot rows of the same readings, which have not expired yet.
        touched = {day for day in (*kept, *view.notes(key).days) if first <= day <= last}
        erased = sum(self._day_erase(key, day, start_ms, end_ms) for day in sorted(touched))
        self._pages_erase(key)
        after = self._snapshot()
        days = self._days_kept(after, key)
        months: dict[int, list[int]] = {}
        for day in days:
            months.setdefault(day // DAYS_PER_MONTH, []).append(day)
        for month, some in months.items():
            self._swaps.dirty_put(key, some, month, None)
        seq, head = self._swaps.head_forget(key, self._snapshot().newest(key))
        self._link.together([("reset_put", (seq, key)), head])
        return erased

    def _days_kept(self, view: CassandraSnapshot, key: int) -> list[int]:
        """Days that have readings."""
        days = {block.day for month in view.notes(key).months for block in view.meta(key, month)}
        days |= {day for day in view.open_days(key, 0, _FAR) if len(view.open_part(key, day))}
        return sorted(days)

    def _day_erase(self, key: int, day: int, start_ms: int, end_ms: int) -> int:
        """Put what is left of a day into its block, which then covers all hot readings; then erase those."""
        month = day // DAYS_PER_MONTH
        for _attempt in range(MAX_TRIES):
            view = self._snapshot()
            block, written = view.sealed(key, day), view.notes(key).written(day)
            sealed = [view.blocks.decode(block.data)] if block.data is not None else []
            whole = merge([*sealed, view.open_part(key, day)])
            keep = (whole.times < start_ms) | (whole.times >= end_ms)
            rest = Columns(whole.times[keep], whole.values[keep], whole.quality[keep])
            covers = joined(block.covers, written)
            self._swaps.dirty_put(key, [], month, None)
            call = self._swaps.block_call(
                key, day, rest, data=columns_encode(rest), covers=covers, rev=block.rev or None
            )
            if self._link.applied([call]):
                calls: list[Call] = [("hot_erase", (key, day, writer, seq)) for writer, seq in written.items()]
                if calls:
                    self._link.together(calls)
                self._shelf.hot_forget(key, day)
                return int(np.count_nonzero(~keep))
        raise StoreBusyError("The days to erase are being written by others; try again.")

    def _pages_erase(self, key: int) -> None:
        """Take all pages away, under a claim that makes those of others who derive now older."""
        for _attempt in range(MAX_TRIES):
            notes = self._shelf.notes([key])[key]
            claim = self._swaps.version_claim(key, notes.version)
            if claim is not None:
                years = {page // PAGES_PER_YEAR for page in notes.months}
                self._link.many([self._link.bound("pages_erase", (claim, key, year)) for year in sorted(years)])
                return
        raise StoreBusyError("The series to erase is being worked on by others; try again.")
