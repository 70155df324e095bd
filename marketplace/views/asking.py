"""What an offer would bring, worked out while one types: per kWh, beside one's own tariffs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from marketplace.rules.prices import price_per_kwh
from myhouse.selectors.reference import Figures
from myhouse.selectors.tariffs import contract_rules, contracts_of, prices_shown
from myhouse.tariffs.pricing import UNKNOWN
from telemetry.model import QUARTER_MS

if TYPE_CHECKING:
    from marketplace.views.forms import OfferForm
    from marketplace.views.frame import Place
    from myhouse.models import Household


@dataclass(frozen=True)
class Asking:
    """An offer that could be made: whole Wh, micro-cents, and micro-cents per kWh."""

    energy_wh: int
    total_uct: int
    free_wh: int | None  # None: not known here
    feed_in_uct_kwh: int | None
    supplier_uct_kwh: int | None

    @property
    def price_uct_kwh(self) -> int:
        """The price of 1 kWh."""
        return price_per_kwh(total_uct=self.total_uct, energy_wh=self.energy_wh)

    @property
    def gain_uct(self) -> int | None:
        """What selling brings above feeding in."""
        if self.feed_in_uct_kwh is None:
            return None
        return self.total_uct - self.feed_in_uct_kwh * self.energy_wh // 1000

    @property
    def too_much(self) -> bool:
        """Whether not so much can be sold."""
        return self.free_wh is not None and self.energy_wh > self.free_wh

    @property
    def too_dear(self) -> bool:
        """Whether the household itself pays its supplier less than it asks."""
        return self.supplier_uct_kwh is not None and self.price_uct_kwh > self.supplier_uct_kwh


def asking_of(place: Place, form: OfferForm, *, time: tuple[datetime, datetime], free_wh: int | None) -> Asking | None:
    """Return what the form asks for so far; nothing while it does not say enough."""
    if not form.is_valid() or form.energy_wh() < 1:
        return None
    feed_in, supplier = (price_mean(place.household, direction, *time) for direction in ("export", "import"))
    return Asking(form.energy_wh(), form.total_uct(), free_wh, feed_in, supplier)


def price_mean(household: Household, direction: str, start: datetime, end: datetime) -> int | None:
    """Return what the contract in force says a kWh costs or earns in a time, on average, in micro-cents."""
    first = int(start.timestamp() * 1000) // QUARTER_MS * QUARTER_MS
    last = max(int(end.timestamp() * 1000), first + 1)
    starts = np.arange(first, last, QUARTER_MS, dtype=np.int64)
    zone = household.time_zone
    found = prices_shown(
        contracts=contract_rules(contracts=contracts_of(household=household), zone=zone),
        direction=direction,
        starts=starts,
        zone=zone,
        market=Figures.load().market,
    )
    known = found[found != UNKNOWN]
    return round(float(known.mean()) * 1000) if len(known) else None
