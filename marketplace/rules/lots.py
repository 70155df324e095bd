"""Using up traded energy against the meter: the oldest lot first, in the order of the quarter-hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.rules.shares import part_of


@dataclass(frozen=True)
class Stock:
    """A lot: usable from the quarter `first` on (counted from the first of the run); whole Wh and micro-cents."""

    first: int
    energy_wh: int
    used_wh: int
    money_uct: int


@dataclass(frozen=True)
class Use:
    """So many Wh of a lot (by its place) met the meter in a quarter, with their part of the lot's money."""

    lot: int
    quarter: int
    energy_wh: int
    money_uct: int


def lots_use(stocks: Sequence[Stock], metered_wh: Sequence[int]) -> list[Use]:
    """Use lots, given oldest first, against what each quarter still has; no quarter and no lot is used twice."""
    used = [stock.used_wh for stock in stocks]
    uses: list[Use] = []
    for quarter, metered in enumerate(metered_wh):
        free = metered
        for i, stock in enumerate(stocks):
            part = min(free, stock.energy_wh - used[i])
            if part <= 0 or stock.first > quarter:
                continue
            money = part_of(stock.money_uct, whole=stock.energy_wh, before=used[i], part=part)
            uses.append(Use(i, quarter, part, money))
            used[i] += part
            free -= part
            if free == 0:
                break
    return uses
