"""How much surplus a household may be expected to have: the mean of the same quarter-hour on the last seven days."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
# A state of charge older than this says nothing about now, and neither does what was worked out from it.
FRESH_FOR = timedelta(minutes=15)
QUARTERS_PER_DAY = 96
DAYS = 7


def expected_surplus(export_wh: Ints, known: NDArray[np.bool_], *, quarters: int) -> Ints:
    """Return whole Wh for the `quarters` that follow a run of past ones, the last of which ends where they begin.

    A quarter is expected to be what it was at the same time (UTC, as the sun goes) on the last seven days that have
    already come to it; days on which it was not measured are left out, and without any nothing is expected.
    """
    past = len(export_wh)
    place = past + np.arange(quarters)
    days_back = -(-(place - past + 1) // QUARTERS_PER_DAY)
    rows = place[:, None] - (days_back[:, None] + np.arange(DAYS)[None, :]) * QUARTERS_PER_DAY
    there = rows >= 0
    rows = np.where(there, rows, 0)
    counted = there & known[rows] if past else np.zeros_like(there)
    energy = np.where(counted, export_wh[rows], 0).sum(axis=1) if past else np.zeros(quarters, np.int64)
    mean: Ints = energy // np.maximum(counted.sum(axis=1), 1)
    return mean


def battery_content(*, state_of_charge_pct: float, capacity_wh: int) -> int:
    """Return the whole Wh a battery holds at a state of charge, never more than it can hold."""
    share = min(max(state_of_charge_pct, 0.0), 100.0)
    # A state of charge has three decimals at most; beyond them lies only the noise of binary fractions.
    return round(share * 1000) * capacity_wh // 100_000
