"""Exact money for many quarter-hours at once: whole micro-cents plus a part of it, never a float.

1 micro-cent (µct) is 1e-6 cent; a euro is 1e8 µct. Energy in µWh times a price in µct per Wh, and VAT in
per mille on top, is exact in billionths of a micro-cent, and that is what is kept until the edges of an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
NANO = 1_000_000_000
MICRO = 1_000_000


@dataclass(frozen=True)
class Exact:
    """An amount per quarter-hour: `whole` µct + `nano` billionths of one, 0 ≤ nano < 1e9."""

    whole: Ints
    nano: Ints

    @classmethod
    def zeros(cls, count: int) -> Exact:
        """Return nothing, `count` times."""
        return cls.of_whole(np.zeros(count, np.int64))

    @classmethod
    def of_whole(cls, micro_cents: Ints) -> Exact:
        """Return whole micro-cents."""
        return cls(micro_cents, np.zeros_like(micro_cents))

    @classmethod
    def of_product(cls, energy_micro_wh: Ints, price: Ints | int) -> Exact:
        """Return energy (µWh) times price (µct per Wh); |price| must be below 1e9."""
        part: Ints = energy_micro_wh % MICRO * price
        whole: Ints = energy_micro_wh // MICRO * price + part // MICRO
        nano: Ints = part % MICRO * 1000
        return cls(whole, nano)

    def __add__(self, other: Exact) -> Exact:
        """Add quarter by quarter."""
        carry, nano = np.divmod(self.nano + other.nano, NANO)
        return Exact(self.whole + other.whole + carry, nano)

    def __sub__(self, other: Exact) -> Exact:
        """Subtract quarter by quarter."""
        carry, nano = np.divmod(self.nano - other.nano, NANO)
        return Exact(self.whole - other.whole + carry, nano)

    def with_vat(self, per_mille: int) -> Exact:
        """Return the amounts with VAT on top; exact for amounts made by `of_product` and `of_whole`."""
        factor = 1000 + per_mille
        whole, rest = np.divmod(self.whole * factor, 1000)
        carry, nano = np.divmod(rest * MICRO + self.nano // 1000 * factor, NANO)
        return Exact(whole + carry, nano)

    def between(self, cuts: Ints) -> list[int]:
        """Return whole µct per bucket [cuts[i], cuts[i+1]) of quarter positions.

        The only rounding: the running sum is rounded half up at each cut, so buckets add up to the whole span
        rounded once.
        """
        whole = np.concatenate(([0], np.cumsum(self.whole)))[cuts]
        nano = np.concatenate(([0], np.cumsum(self.nano)))[cuts]
        rounded = whole + (nano + NANO // 2) // NANO
        return [int(amount) for amount in np.diff(rounded)]

    def total(self) -> int:
        """Return the sum in whole µct, rounded once."""
        return sum(self.between(np.array([0, len(self.whole)])))

    def where(self, mask: NDArray[np.bool_]) -> Exact:
        """Keep the amounts where the mask holds, nothing elsewhere."""
        return Exact(np.where(mask, self.whole, 0), np.where(mask, self.nano, 0))

    def placed(self, first: int, count: int) -> Exact:
        """Return `count` quarters of which ours begin at position `first`; the others are nothing."""
        result = Exact.zeros(count)
        result.whole[first : first + len(self.whole)] = self.whole
        result.nano[first : first + len(self.nano)] = self.nano
        return result

    def __getitem__(self, part: slice) -> Exact:
        """Return a run of quarters."""
        return Exact(self.whole[part], self.nano[part])
