"""The pages of a series, complete at any moment: stored where they stand, derived where readings changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from telemetry.derivation import Grid
from telemetry.frames import page_decode, page_empty
from telemetry.memory import Memory
from telemetry.stores.base import SeriesRow, Snapshot
from telemetry.windows import derive_onto, dirty_windows, touches, window_around

FRAME_BYTES = 32 * 1024 * 1024

Mark = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Frame:
    """A page as it was at a mark; `clean` if it is the stored block as it stands. Its grid is never written to."""

    mark: Mark
    rev: int
    clean: bool
    grid: Grid


class Grids:
    """Remembers pages and brings them up to date by as little work as will do."""

    def __init__(self, limit_bytes: int = FRAME_BYTES) -> None:
        self._frames: Memory[tuple[int, int], Frame] = Memory(limit_bytes)

    def ahead(self, snapshot: Snapshot, rows: Iterable[tuple[SeriesRow, Mark]], pages: range) -> None:
        """Let the snapshot read what many series need together, before they are looked at one by one."""
        stale: list[int] = []
        fresh: set[int] = set()
        for row, mark in rows:
            held = [self._frames.get((row.key, page)) for page in pages]
            if any(frame is None or frame.mark != mark for frame in held):
                stale.append(row.key)
                if not any(held):
                    fresh.add(row.key)
        if len(stale) > 1:
            snapshot.ahead(stale, pages, fresh=fresh)

    def pages(self, snapshot: Snapshot, row: SeriesRow, mark: Mark, pages: range) -> list[Grid]:
        """These pages of a series as the snapshot has them."""
        held = {page: self._frames.get((row.key, page)) for page in pages}
        stale = [page for page, frame in held.items() if frame is None or frame.mark != mark]
        fresh = self._renewed(snapshot, row, mark, {page: held[page] for page in stale}) if stale else {}
        for page, frame in fresh.items():
            self._frames.put((row.key, page), frame, frame.grid.nbytes)
        complete = [fresh.get(page, frame) for page, frame in held.items()]
        return [frame.grid for frame in complete if frame is not None]

    def _renewed(
        self, snapshot: Snapshot, row: SeriesRow, mark: Mark, held: dict[int, Frame | None]
    ) -> dict[int, Frame]:
        """Only what came since, where the pages are known from before it; otherwise all that is out of date."""
        found: dict[int, Frame] = {}
        by_mark: dict[int, list[int]] = {}
        for page, old in held.items():
            if old is not None and old.mark[0] == mark[0] and old.mark[1] <= mark[1]:
                by_mark.setdefault(old.mark[1], []).append(page)
        for since, pages in by_mark.items():
            span = snapshot.hot_since(row.key, since)
            window = window_around(snapshot, row, span[0], span[1] + 1) if span is not None else (0, 0)
            for page in pages:
                old = held[page]
                if old is None:
                    continue
                if not touches(window, page):
                    found[page] = Frame(mark, old.rev, old.clean, old.grid)
                    continue
                grid = old.grid.copy()
                derive_onto(snapshot, row, page, grid, window)
                found[page] = Frame(mark, old.rev, clean=False, grid=grid)
        rest = {page: old for page, old in held.items() if page not in found}
        if rest:
            found.update(self._derived(snapshot, row, mark, rest))
        return found

    def _derived(
        self, snapshot: Snapshot, row: SeriesRow, mark: Mark, held: dict[int, Frame | None]
    ) -> dict[int, Frame]:
        """Stored pages with their dirty days derived anew; from memory where the stored page is still the same."""
        first, last = min(held), max(held)
        windows = dirty_windows(snapshot, row, snapshot.dirty_days([row.key])[row.key])
        known = any(frame is not None for frame in held.values())
        revs = snapshot.page_revs(row.key, first, last) if known else {}
        found: dict[int, Frame] = {}
        wanted: list[int] = []
        for page, old in held.items():
            dirty = any(touches(window, page) for window in windows)
            if old is not None and old.clean and not dirty and old.rev == revs.get(page, 0):
                found[page] = Frame(mark, old.rev, clean=True, grid=old.grid)
            else:
                wanted.append(page)
        if not wanted:
            return found
        blocks = {block.number: block for block in snapshot.pages(row.key, min(wanted), max(wanted))}
        for page in wanted:
            block = blocks.get(page)
            grid = page_decode(row.series, block.data) if block else page_empty(row.series)
            parts = [window for window in windows if touches(window, page)]
            for window in parts:
                derive_onto(snapshot, row, page, grid, window)
            found[page] = Frame(mark, block.rev if block else 0, clean=not parts, grid=grid)
        return found
