"""What of a household's import and export was its neighbours' (settings.ENERGY_SOURCES)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from django.db.models import CharField
from django.db.models.functions import Cast
from numpy.typing import NDArray

from marketplace.models import Allocation
from marketplace.models.offers import Side
from marketplace.selectors.slots import slots_ms
from myhouse.statistics.sources import EnergyShare
from telemetry.calendar import utc_datetime
from telemetry.model import QUARTER_MS

if TYPE_CHECKING:
    from myhouse.models import Household

Ints = NDArray[np.int64]
NEIGHBOURS = "neighbours"
MICRO = 1_000_000
_DIRECTIONS: dict[Side, Literal["import", "export"]] = {Side.IMPORT: "import", Side.EXPORT: "export"}


def energy_sources(*, household: Household, starts_ms: Ints) -> list[EnergyShare]:
    """Return what was bought from and sold to neighbours in an unbroken run of quarter-hours; one query.

    A quarter-hour was never allocated more than its meter had counted then; should the meter be corrected to less
    afterwards, the statistics cut the share to what was metered.
    """
    if not len(starts_ms):
        return []
    first, end = int(starts_ms[0]), int(starts_ms[-1]) + QUARTER_MS
    rows = Allocation.objects.filter(
        household_id=household.pk, slot_start__gte=utc_datetime(first), slot_start__lt=utc_datetime(end)
    )
    found = list(rows.values_list("side", Cast("slot_start", CharField()), "energy_wh", "money_uct"))
    return [_share(side, found, first, len(starts_ms)) for side in Side if any(row[0] == side for row in found)]


def _share(side: Side, found: list[tuple[Any, ...]], first_ms: int, count: int) -> EnergyShare:
    mine = [row for row in found if row[0] == side]
    places = (slots_ms([row[1] for row in mine]) - first_ms) // QUARTER_MS
    energy, money = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.add.at(energy, places, np.array([row[2] for row in mine], np.int64))
    np.add.at(money, places, np.array([row[3] for row in mine], np.int64))
    return EnergyShare(
        name=NEIGHBOURS, direction=_DIRECTIONS[side], energy=np.maximum(energy, 0) * MICRO, money_uct=money
    )
