"""Readings of all layers as one run, and which quarters a change of readings can have altered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telemetry.derivation import Grid, derive, reach_ms
from telemetry.frames import PAGE_MS
from telemetry.merging import merge
from telemetry.model import DAY_MS, QUARTER_MS, Columns
from telemetry.stores.base import SeriesRow, Snapshot

Window = tuple[int, int]


def scan_layers(snapshot: Snapshot, key: int, start_ms: int, end_ms: int) -> Columns:
    """Sealed and hot readings of a range; not to be written to, others may hold the same arrays."""
    if end_ms <= start_ms:
        return Columns.empty()
    days = snapshot.days(key, start_ms // DAY_MS, (end_ms - 1) // DAY_MS)
    parts = [snapshot.blocks.decode(block.data) for block in days]
    parts += snapshot.hot(key, start_ms, end_ms)
    return merge(parts).between(start_ms, end_ms)


def scan_around(snapshot: Snapshot, row: SeriesRow, start_ms: int, end_ms: int) -> Columns:
    """The readings of a range, and before and after it as far as they matter to its buckets."""
    reach = reach_ms(row.series)
    if reach is not None:
        return scan_layers(snapshot, row.key, start_ms - reach, end_ms + reach)
    before, after = snapshot.neighbours(row.key, start_ms, end_ms)
    low = start_ms if before is None else before
    found = scan_layers(snapshot, row.key, low, end_ms if after is None else after + 1)
    first, last = np.searchsorted(found.times, (start_ms, end_ms))
    part = slice(max(0, int(first) - 1), int(last) + 1)
    return Columns(found.times[part], found.values[part], found.quality[part])


def window_around(snapshot: Snapshot, row: SeriesRow, start_ms: int, end_ms: int) -> Window:
    """The quarter-aligned range whose quarters readings of [start, end) can have altered."""
    reach = reach_ms(row.series)
    if reach is not None:
        low, high = start_ms - reach, end_ms + reach
    else:
        before, after = snapshot.neighbours(row.key, start_ms, end_ms)
        # Where a view is not of one moment, what was known to be there may be erased by now: then it reaches nowhere.
        earlier = scan_layers(snapshot, row.key, start_ms if before is None else before, start_ms).times
        later = scan_layers(snapshot, row.key, end_ms, end_ms if after is None else after + 1).times
        low = int(earlier[-1]) if len(earlier) else start_ms
        high = int(later[0]) + 1 if len(later) else end_ms
    return low // QUARTER_MS * QUARTER_MS, -(-high // QUARTER_MS) * QUARTER_MS


def dirty_windows(snapshot: Snapshot, row: SeriesRow, days: Sequence[int]) -> list[Window]:
    """Disjoint ranges whose quarters the changed days can have altered."""
    found: list[Window] = []
    at = 0
    while at < len(days):
        upto = at
        while upto + 1 < len(days) and days[upto + 1] == days[upto] + 1:
            upto += 1
        window = window_around(snapshot, row, days[at] * DAY_MS, (days[upto] + 1) * DAY_MS)
        if found and window[0] <= found[-1][1]:
            found[-1] = (found[-1][0], max(window[1], found[-1][1]))
        else:
            found.append(window)
        at = upto + 1
    return found


def touches(window: Window, page: int) -> bool:
    """Whether a window has a part on this page."""
    return window[0] < (page + 1) * PAGE_MS and window[1] > page * PAGE_MS


def derive_onto(snapshot: Snapshot, row: SeriesRow, page: int, grid: Grid, window: Window) -> None:
    """Derive the part of a window that lies on a page, in place."""
    origin = page * PAGE_MS
    start_ms, end_ms = max(window[0], origin), min(window[1], origin + PAGE_MS)
    fresh = derive(row.series, scan_around(snapshot, row, start_ms, end_ms), start_ms, end_ms)
    grid.put((start_ms - origin) // QUARTER_MS, fresh)
