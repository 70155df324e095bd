"""What traded energy would have cost, or earned, at the household's own supplier."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Literal

import numpy as np

from myhouse.models import Household
from myhouse.selectors.home import Home, home_load
from myhouse.tariffs.pricing import UNKNOWN
from telemetry.model import QUARTER_MS


class Alternatives:
    """The gross price per Wh of the contract in force in each quarter-hour, looked up when first asked for."""

    def __init__(self, *, household_id: uuid.UUID, direction: Literal["import", "export"], now: datetime) -> None:
        self._household_id, self._direction, self._now = household_id, direction, now
        self._prices: dict[int, int] = {}

    @cached_property
    def _home(self) -> Home:
        return home_load(household=Household.objects.get(pk=self._household_id), now=self._now)

    def load(self, slots_ms: Iterable[int]) -> None:
        """Look up many quarter-hours at once."""
        missing = {slot for slot in slots_ms if slot not in self._prices}
        if not missing:
            return
        starts = np.arange(min(missing), max(missing) + 1, QUARTER_MS, dtype=np.int64)
        prices = self._home.prices(self._direction, starts).tolist()
        self._prices |= dict(zip(starts.tolist(), prices, strict=True))

    def amount(self, slot_ms: int, energy_wh: int, *, otherwise: int) -> int:
        """Return what so many Wh would have come to, at the price the household is shown (whole µct per Wh).

        Without a contract, or before its market price is known, `otherwise`: no saving is claimed.
        """
        self.load([slot_ms])
        price = self._prices[slot_ms]
        return otherwise if price == UNKNOWN else price * energy_wh
