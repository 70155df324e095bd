"""What the demo's neighbours are like as traders: decided by the seed alone, like everything else about them."""

from __future__ import annotations

from dataclasses import dataclass

from devices.simulator.community import Spec, homes_plan
from devices.simulator.noise import key_of, uniform

# The first homes have logins: what they do is left to who signs in there.
VISITORS = 2
_CHARACTER = 61
_TENTH_OF_A_CENT = 100_000
_CENT = 1_000_000


@dataclass(frozen=True, slots=True)
class Trader:
    """A home in the market: what it has to sell, what it asks and what it gives for 1 kWh, how much it wants."""

    index: int
    has_battery: bool
    has_surplus: bool
    ask_uct_kwh: int
    bid_uct_kwh: int
    appetite_wh: int

    @property
    def is_visitor(self) -> bool:
        """Whether somebody may sign in as this home."""
        return self.index < VISITORS


def traders_plan(spec: Spec) -> tuple[Trader, ...]:
    """One trader per home, in their order. Asks and bids lie between feed-in tariff and supplier's price."""
    plan = []
    for home in homes_plan(seed=spec.seed, homes=spec.homes):
        key = key_of(spec.seed, _CHARACTER, home.index)
        plan.append(
            Trader(
                index=home.index,
                has_battery=home.pack is not None,
                has_surplus=home.roof is not None or home.mill is not None,
                ask_uct_kwh=(128 + int(uniform(key, 0) * 90)) * _TENTH_OF_A_CENT,
                bid_uct_kwh=(200 + int(uniform(key, 1) * 80)) * _TENTH_OF_A_CENT,
                appetite_wh=3_000 + 250 * int(uniform(key, 2) * 25),
            )
        )
    return tuple(plan)


def price_of(energy_wh: int, uct_kwh: int) -> int:
    """The total price of so much energy, in micro-cents, to the whole cent and never nothing."""
    cents = round(energy_wh * uct_kwh / (1_000 * _CENT))
    return max(cents, 1) * _CENT


def part_of(free_wh: int, share: float, *, step_wh: int = 50) -> int:
    """A share of what is free, rounded down to what people say."""
    return int(free_wh * share) // step_wh * step_wh
