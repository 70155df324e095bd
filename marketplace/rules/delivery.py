"""What a seller's meter says was delivered to the trades of his windows, quarter by quarter.

In each quarter-hour the export goes to the trades whose windows cover it, in proportion to what each still lacks.
So trades of one window share a shortage evenly, what one window has too much helps the other where they overlap,
and a window can be settled as soon as it is over: nothing later changes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.rules.shares import part_of, pro_rata


@dataclass(frozen=True)
class Promise:
    """Energy sold for the quarters [first, end), counted from the first of the run; whole Wh."""

    first: int
    end: int
    energy_wh: int


def deliver(export_wh: Sequence[int], promises: Sequence[Promise]) -> list[dict[int, int]]:
    """Return for each promise how many Wh met it in which quarter; together never more than was exported there."""
    lacking = [promise.energy_wh for promise in promises]
    delivered: list[dict[int, int]] = [{} for _promise in promises]
    for quarter, exported in enumerate(export_wh):
        covering = [i for i, p in enumerate(promises) if p.first <= quarter < p.end and lacking[i] > 0]
        needed = sum(lacking[i] for i in covering)
        shares = pro_rata(min(exported, needed), [lacking[i] for i in covering])
        for i, share in zip(covering, shares, strict=True):
            if share:
                delivered[i][quarter] = share
                lacking[i] -= share
    return delivered


def payment(*, total_uct: int, energy_wh: int, delivered_wh: int) -> int:
    """Return what is paid for the delivered part: ⌊total · delivered / energy⌋; the rest is refunded."""
    return part_of(total_uct, whole=energy_wh, before=0, part=delivered_wh)
