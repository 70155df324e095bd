"""Answers with nothing in them: every cell says that it is not there."""

from __future__ import annotations

import numpy as np

from telemetry.model import QUARTER_MS, Curve, Floats, Quarters, Totals


def curve_nothing(series: int, start_ms: int, end_ms: int, step_ms: int) -> Curve:
    """Buckets of which none has a reading."""
    count = -(-(end_ms - start_ms) // step_ms)
    starts = start_ms + step_ms * np.arange(count)
    blank = _blank(series, count)
    return Curve(starts, *blank, np.zeros((series, count), np.int32), np.zeros((series, count), np.bool_))


def quarters_nothing(series: int, start_ms: int, end_ms: int) -> Quarters:
    """Quarters that are not there."""
    starts = np.arange(start_ms, end_ms, QUARTER_MS, dtype=np.int64)
    shape = (series, len(starts))
    return Quarters(starts, np.zeros(shape, np.int64), np.zeros(shape, np.uint8), lambda: _blank(*shape))


def totals_nothing(series: int, count: int) -> Totals:
    """Sums that cover nothing."""
    shape = (series, count)
    nothing = np.zeros(shape, np.int32)
    return Totals(np.zeros(shape, np.int64), nothing, nothing.copy(), lambda: _blank(*shape))


def _blank(series: int, count: int) -> tuple[Floats, Floats, Floats]:
    return tuple(np.full((series, count), np.nan) for _ in range(3))  # type: ignore[return-value] # three of them
