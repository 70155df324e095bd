"""What a household can sell now and in the quarter-hours to come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from marketplace.models import SellableEnergy
from marketplace.models.offers import NOW_SLOT
from myhouse.models import Household


@dataclass(frozen=True)
class SellableSlot:
    """The surplus expected in the quarter-hour from `start` on, and what of it is not spoken for; whole Wh."""

    start: datetime
    expected_wh: int
    free_wh: int


@dataclass(frozen=True)
class Sellable:
    """What the battery holds, what of it can be offered, and the expected surplus of the quarter-hours to come."""

    stored_wh: int = 0
    stored_free_wh: int = 0
    slots: list[SellableSlot] = field(default_factory=list)
    refreshed_at: datetime | None = None


def sellable_of(*, household: Household, now: datetime) -> Sellable:
    """Return what was found out by the last refresh; one query."""
    stored: SellableEnergy | None = None
    slots = []
    rows = SellableEnergy.objects.filter(household_id=household.pk).exclude(
        slot_start__gt=NOW_SLOT, slot_start__lt=now
    )
    for row in rows.order_by("slot_start"):
        if row.slot_start == NOW_SLOT:
            stored = row
        else:
            slots.append(SellableSlot(row.slot_start, row.expected_wh, free_of(row)))
    if stored is None:
        return Sellable(slots=slots)
    return Sellable(stored.expected_wh, free_of(stored), slots, stored.refreshed_at)


def window_slots(*, household: Household, start: datetime, end: datetime) -> dict[datetime, int]:
    """Return what is not spoken for in each quarter-hour of [start, end)."""
    rows = SellableEnergy.objects.filter(household_id=household.pk, slot_start__gte=start, slot_start__lt=end)
    return {row.slot_start: free_of(row) for row in rows.order_by("slot_start")}


def window_free_wh(*, household: Household, start: datetime, end: datetime) -> int:
    """Return how much of a window's expected surplus is not spoken for."""
    return sum(window_slots(household=household, start=start, end=end).values())


def free_of(row: SellableEnergy) -> int:
    """Return what can still be offered of a slot."""
    return max(row.expected_wh - row.offered_wh - row.sold_wh, 0)
