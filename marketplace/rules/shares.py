"""Splitting whole numbers so that the parts always add up: by cumulative floors, or by the largest remainder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise


def part_of(total: int, *, whole: int, before: int, part: int) -> int:
    """Return what `part` of a `whole` gets of `total` when `before` was given out: ⌊T·(b+p)/W⌋ − ⌊T·b/W⌋."""
    return total * (before + part) // whole - total * before // whole


def pro_rata(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion to weights by cumulative floors; nobody gets more than his weight if all fits."""
    whole = sum(weights)
    if whole <= 0:
        return [0] * len(weights)
    reached = [total * running // whole for running in accumulate(weights, initial=0)]
    return [after - before for before, after in pairwise(reached)]


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion to weights: floors first, then one each to the largest remainders, earlier first."""
    whole = sum(weights)
    if whole <= 0:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts
