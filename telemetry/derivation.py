"""From readings to the 15-minute grid, in plain numpy: a pure function of the readings around the window.

Gauges hold their value until the next reading, at most `gap_ms` (time-weighted mean); means hold it for their interval
and are cut by the next. Registers become whole millionths of their unit first and are interpolated linearly at the
grid's edges, rounded there once, so that quarters add up to the register's difference exactly. A register that falls
starts anew: it is never negative or huge consumption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telemetry.model import (
    ESTIMATED,
    HOUR_MS,
    PARTIAL,
    PRESENT,
    QUARTER_MS,
    SIMULATED,
    SUSPECT,
    Bytes,
    Columns,
    Floats,
    Int64s,
    Kind,
    Series,
)

MICRO = 1_000_000
FULL_SHARE = 0.9
"""A bucket covered less than this is partial: single missed polls do not make a day incomplete."""
DECIMALS = 6
"""Means are kept to this many decimals, in blocks as on the fly."""
RESET_MICRO = 100 * MICRO
"""A register that falls to less than this (and to under 1 % of what it was) has restarted from zero."""
JUMP_W = 1_000_000.0
JUMP_MICRO = 100_000 * MICRO
"""More than this at more than that power is another meter's register, not consumption."""

_FLAG_OF_QUALITY = np.zeros(256, np.uint8)
_FLAG_OF_QUALITY[[1, 2]] = ESTIMATED
_FLAG_OF_QUALITY[3] = SUSPECT


class Grid:
    """Consecutive buckets of one series; without levels given, the rates of its amounts per quarter stand for them."""

    def __init__(self, flags: Bytes, energy: Int64s, levels: tuple[Floats, Floats, Floats] | None) -> None:
        self.flags = flags
        self.energy = energy
        self._levels = levels
        self._rates: Floats | None = None

    @classmethod
    def empty(cls, count: int, *, levels: bool) -> Grid:
        """Nothing known."""
        nothing = (np.full(count, np.nan), np.full(count, np.nan), np.full(count, np.nan)) if levels else None
        return cls(np.zeros(count, np.uint8), np.zeros(count, np.int64), nothing)

    @property
    def levels(self) -> tuple[Floats, Floats, Floats]:
        """Mean, min and max; NaN where there is nothing."""
        if self._levels is not None:
            return self._levels
        if self._rates is None:
            # Over the whole quarter, so that it follows from the energy alone.
            self._rates = np.where(self.flags > 0, self.energy / (MICRO * QUARTER_MS / HOUR_MS), np.nan)
        return self._rates, self._rates, self._rates

    @property
    def mean(self) -> Floats:
        """Mean per bucket."""
        return self.levels[0]

    @property
    def min(self) -> Floats:
        """Smallest value per bucket."""
        return self.levels[1]

    @property
    def max(self) -> Floats:
        """Largest value per bucket."""
        return self.levels[2]

    @property
    def nbytes(self) -> int:
        """Memory held, at most."""
        return self.flags.nbytes + self.energy.nbytes * (1 + len(self._levels or (0,)))

    def copy(self) -> Grid:
        """A grid of its own with the same content."""
        levels = self._levels
        own = None if levels is None else (levels[0].copy(), levels[1].copy(), levels[2].copy())
        return Grid(self.flags.copy(), self.energy.copy(), own)

    def put(self, at: int, other: Grid) -> None:
        """Overwrite from position `at`."""
        place = slice(at, at + len(other.flags))
        self.flags[place], self.energy[place] = other.flags, other.energy
        self._rates = None
        if self._levels is not None:
            for mine, fresh in zip(self._levels, other.levels, strict=True):
                mine[place] = fresh


def amounts(series: Series) -> bool:
    """Whether the values are amounts (registers, interval energies) rather than levels."""
    return series.kind in (Kind.COUNTER, Kind.INTERVAL)


def reach_ms(series: Series) -> int | None:
    """How far a reading can matter beyond its neighbours' times; None: to the next reading, however far."""
    if series.kind is Kind.COUNTER:
        return None
    return max(series.gap_ms, series.interval_ms, QUARTER_MS)


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Spans cut at the buckets' edges: which span, which bucket, from where to where."""

    source: Int64s
    bucket: Int64s
    start: Int64s
    end: Int64s


def _cut(starts: Int64s, ends: Int64s, window: tuple[int, int], step_ms: int) -> _Pieces:
    """Cut sorted, disjoint spans at the edges of the window's buckets; an empty span stays as an empty piece."""
    low, high = window
    from_ms, to_ms = np.maximum(starts, low), np.minimum(ends, high)
    kept = np.flatnonzero((to_ms > from_ms) | ((starts == ends) & (starts >= low) & (starts < high)))
    from_ms, to_ms = from_ms[kept], to_ms[kept]
    first = (from_ms - low) // step_ms
    counts = (np.maximum(to_ms - 1, from_ms) - low) // step_ms - first + 1
    source = np.repeat(np.arange(len(kept)), counts)
    offset = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
    bucket = first[source] + offset
    edge = low + bucket * step_ms
    return _Pieces(kept[source], bucket, np.maximum(from_ms[source], edge), np.minimum(to_ms[source], edge + step_ms))


def _groups(bucket: Int64s) -> Int64s:
    """Where each run of equal buckets starts."""
    return np.concatenate(([0], np.flatnonzero(bucket[1:] != bucket[:-1]) + 1))


def _widths(series: Series, times: Int64s) -> Int64s:
    """How long each value holds."""
    until_next = np.append(np.diff(times), np.iinfo(np.int64).max)
    if series.kind is Kind.INTERVAL:
        return np.asarray(np.minimum(until_next, series.interval_ms or QUARTER_MS))
    if series.kind is Kind.MEAN and series.interval_ms:
        return np.asarray(np.minimum(until_next, series.interval_ms))
    return np.where(until_next <= series.gap_ms, until_next, 0)


def _derive_levels(series: Series, columns: Columns, window: tuple[int, int], step_ms: int, grid: Grid) -> None:
    pieces = _cut(columns.times, columns.times + _widths(series, columns.times), window, step_ms)
    if not len(pieces.bucket):
        return
    at = _groups(pieces.bucket)
    bucket = pieces.bucket[at]
    length = pieces.end - pieces.start
    values = columns.values[pieces.source]
    covered = np.add.reduceat(length, at)
    weighted = np.add.reduceat(values * length, at)
    count = np.diff(np.append(at, len(values)))
    plain = np.add.reduceat(values, at) / count
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(covered > 0, weighted / covered, plain)
    low, high = np.minimum.reduceat(values, at), np.maximum.reduceat(values, at)
    # Rounding must not push the mean of equal values beyond them.
    grid.mean[bucket] = np.clip(np.round(mean, DECIMALS), low, high)
    grid.min[bucket], grid.max[bucket] = low, high
    if series.unit == "W":
        grid.energy[bucket] = np.rint(weighted / (HOUR_MS / MICRO)).astype(np.int64)
    flags = np.bitwise_or.reduceat(_FLAG_OF_QUALITY[columns.quality[pieces.source]], at)
    grid.flags[bucket] = flags | PRESENT | np.where(covered < step_ms * FULL_SHARE, PARTIAL, 0).astype(np.uint8)


def _register_steps(series: Series, columns: Columns) -> tuple[Int64s, Bytes]:
    """What was counted between consecutive readings, and what is doubtful about it."""
    register = np.rint(columns.values * MICRO).astype(np.int64)
    steps = np.diff(register)
    lengths = np.diff(columns.times)
    doubt = _FLAG_OF_QUALITY[columns.quality]
    flags = doubt[1:] | doubt[:-1]
    flags |= np.where(lengths > series.gap_ms, ESTIMATED, 0).astype(np.uint8)
    odd = steps < 0
    if series.unit == "Wh":
        odd |= (steps > JUMP_MICRO) & (steps / MICRO > JUMP_W * (lengths / HOUR_MS))
    if odd.any():
        restarted = (steps < 0) & (register[1:] <= RESET_MICRO) & (register[1:] < register[:-1] / 100)
        steps = np.where(odd, np.where(restarted, register[1:], 0), steps)
        flags[odd] |= SUSPECT | ESTIMATED
    return steps, flags


def _derive_amounts(
    series: Series, columns: Columns, window: tuple[int, int], step_ms: int, grid: Grid
) -> tuple[Int64s, Int64s]:
    times = columns.times
    if series.kind is Kind.COUNTER:
        starts, ends = times[:-1], times[1:]
        amount, flags = _register_steps(series, columns)
    else:
        widths = _widths(series, times)
        starts, ends = times, times + widths
        amount = np.rint(columns.values * MICRO).astype(np.int64)
        flags = _FLAG_OF_QUALITY[columns.quality]
        flags = flags | np.where(widths > max(series.gap_ms, step_ms), ESTIMATED, 0).astype(np.uint8)
    pieces = _cut(starts, ends, window, step_ms)
    if not len(pieces.bucket):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    whole = amount[pieces.source]
    origin = starts[pieces.source]
    length = (ends - starts)[pieces.source]
    # Rounded at each edge: pieces of one span always add up to it.
    upto = np.rint(whole * ((pieces.end - origin) / length))
    since = np.rint(whole * ((pieces.start - origin) / length))
    at = _groups(pieces.bucket)
    bucket = pieces.bucket[at]
    covered = np.add.reduceat(pieces.end - pieces.start, at)
    grid.energy[bucket] = np.add.reduceat((upto - since).astype(np.int64), at)
    found = np.bitwise_or.reduceat(flags[pieces.source], at)
    grid.flags[bucket] = found | PRESENT | np.where(covered < step_ms * FULL_SHARE, PARTIAL, 0).astype(np.uint8)
    return bucket, covered


def derive(series: Series, columns: Columns, start_ms: int, end_ms: int, step_ms: int = QUARTER_MS) -> Grid:
    """The buckets of [start_ms, end_ms), from its readings and the nearest one before and after."""
    summed = amounts(series)
    # On the stored grid, rates follow from the energy; finer curves divide by what was covered.
    grid = Grid.empty((end_ms - start_ms) // step_ms, levels=not summed or step_ms != QUARTER_MS)
    window = (start_ms, end_ms)
    if not len(columns):
        return grid
    if not summed:
        _derive_levels(series, columns, window, step_ms, grid)
    else:
        bucket, covered = _derive_amounts(series, columns, window, step_ms, grid)
        if step_ms != QUARTER_MS:
            rate = grid.energy[bucket] / MICRO / (covered / HOUR_MS)
            for level in grid.levels:
                level[bucket] = rate
    if series.simulated:
        grid.flags[grid.flags > 0] |= SIMULATED
    return grid
