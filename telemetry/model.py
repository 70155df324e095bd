"""The nouns of the store: series, readings, and what reads give back. Times are int64 ms since the epoch, UTC."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Self
from uuid import UUID

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

SECOND_MS = 1_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
QUARTER_MS = 900_000
QUARTERS_PER_DAY = 96

# Bits of a quarter's flags.
PRESENT = 1
ESTIMATED = 2
PARTIAL = 4
SIMULATED = 8
SUSPECT = 16


class Kind(StrEnum):
    """What a value of the series says about time."""

    GAUGE = "gauge"
    """The value at that instant."""
    MEAN = "mean"
    """The mean over the interval that starts at its time."""
    COUNTER = "counter"
    """A register that only rises."""
    INTERVAL = "interval"
    """The energy (or amount) of the interval that starts at its time."""


class Quality(IntEnum):
    """How a reading came to be; simulated never mixes with the others in one series."""

    MEASURED = 0
    ESTIMATED = 1
    SUBSTITUTED = 2
    SUSPECT = 3
    SIMULATED = 4


@dataclass(frozen=True)
class Series:
    """A registered series; `interval_ms` 0 means "until the next reading", `gap_ms` is how far values are bridged."""

    id: UUID
    unit: str
    kind: Kind
    interval_ms: int = 0
    gap_ms: int = 900_000
    simulated: bool = False


@dataclass(frozen=True)
class Reading:
    """One value at one time."""

    time_ms: int
    value: float
    quality: Quality


@dataclass(frozen=True, eq=False)
class Columns:
    """Readings of one series, sorted by time, each time once."""

    times: Int64s
    values: Floats
    quality: Bytes

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def empty(cls) -> Self:
        """No readings."""
        return cls(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.uint8))

    def between(self, start_ms: int, end_ms: int) -> Columns:
        """The readings of [start_ms, end_ms); views, not copies."""
        low, high = np.searchsorted(self.times, (start_ms, end_ms))
        return Columns(self.times[low:high], self.values[low:high], self.quality[low:high])

    def head(self, limit: int) -> Columns:
        """The first `limit` readings."""
        return Columns(self.times[:limit], self.values[:limit], self.quality[:limit])


@dataclass(frozen=True, eq=False)
class Batch:
    """Readings of any number of series in any order; of two with the same series and time the later one counts."""

    series_ids: Sequence[UUID]
    index: Int32s
    times: Int64s
    values: Floats
    quality: Bytes

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def of(
        cls,
        series_id: UUID,
        times: npt.ArrayLike,
        values: npt.ArrayLike,
        quality: npt.ArrayLike = Quality.MEASURED,
    ) -> Batch:
        """Readings of one series; one quality for all, or one each."""
        moments = np.atleast_1d(np.asarray(times, np.int64))
        return cls(
            [series_id],
            np.zeros(len(moments), np.int32),
            moments,
            np.atleast_1d(np.asarray(values, np.float64)),
            np.array(np.broadcast_to(np.asarray(quality, np.uint8), moments.shape)),
        )

    @classmethod
    def concat(cls, batches: Sequence[Batch]) -> Batch:
        """One batch with the readings of all, in their order."""
        ids: dict[UUID, int] = {}
        parts: list[Int32s] = []
        for batch in batches:
            places = np.array([ids.setdefault(one, len(ids)) for one in batch.series_ids], np.int32)
            parts.append(places[batch.index])
        return cls(
            list(ids),
            np.concatenate(parts or [np.empty(0, np.int32)]),
            np.concatenate([batch.times for batch in batches] or [np.empty(0, np.int64)]),
            np.concatenate([batch.values for batch in batches] or [np.empty(0, np.float64)]),
            np.concatenate([batch.quality for batch in batches] or [np.empty(0, np.uint8)]),
        )

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[UUID, int, float, int]]) -> Batch:
        """Readings given one by one as (series, time in ms, value, quality); for small batches."""
        listed = list(rows)
        ids: dict[UUID, int] = {}
        index = [ids.setdefault(row[0], len(ids)) for row in listed]
        return cls(
            list(ids),
            np.array(index, np.int32),
            np.array([row[1] for row in listed], np.int64),
            np.array([row[2] for row in listed], np.float64),
            np.array([row[3] for row in listed], np.uint8),
        )


@dataclass(frozen=True)
class WriteResult:
    """What a write took in; repeated readings count as accepted."""

    accepted: int


@dataclass(frozen=True)
class SealResult:
    """How many days of series were sealed and how many readings those hold; `more` when a limit ended the run."""

    days: int
    readings: int
    more: bool = False


@dataclass(frozen=True, eq=False)
class Curve:
    """Buckets made from readings: rows are series, columns are buckets; NaN where nothing was read."""

    starts: Int64s
    mean: Floats
    min: Floats
    max: Floats
    count: Int32s
    estimated: Bools


class _Shaped:
    """Mean, min and max, made when first asked for: most readers only want the energy."""

    def __init__(self, shapes: Callable[[], tuple[Floats, Floats, Floats]]) -> None:
        self._make_shapes = shapes

    @cached_property
    def _shapes(self) -> tuple[Floats, Floats, Floats]:
        return self._make_shapes()

    @property
    def mean(self) -> Floats:
        """Mean; NaN where there is nothing."""
        return self._shapes[0]

    @property
    def min(self) -> Floats:
        """Smallest value; NaN where there is nothing."""
        return self._shapes[1]

    @property
    def max(self) -> Floats:
        """Largest value; NaN where there is nothing."""
        return self._shapes[2]


class Quarters(_Shaped):
    """The 15-minute grid: rows are series, columns quarters.

    `energy` is exact in millionths of the unit (µWh for W and Wh). `mean`, `min` and `max` of counters and interval
    energies are the rate per hour over the quarter (Wh → W).
    """

    def __init__(
        self, starts: Int64s, energy: Int64s, flags: Bytes, shapes: Callable[[], tuple[Floats, Floats, Floats]]
    ) -> None:
        super().__init__(shapes)
        self.starts = starts
        self.energy = energy
        self.flags = flags


class Totals(_Shaped):
    """Sums over [edges[i], edges[i+1]) per series; energy exact in millionths of the unit.

    `covered` counts quarters that are there and not partial, `estimated` those of them that are estimated.
    `mean` is the mean of the quarters' means, `min` and `max` their extremes (of counters: mean power per quarter).
    """

    def __init__(
        self,
        energy: Int64s,
        covered: Int32s,
        estimated: Int32s,
        shapes: Callable[[], tuple[Floats, Floats, Floats]],
    ) -> None:
        super().__init__(shapes)
        self.energy = energy
        self.covered = covered
        self.estimated = estimated
