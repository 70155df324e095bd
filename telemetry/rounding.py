"""The only rounding of energy in the product: cumulated, so that parts add up to their whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from telemetry.model import Int64s

MICRO = 1_000_000


def _rounded(micro: Int64s) -> Int64s:
    """Whole units, half up (towards plus infinity)."""
    return np.asarray((micro + MICRO // 2) // MICRO)


def whole(exact_micro: npt.ArrayLike) -> Int64s:
    """Whole Wh from exact µWh along the last axis: part i is round(sum of the first i+1) − round(sum of the first i).

    The parts add up to the exact sum rounded once, half up; each is less than one unit from its own exact value.
    """
    exact = np.asarray(exact_micro, np.int64)
    sums = _rounded(np.cumsum(exact, axis=-1))
    return np.asarray(np.diff(sums, axis=-1, prepend=0), np.int64)


def whole_sum(exact_micro: npt.ArrayLike) -> Int64s:
    """The exact sum along the last axis, rounded once: what the parts of `whole` add up to."""
    return _rounded(np.asarray(exact_micro, np.int64).sum(axis=-1))
