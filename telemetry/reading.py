"""Reading the store: layers merged, quarters completed on the fly, answers remembered while nothing changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from telemetry.curves import buckets
from telemetry.errors import UnableToRead
from telemetry.frames import PAGE_MS
from telemetry.grids import Grids
from telemetry.memory import Memory
from telemetry.merging import merge
from telemetry.model import (
    DAY_MS,
    ESTIMATED,
    PARTIAL,
    PRESENT,
    QUARTER_MS,
    Columns,
    Curve,
    Floats,
    Int64s,
    Quarters,
    Reading,
    Series,
    Totals,
)
from telemetry.stores.base import Backend, SeriesRow, Snapshot
from telemetry.windows import scan_around, scan_layers

SERIES_AT_ONCE = 500
MAX_BUCKETS = 20_000
MAX_CURVE_MS = 400 * DAY_MS
MAX_QUARTERS_MS = 60 * 366 * DAY_MS
MAX_CELLS = 10_000_000
SUM_BYTES = 8 * 1024 * 1024

Sums = tuple[Int64s, Int64s, Int64s]


class Reads:
    """The reading half of the store."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._known: dict[UUID, SeriesRow] = {}
        self._grids = Grids()
        self._sums: Memory[tuple[int, bytes], tuple[tuple[int, int], Sums]] = Memory(SUM_BYTES)

    def rows(self, ids: Iterable[UUID]) -> dict[UUID, SeriesRow]:
        """The registered ones among these ids; registrations never change, so they are remembered."""
        known = self._known
        missing = [one for one in ids if one not in known]
        if missing:
            known.update(self.backend.series_get(missing))
        return known

    def rows_forget(self) -> None:
        """Ask anew for every series; whoever is at work goes on with what he has."""
        self._known = {}

    def series_get(self, ids: Sequence[UUID]) -> dict[UUID, Series]:
        """The registered ones among these ids."""
        known = self.rows(ids)
        return {one: known[one].series for one in ids if one in known}

    def series_all(self) -> Iterator[Series]:
        """Every registered series."""
        for first in range(1, self.backend.series_last() + 1, SERIES_AT_ONCE):
            some = self.backend.series_by_key(range(first, first + SERIES_AT_ONCE))
            known = self.rows([series.id for series in some.values()])
            for key, series in some.items():
                # A key can be given in vain: then its series has another one, or is not registered yet.
                if series.id in known and known[series.id].key == key:
                    yield series

    def _rows_of(self, ids: Sequence[UUID]) -> list[SeriesRow]:
        known = self.rows(ids)
        for one in ids:
            if one not in known:
                raise UnableToRead(f"Series {one} is not registered.", "series")
        return [known[one] for one in ids]

    def scan(self, series_id: UUID, start_ms: int, end_ms: int, limit: int | None) -> Columns:
        """Readings of [start_ms, end_ms), the last write of a time counts."""
        (row,) = self._rows_of([series_id])
        if limit is not None:
            return self._scan_some(row, start_ms, end_ms, limit)
        with self.backend.reading() as snapshot:
            return _own(scan_layers(snapshot, row.key, start_ms, end_ms))

    def _scan_some(self, row: SeriesRow, start_ms: int, end_ms: int, limit: int) -> Columns:
        """The first readings of a range, widening the part that is decoded until there are enough."""
        with self.backend.reading() as snapshot:
            bounds = snapshot.bounds(row.key)
            if bounds is None:
                return Columns.empty()
            at, end_ms = max(start_ms, bounds[0]), min(end_ms, bounds[1] + 1)
            span, parts, have = DAY_MS, list[Columns](), 0
            while at < end_ms and have < limit:
                upto = min(end_ms, (at // DAY_MS) * DAY_MS + span)
                parts.append(scan_layers(snapshot, row.key, at, upto))
                have += len(parts[-1])
                at, span = upto, span * 2
            return _own(merge(parts).head(limit))

    def latest(self, ids: Sequence[UUID]) -> dict[UUID, Reading]:
        """The newest reading of each series that has one; unknown series have none."""
        known = self.rows(ids)
        keys = {known[one].key: one for one in ids if one in known}
        with self.backend.reading() as snapshot:
            return {keys[key]: reading for key, reading in snapshot.latest(list(keys)).items()}

    def bounds(self, series_id: UUID) -> tuple[int, int] | None:
        """Times of the first and the last reading, or None."""
        (row,) = self._rows_of([series_id])
        with self.backend.reading() as snapshot:
            return snapshot.bounds(row.key)

    def curve(self, ids: Sequence[UUID], start_ms: int, end_ms: int, step_ms: int) -> Curve:
        """Buckets from readings."""
        rows = self._rows_of(ids)
        if not 1_000 <= step_ms <= DAY_MS:
            raise UnableToRead("A bucket lasts from 1 second to 1 day.", "step")
        if end_ms <= start_ms:
            raise UnableToRead("The end must lie after the start.", "end")
        count = -(-(end_ms - start_ms) // step_ms)
        if count > MAX_BUCKETS:
            raise UnableToRead(f"That is {count} buckets, at most {MAX_BUCKETS} are given; widen the step.", "step")
        if end_ms - start_ms > MAX_CURVE_MS:
            raise UnableToRead("A curve spans at most 400 days; ask for totals instead.", "start")
        with self.backend.reading() as snapshot:
            parts = [
                buckets(
                    row.series,
                    scan_around(snapshot, row, start_ms, start_ms + count * step_ms),
                    (start_ms, count, step_ms),
                )
                for row in rows
            ]
        starts = start_ms + step_ms * np.arange(count)
        columns = [np.array([part[at] for part in parts]).reshape(len(rows), count) for at in range(5)]
        return Curve(starts, columns[0], columns[1], columns[2], columns[3].astype(np.int32), columns[4].astype(bool))

    # Quarters

    def quarters(self, ids: Sequence[UUID], start_ms: int, end_ms: int) -> Quarters:
        """The 15-minute grid of a range."""
        rows = self._rows_of(ids)
        _check_edges(np.array([start_ms, end_ms], np.int64))
        if len(rows) * (end_ms - start_ms) // QUARTER_MS > MAX_CELLS:
            raise UnableToRead(f"At most {MAX_CELLS:,} quarters are given at once; ask for fewer series.", "series")
        pages = range(start_ms // PAGE_MS, (end_ms - 1) // PAGE_MS + 1)
        part = slice((start_ms - pages[0] * PAGE_MS) // QUARTER_MS, (end_ms - pages[0] * PAGE_MS) // QUARTER_MS)
        with self.backend.reading() as snapshot:
            marks = snapshot.marks([row.key for row in rows])
            if snapshot.reads_ahead:
                self._grids.ahead(snapshot, zip(rows, marks, strict=True), pages)
            grids = [self._grids.pages(snapshot, row, mark, pages) for row, mark in zip(rows, marks, strict=True)]
        starts = np.arange(start_ms, end_ms, QUARTER_MS, dtype=np.int64)
        shape = (len(rows), len(starts))

        def stacked(columns: Iterable[list[npt.NDArray[Any]]], dtype: type) -> npt.NDArray[Any]:
            return np.array([np.concatenate(column)[part] for column in columns], dtype).reshape(shape)

        def shapes() -> tuple[Floats, Floats, Floats]:
            low, middle, high = (
                stacked(([grid.levels[at] for grid in of_series] for of_series in grids), np.float64)
                for at in (1, 0, 2)
            )
            return middle, low, high

        return Quarters(
            starts,
            stacked(([grid.energy for grid in of_series] for of_series in grids), np.int64),
            stacked(([grid.flags for grid in of_series] for of_series in grids), np.uint8),
            shapes,
        )

    def totals(self, ids: Sequence[UUID], edges_ms: Int64s) -> Totals:
        """Sums between consecutive edges."""
        edges = np.ascontiguousarray(edges_ms, np.int64)
        rows = self._rows_of(ids)
        _check_edges(edges)
        asked = edges.tobytes()
        found: list[Sums] = []
        with self.backend.reading() as snapshot:
            marks = snapshot.marks([row.key for row in rows])
            if snapshot.reads_ahead:
                unknown = (
                    (row, mark)
                    for row, mark in zip(rows, marks, strict=True)
                    if (sums := self._sums.get((row.key, asked))) is None or sums[0] != mark
                )
                self._grids.ahead(snapshot, unknown, _pages_of(edges))
            for row, mark in zip(rows, marks, strict=True):
                known = self._sums.get((row.key, asked))
                if known is None or known[0] != mark:
                    known = (mark, self._sum(snapshot, row, mark, edges))
                    self._sums.put((row.key, asked), known, 24 * len(edges) + len(asked))
                found.append(known[1])
        shape = (len(rows), len(edges) - 1)
        energy, covered, estimated = (np.array([sums[at] for sums in found]).reshape(shape) for at in range(3))

        def shapes() -> tuple[Floats, Floats, Floats]:
            return _shapes(self.quarters(ids, int(edges[0]), int(edges[-1])), edges)

        return Totals(energy, covered.astype(np.int32), estimated.astype(np.int32), shapes)

    def _sum(self, snapshot: Snapshot, row: SeriesRow, mark: tuple[int, int], edges: Int64s) -> Sums:
        pages = _pages_of(edges)
        grids = self._grids.pages(snapshot, row, mark, pages)
        places = (edges - pages[0] * PAGE_MS) // QUARTER_MS
        low, high = int(places[0]), int(places[-1])
        at = places[:-1] - low
        flags = np.concatenate([grid.flags for grid in grids])[low:high]
        energy = np.add.reduceat(np.concatenate([grid.energy for grid in grids])[low:high], at)
        whole = (flags & (PRESENT | PARTIAL)) == PRESENT
        covered = np.add.reduceat(whole, at, dtype=np.int64)
        estimated = np.zeros(len(at), np.int64)
        if (flags & ESTIMATED).any():
            estimated = np.add.reduceat(whole & ((flags & ESTIMATED) > 0), at, dtype=np.int64)
        return energy, covered, estimated


def _pages_of(edges: Int64s) -> range:
    """The pages on which the quarters between the first and the last edge lie."""
    return range(int(edges[0]) // PAGE_MS, (int(edges[-1]) - 1) // PAGE_MS + 1)


def _own(columns: Columns) -> Columns:
    """Arrays the caller may do with as he likes."""
    return Columns(columns.times.copy(), columns.values.copy(), columns.quality.copy())


def _shapes(quarters: Quarters, edges: Int64s) -> tuple[Floats, Floats, Floats]:
    """Mean, min and max of the quarters between edges, leaving out those that are not there."""
    at = (edges[:-1] - edges[0]) // QUARTER_MS
    there = quarters.flags > 0
    count = np.add.reduceat(there, at, axis=1, dtype=np.int64)
    nothing = count == 0
    sums = np.add.reduceat(np.where(there, quarters.mean, 0.0), at, axis=1)
    low = np.minimum.reduceat(np.where(there, quarters.min, np.inf), at, axis=1)
    high = np.maximum.reduceat(np.where(there, quarters.max, -np.inf), at, axis=1)
    mean = sums / np.maximum(count, 1)
    return np.where(nothing, np.nan, mean), np.where(nothing, np.nan, low), np.where(nothing, np.nan, high)


def _check_edges(edges: Int64s) -> None:
    if len(edges) < 2 or bool((np.diff(edges) <= 0).any()):
        raise UnableToRead("The edges of a range must rise.", "edges")
    if bool((edges % QUARTER_MS).any()):
        raise UnableToRead("A range of quarters starts and ends on a quarter of an hour.", "edges")
    if int(edges[-1] - edges[0]) > MAX_QUARTERS_MS:
        raise UnableToRead("At most 60 years are given at once.", "edges")
