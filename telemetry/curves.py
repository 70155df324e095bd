"""Short curves from readings: buckets of any length, gaps stay gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from telemetry.derivation import Grid, amounts, derive
from telemetry.model import ESTIMATED, Columns, Kind, Quality, Series

Bucketed = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]

_DOUBTFUL = np.zeros(256, np.bool_)
_DOUBTFUL[[Quality.ESTIMATED, Quality.SUBSTITUTED]] = True


def buckets(series: Series, columns: Columns, grid: tuple[int, int, int]) -> Bucketed:
    """Mean, min, max, count of readings and whether estimated, per bucket of (start, count, step).

    Levels: of the values read in the bucket, each counting the same; a mean longer than a bucket fills all it spans.
    Amounts: the rate per hour, as the readings around the bucket give it.
    """
    start_ms, count, step_ms = grid
    edges = start_ms + step_ms * np.arange(count + 1)
    inside = columns.between(start_ms, int(edges[-1]))
    places = np.searchsorted(inside.times, edges)
    counts = np.diff(places)
    if amounts(series) or (series.kind is Kind.MEAN and series.interval_ms > step_ms):
        found: Grid = derive(series, columns, start_ms, int(edges[-1]), step_ms)
        return found.mean, found.min, found.max, counts, (found.flags & ESTIMATED) > 0
    mean, low, high = (np.full(count, np.nan) for _ in range(3))
    estimated = np.zeros(count, np.bool_)
    there = np.flatnonzero(counts)
    if len(there):
        at = places[there]
        mean[there] = np.add.reduceat(inside.values, at) / counts[there]
        low[there] = np.minimum.reduceat(inside.values, at)
        high[there] = np.maximum.reduceat(inside.values, at)
        if inside.quality.any():
            estimated[there] = np.logical_or.reduceat(_DOUBTFUL[inside.quality], at)
    return mean, low, high, counts, estimated
