"""What a part of an offer costs, and the price shown per kWh; whole micro-cents."""

from __future__ import annotations

from marketplace.rules.shares import part_of

WH_PER_KWH = 1000


def part_price(*, total_uct: int, energy_wh: int, sold_wh: int, part_wh: int) -> int:
    """Return the price of a part when so much was sold before; the prices of all parts add up to the total."""
    return part_of(total_uct, whole=energy_wh, before=sold_wh, part=part_wh)


def price_per_kwh(*, total_uct: int, energy_wh: int) -> int:
    """Return the price of 1 kWh, rounded half up; only for sorting and showing."""
    return (2 * total_uct * WH_PER_KWH + energy_wh) // (2 * energy_wh)
