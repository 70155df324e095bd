"""Exact money for many quarter-hours at once: whole numbers with a weight, never a float.

1 micro-cent (µct) is 1e-6 cent; a euro is 1e8 µct. Energy in µWh times a price in µct per Wh, with VAT in per mille
on top, is a whole number of billionths of a micro-cent; nothing is rounded before the edges of an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
NANO = 1_000_000_000
MICRO = 1_000_000


@dataclass(frozen=True, eq=False)
class Exact:
    """An amount per quarter-hour: the sum of `values × weight`, a weight being in billionths of a micro-cent.

    Values are added up as int64 (room for ten years of quarter-hours), weights applied to the sums as Python
    integers: so a price that is the same all the time costs no work per quarter-hour.
    """

    count: int
    terms: tuple[tuple[Ints, int], ...] = ()

    @classmethod
    def of_whole(cls, micro_cents: Ints) -> Exact:
        """Return whole micro-cents."""
        return cls(len(micro_cents), ((micro_cents, NANO),))

    @classmethod
    def of_product(cls, energy_micro_wh: Ints, price: Ints | int) -> Exact:
        """Return energy (µWh) times price (µct per Wh); a price that varies must stay below 1e7."""
        if isinstance(price, int):
            return cls(len(energy_micro_wh), ((energy_micro_wh, price * 1000),) if price else ())
        wh = energy_micro_wh // MICRO
        rest = energy_micro_wh - wh * MICRO
        return cls(len(energy_micro_wh), ((wh * price, NANO), (rest * price, 1000)))

    def __add__(self, other: Exact) -> Exact:
        """Add quarter by quarter."""
        return Exact(self.count, self.terms + other.terms)

    def with_vat(self, per_mille: int) -> Exact:
        """Return the amounts with VAT on top; once only, since a weight is exact in thousandths."""
        assert all(weight % 1000 == 0 for _values, weight in self.terms)
        return Exact(self.count, tuple((values, weight // 1000 * (1000 + per_mille)) for values, weight in self.terms))

    def between(self, cuts: Ints) -> list[int]:
        """Return whole µct per bucket [cuts[i], cuts[i+1]) of quarter positions.

        The only rounding: the running sum is rounded half up at each cut, so buckets add up to the whole span
        rounded once.
        """
        sums = [0] * len(cuts)
        for values, weight in self.terms:
            for i, value in enumerate(running(values)[cuts].tolist()):
                sums[i] += value * weight
        rounded = [(amount + NANO // 2) // NANO for amount in sums]
        return [after - before for before, after in pairwise(rounded)]

    def total(self) -> int:
        """Return the sum in whole µct, rounded once."""
        return sum(self.between(np.array([0, self.count])))

    def placed(self, first: int, count: int) -> Exact:
        """Return `count` quarters of which ours begin at position `first`; the others are nothing."""
        after = count - first - self.count
        return Exact(count, tuple((np.pad(values, (first, after)), weight) for values, weight in self.terms))

    def __getitem__(self, part: slice) -> Exact:
        """Return a run of quarters."""
        start, stop, _step = part.indices(self.count)
        return Exact(stop - start, tuple((values[part], weight) for values, weight in self.terms))


def running(values: NDArray[np.int64] | NDArray[np.bool_]) -> Ints:
    """Return the sums of the first 0, 1, 2 … values."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums
