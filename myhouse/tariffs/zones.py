"""Which zone of a time-of-use price holds when: a table over month, kind of day and quarter of the day."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from myhouse.tariffs.terms import TimeOfUse

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday")
HOLIDAY = 7


@dataclass(frozen=True)
class Uncovered:
    """A moment that no zone covers, or more than one (`zones` names them)."""

    day: str
    month: int
    clock: str
    zones: list[str]


def uncovered_moment(price: TimeOfUse) -> Uncovered | None:
    """Return the first moment that is not covered exactly once; nothing when all are."""
    counts = np.stack([_mask(price, zone) for zone in range(len(price.zones))]).sum(axis=0)
    if not price.knows_holidays:
        counts = counts[:, :HOLIDAY]
    wrong = np.argwhere(counts != 1)
    if not len(wrong):
        return None
    month, day, quarter = (int(n) for n in wrong[0])
    names = [
        zone.name
        for i, zone in enumerate(price.zones)
        if counts[month, day, quarter] and _mask(price, i)[month, day, quarter]
    ]
    return Uncovered(DAY_NAMES[day], month + 1, f"{quarter // 4:02}:{quarter % 4 * 15:02}", names)


@lru_cache(maxsize=1000)
def zone_table(price: TimeOfUse) -> NDArray[np.int64]:
    """Return the number of the zone per [month 0…11, day Monday…Sunday and holiday, quarter 0…95]."""
    table = np.full((12, 8, 96), -1, np.int64)
    for number in range(len(price.zones)):
        table[_mask(price, number) > 0] = number
    return table


def _mask(price: TimeOfUse, number: int) -> NDArray[np.int64]:
    """Count the windows of a zone over [month, day, quarter]."""
    counts = np.zeros((12, 8, 96), np.int64)
    for window in price.zones[number].windows:
        clock = np.zeros(96, np.int64)
        first, end = _quarter(window.since), _quarter(window.until)
        if end > first:
            clock[first:end] = 1
        else:
            clock[first:] = 1
            clock[:end] = 1
        months = sorted({month - 1 for month in window.months})
        days = sorted({DAY_NAMES.index(day) for day in window.days})
        counts[np.ix_(months, days)] += clock
    return counts


def _quarter(clock: str) -> int:
    return int(clock[:2]) * 4 + int(clock[3:]) // 15
