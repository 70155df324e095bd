"""The store: one class over any backend. No Django here; the clock is always given."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple
from uuid import UUID

import numpy as np

from telemetry.codec import columns_encode
from telemetry.cold.archive import Archive
from telemetry.cold.files import Files
from telemetry.derivation import Grid
from telemetry.errors import (
    ColdUnavailableError,
    CorruptBlockError,
    SeriesConflictError,
    StoreBusyError,
    UnableToWrite,
)
from telemetry.frames import PAGE_MS, page_decode, page_empty, page_encode
from telemetry.merging import merge
from telemetry.model import DAY_MS, Batch, Columns, SealResult, Series, WriteResult
from telemetry.pointers import pointer_decode
from telemetry.reading import Reads
from telemetry.stores.base import Backend, Block, DaySwap, HotBatch, PagesSwap, SeriesRow, Snapshot
from telemetry.validation import EARLIEST_MS, FactsKept, validate
from telemetry.windows import derive_onto, dirty_windows
from telemetry.writer import GroupWriter

STEP_DAYS = 256
STEP_READINGS = 500_000
MAX_TRIES = 20
FOLD_EVERY = 64
THAW_DAYS = 32

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
_KeyDay = tuple[int, int]
_UNREAD = (ColdUnavailableError, CorruptBlockError)


class _DayPart(NamedTuple):
    """New readings of one series and UTC day."""

    key: int
    day: int
    columns: Columns


class Store(Reads):
    """Writes, sealing and derivation; reading is inherited."""

    def __init__(self, backend: Backend, *, max_waiting: int | None = None) -> None:
        super().__init__(backend)
        self.archive: Archive | None = None
        options = {} if max_waiting is None else {"max_waiting": max_waiting}
        self._writer = GroupWriter(backend.hot_append, self._after_group, **options)
        self._groups = 0
        self._facts = FactsKept()

    def cold_use(self, files: Files) -> None:
        """Read archived days from these files from now on, and archive into them."""
        self.archive = Archive(self.backend, files)
        self.backend.blocks.cold = files.read

    def close(self) -> None:
        """Write what waits, then let go of the backend."""
        self._writer.close()
        self.backend.close()

    def series_register(self, series: Sequence[Series]) -> None:
        """Register those that are new; refuse the whole call if one differs from what is registered."""
        for one in series:
            if one.interval_ms < 0 or one.gap_ms <= 0 or not one.unit:
                raise SeriesConflictError(f"Series {one.id} needs a unit, an interval ≥ 0 and a gap > 0.")
        ids = [one.id for one in series]
        known = self.rows(ids)
        fresh = [one for one in series if one.id not in known]
        if fresh:
            self.backend.series_put(fresh)
            known = self.rows(ids)
        for one in series:
            there = known[one.id].series
            if there != one:
                raise SeriesConflictError(
                    f"Series {one.id} is registered as {there.kind.value} in {there.unit}; "
                    f"use a new series for {one.kind.value} in {one.unit}."
                )

    def rows_forget(self) -> None:
        """Ask anew for every series; whoever is at work goes on with what he has."""
        super().rows_forget()
        self._facts = FactsKept()

    # Writing

    def _checked(self, batch: Batch, now_ms: int) -> HotBatch:
        return validate(batch, self._facts.get(batch.series_ids, self.rows), now_ms)

    def write(self, batch: Batch, now_ms: int) -> WriteResult:
        """Durable on return."""
        hot = self._checked(batch, now_ms)
        if len(hot.keys):
            self._writer.submit(hot, now_ms).result()
        return WriteResult(len(hot.keys))

    async def write_async(self, batch: Batch, now_ms: int) -> WriteResult:
        """Durable once awaited."""
        hot = self._checked(batch, now_ms)
        if len(hot.keys):
            await asyncio.wrap_future(self._writer.submit(hot, now_ms))
        return WriteResult(len(hot.keys))

    def _after_group(self, now_ms: int) -> None:
        self._groups += 1
        if self._groups % FOLD_EVERY == 0:
            self.backend.hot_fold(now_ms=now_ms, only_if_due=True)

    def hot_fold(self, now_ms: int, *, only_if_due: bool = True) -> int:
        """Housekeeping of the hot layer; returns how many batches were folded."""
        return self.backend.hot_fold(now_ms=now_ms, only_if_due=only_if_due)

    def history_write(self, batch: Batch, now_ms: int, progress: Progress | None = None) -> WriteResult:
        """Seal past days directly, step by step; readings of today go the usual way. Safe to repeat."""
        hot = self._checked(batch, now_ms)
        total = len(hot.keys)
        past, today = _split_days(hot, now_ms // DAY_MS)
        done = 0
        self.backend.hot_fold(now_ms=now_ms, only_if_due=False)
        for step in _steps(past):
            self._seal_parts(step)
            done += sum(len(part.columns) for part in step)
            if progress is not None:
                progress(done, total)
        if len(today.keys):
            self._writer.submit(today, now_ms).result()
        if progress is not None:
            progress(total, total)
        return WriteResult(total)

    def _seal_parts(self, parts: list[_DayPart]) -> None:
        """Merge new readings over everything there is of their days; again where something came between."""
        for _attempt in range(MAX_TRIES):
            swaps: list[DaySwap] = []
            sources: list[_DayPart] = []
            with self.backend.reading() as snapshot:
                for part, swap in zip(parts, _swaps_of(snapshot, parts), strict=True):
                    if swap is not None:
                        swaps.append(swap)
                        sources.append(part)
            if not swaps:
                return
            parts = [sources[at] for at in self.backend.days_swap(swaps, over_hot=True)]
            if not parts:
                return
        raise StoreBusyError("The days being imported are being written by others; try again.")

    # Sealing

    def days_seal(self, now_ms: int, limit: int | None = None) -> SealResult:
        """Seal UTC days that ended; each step is whole in itself."""
        self.backend.hot_fold(now_ms=now_ms, only_if_due=False)
        before_day = now_ms // DAY_MS
        days = readings = 0
        unread: set[_KeyDay] = set()
        for _attempt in range(1_000_000):
            some = STEP_DAYS if limit is None else min(STEP_DAYS, limit - days)
            with self.backend.reading() as snapshot:
                places = [one for one in snapshot.hot_days(before_day, some + 1 + len(unread)) if one not in unread]
                swaps = [one for place in places[:some] if (one := _swap_readable(snapshot, place, unread))]
            if not places:
                break
            refused = set(self.backend.days_swap(swaps, over_hot=False))
            sealed = [swap for at, swap in enumerate(swaps) if at not in refused]
            days += len(sealed)
            readings += sum(len(swap.columns) for swap in sealed)
            if limit is not None and days >= limit:
                return SealResult(days, readings, more=len(places) > some)
        return SealResult(days, readings)

    # Quarters

    def quarters_refresh(self, now_ms: int, limit: int | None = None) -> int:
        """Store the quarters of changed days that ended; today's are derived by whoever reads them."""
        before_day = now_ms // DAY_MS
        done = 0
        idle = 0
        unread: set[_KeyDay] = set()
        while (limit is None or done < limit) and idle < MAX_TRIES:
            some = 4096 if limit is None else min(4096, limit - done)
            with self.backend.reading() as snapshot:
                places = [one for one in snapshot.dirty_some(before_day, some + len(unread)) if one not in unread]
            if not places:
                break
            by_key: dict[int, list[int]] = {}
            for key, day in places:
                by_key.setdefault(key, []).append(day)
            cleared = self._refresh_some(by_key, unread)
            done += cleared
            idle = 0 if cleared else idle + 1
        return done

    def _refresh_some(self, by_key: dict[int, list[int]], unread: set[_KeyDay]) -> int:
        series = self.backend.series_by_key(by_key)
        cleared = 0
        waiting: list[PagesSwap] = []
        for position, (key, days) in enumerate(by_key.items(), start=1):
            with self.backend.reading() as snapshot:
                try:
                    waiting.append(_swap_pages(snapshot, SeriesRow(key, series[key]), days))
                except _UNREAD as error:
                    logger.warning("The quarters of series %s wait: %s", series[key].id, error)
                    unread.update((key, day) for day in days)
            if sum(len(one.pages) for one in waiting) >= STEP_DAYS or position == len(by_key):
                refused = set(self.backend.pages_swap(waiting))
                cleared += sum(len(one.clear_days) for at, one in enumerate(waiting) if at not in refused)
                waiting = []
        return cleared

    # Erasing

    def forget(self, series_id: UUID, start_ms: int | None, end_ms: int | None) -> int:
        """Erase readings and what was derived from them."""
        row = self.rows([series_id]).get(series_id)
        if row is None:
            return 0
        start = EARLIEST_MS if start_ms is None else start_ms
        end = 1 << 52 if end_ms is None else end_ms
        if end <= start:
            raise UnableToWrite("The end must lie after the start.", "end")
        if self.archive is None:
            return self.backend.forget(row.key, start, end)
        with self.archive.erasing(row.key):
            self._thaw(row.key, range(start // DAY_MS, -(-end // DAY_MS)))
            return self.backend.forget(row.key, start, end)

    # Cold

    def thaw(self, series_id: UUID, start_ms: int, end_ms: int) -> int:
        """Bring archived days back into the hot store; returns how many."""
        row = self.rows([series_id]).get(series_id)
        if row is None or self.archive is None:
            return 0
        with self.archive.erasing(row.key):
            return self._thaw(row.key, range(start_ms // DAY_MS, -(-end_ms // DAY_MS)))

    def _thaw(self, key: int, days: range) -> int:
        """The same, by who keeps others from archiving them again meanwhile."""
        with self.backend.reading() as snapshot:
            bounds = snapshot.bounds(key)
        if bounds is None:
            return 0
        days = range(max(days[0], bounds[0] // DAY_MS), min(days[-1], bounds[1] // DAY_MS) + 1)
        return sum(self._thaw_some(key, days[at : at + THAW_DAYS]) for at in range(0, len(days), THAW_DAYS))

    def _thaw_some(self, key: int, days: range) -> int:
        done = 0
        for _attempt in range(MAX_TRIES):
            with self.backend.reading() as snapshot:
                blocks = snapshot.days(key, days[0], days[-1])
                cold = [block.number for block in blocks if pointer_decode(block.data) is not None]
                swaps = [_swap_sealing(snapshot, key, day) for day in cold]
            if not swaps:
                return done
            done += len(swaps) - len(self.backend.days_swap(swaps, over_hot=False))
        raise StoreBusyError("The archived days are being written by others; try again.")


def _split_days(hot: HotBatch, today: int) -> tuple[list[_DayPart], HotBatch]:
    """Past days apart, sorted and without repetitions; the rest as it came."""
    past = hot.times // DAY_MS < today
    rest = hot.where(~past)
    keys, times, values, quality = hot.where(past)
    same_key = len(keys) > 0 and bool((keys == keys[0]).all())
    if not (same_key and bool((times[1:] > times[:-1]).all())):
        order = np.lexsort((times, keys))
        keys, times = keys[order], times[order]
        last = np.append((keys[1:] != keys[:-1]) | (times[1:] != times[:-1]), np.ones(min(1, len(keys)), np.bool_))
        keys, times, order = keys[last], times[last], order[last]
        values, quality = values[order], quality[order]
    if not len(keys):
        return [], rest
    days = times // DAY_MS
    edges = np.flatnonzero((keys[1:] != keys[:-1]) | (days[1:] != days[:-1])) + 1
    bounds = [0, *edges.tolist(), len(keys)]
    parts = [
        _DayPart(int(keys[low]), int(days[low]), Columns(times[low:high], values[low:high], quality[low:high]))
        for low, high in pairwise(bounds)
    ]
    return parts, rest


def _steps(parts: list[_DayPart]) -> Iterator[list[_DayPart]]:
    """Bounded groups of days, each one transaction."""
    step: list[_DayPart] = []
    size = 0
    for part in parts:
        step.append(part)
        size += len(part.columns)
        if len(step) >= STEP_DAYS or size >= STEP_READINGS:
            yield step
            step, size = [], 0
    if step:
        yield step


def _swaps_of(snapshot: Snapshot, parts: list[_DayPart]) -> Iterator[DaySwap | None]:
    """The days with the new readings over all others, in order; None where that changes nothing."""
    for key, run in groupby(parts, key=lambda part: part.key):
        of_key = list(run)
        first, last = of_key[0].day, of_key[-1].day
        blocks = {block.number: block for block in snapshot.days(key, first, last)}
        hot_there = bool(snapshot.hot(key, first * DAY_MS, (last + 1) * DAY_MS))
        for part in of_key:
            yield _swap_of(snapshot, part, blocks.get(part.day), hot_there=hot_there)


def _swap_of(snapshot: Snapshot, part: _DayPart, block: Block | None, *, hot_there: bool) -> DaySwap | None:
    sealed = snapshot.blocks.decode(block.data) if block else Columns.empty()
    hot = snapshot.hot(part.key, part.day * DAY_MS, (part.day + 1) * DAY_MS) if hot_there else []
    whole = merge([sealed, *hot, part.columns])
    if not hot and _equal(whole, sealed):
        return None
    mark = snapshot.hot_day(part.key, part.day).mark if hot else 0
    rev = block.rev if block else 0
    return DaySwap(part.key, part.day, whole, columns_encode(whole), rev, mark, changed=True)


def _swap_sealing(snapshot: Snapshot, key: int, day: int) -> DaySwap:
    """The day's folded hot readings merged into its sealed block; what is read stays the same."""
    blocks = snapshot.days(key, day, day)
    hot = snapshot.hot_day(key, day)
    whole = merge([snapshot.blocks.decode(blocks[0].data), hot.columns]) if blocks else hot.columns
    rev = blocks[0].rev if blocks else 0
    return DaySwap(key, day, whole, columns_encode(whole), rev, hot.mark, changed=False)


def _swap_readable(snapshot: Snapshot, place: _KeyDay, unread: set[_KeyDay]) -> DaySwap | None:
    """The same; a day whose archived part cannot be read now waits, and keeps no other from being sealed."""
    try:
        return _swap_sealing(snapshot, *place)
    except _UNREAD as error:
        logger.warning("Readings that came late wait to be sealed: %s", error)
        unread.add(place)
        return None


def _equal(one: Columns, other: Columns) -> bool:
    return (
        np.array_equal(one.times, other.times)
        and np.array_equal(one.values, other.values)
        and np.array_equal(one.quality, other.quality)
    )


def _swap_pages(snapshot: Snapshot, row: SeriesRow, days: list[int]) -> PagesSwap:
    """The pages on which these changed days are brought up to date."""
    ((version, _mark),) = snapshot.marks([row.key])
    grids: dict[int, Grid] = {}
    for window in dirty_windows(snapshot, row, days):
        for page in range(window[0] // PAGE_MS, (window[1] - 1) // PAGE_MS + 1):
            if page not in grids:
                blocks = snapshot.pages(row.key, page, page)
                grids[page] = page_decode(row.series, blocks[0].data) if blocks else page_empty(row.series)
            derive_onto(snapshot, row, page, grids[page], window)
    pages = {page: page_encode(row.series, grid) for page, grid in grids.items()}
    return PagesSwap(row.key, version, pages, frozenset(days))
