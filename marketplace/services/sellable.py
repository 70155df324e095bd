"""What a household can sell per slot: refreshed from battery and forecast, reserved by conditional updates.

`offered_wh` of a battery is what its open offers have not sold. Of a window's slots it is all of an open offer, sold
or not: a purchase touches no slot, and only when the offer ends does the sold part become `sold_wh`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError
from django.db.models import BigIntegerField, Case, F, Value, When

from marketplace.models import SellableEnergy
from marketplace.models.offers import NOW_SLOT
from marketplace.rules.forecast import DAYS, FRESH_FOR, QUARTERS_PER_DAY, battery_content, expected_surplus
from marketplace.services.turns import waits_for_readings
from myhouse.documents.atomic import atomic
from myhouse.documents.rows import row_change, rows_insert
from myhouse.models import CommunityMembership, Household
from myhouse.selectors.grid import BatteryState, battery_states, grid_quarters, producer_ids
from telemetry.calendar import utc_datetime, utc_ms
from telemetry.model import QUARTER_MS

# An offer is made on a row that is at most so old.
FRESH_TO_OFFER = timedelta(seconds=60)
QUARTER = timedelta(minutes=15)
AHEAD = timedelta(hours=48)
_SLOTS = AHEAD // QUARTER
_HISTORY_MS = (DAYS + 2) * QUARTERS_PER_DAY * QUARTER_MS
_KEPT = timedelta(days=4)
HOUSEHOLDS_PER_RUN = 100
_HOUSEHOLDS_AT_ONCE = 20
_ROWS_AT_ONCE = _SLOTS


def sellable_refresh(*, household: Household, now: datetime) -> None:
    """Bring a household's rows up to date: what its battery holds now, and the surplus of the next 48 hours."""
    stored_refresh(household_ids=[household.pk], now=now)
    slots_refresh(household_ids=[household.pk], now=now)


@waits_for_readings
def sellable_refresh_all(*, now: datetime) -> int:
    """Refresh every member household with a battery or production; returns how many got a new forecast.

    Batteries are looked at each time, with a handful of queries for all of them; a forecast changes only when a
    quarter-hour is over, and then some households follow in the next run.
    """
    memberships = CommunityMembership.objects.filter(starts_at__lte=now, ends_at__gt=now)
    members = memberships.values_list("household_id", flat=True)
    households = producer_ids(household_ids=list(members))
    stored_refresh(household_ids=households, now=now)
    last = _first_slot(now) + AHEAD - QUARTER
    there = SellableEnergy.objects.filter(household_id__in=households, slot_start=last)
    done = set(there.values_list("household_id", flat=True))
    due = [pk for pk in households if pk not in done][:HOUSEHOLDS_PER_RUN]
    for start in range(0, len(due), _HOUSEHOLDS_AT_ONCE):
        slots_refresh(household_ids=due[start : start + _HOUSEHOLDS_AT_ONCE], now=now)
    return len(due)


def stored_refresh(*, household_ids: Sequence[uuid.UUID], now: datetime) -> None:
    """Note what the batteries of these households hold; one whose state of charge is not fresh counts as empty."""
    states = battery_states(household_ids=household_ids, now=now, fresh=FRESH_FOR)
    # Also those whose battery was taken out: their row must not stay as it was.
    held = {pk: _content(states.get(pk, [])) for pk in household_ids}
    _written(lambda: _stored_write(held, set(states), now))


def slots_refresh(*, household_ids: Sequence[uuid.UUID], now: datetime) -> None:
    """Expect the surplus of the quarter-hours of the next 48 hours from the export of the last days."""
    first = _first_slot(now)
    past_end = utc_ms(first) - QUARTER_MS
    measured = grid_quarters(household_ids=household_ids, start_ms=past_end - _HISTORY_MS, end_ms=past_end)
    expected = {
        # The running quarter-hour is the first one expected; it is over before anything in it could be sold.
        pk: expected_surplus(found.export_wh, found.known, quarters=_SLOTS + 1)[1:].tolist()
        for pk, found in measured.items()
    }
    _written(lambda: _slots_write(expected, first, now))


def stored_offer(*, household_id: uuid.UUID, energy_wh: int, now: datetime) -> bool:
    """Reserve battery content for an offer (a negative amount gives back); false when there is not as much."""
    row = SellableEnergy.objects.filter(household_id=household_id, slot_start=NOW_SLOT)
    if energy_wh > 0:
        held = F("offered_wh") + F("sold_wh") + energy_wh
        row = row.filter(expected_wh__gte=held, refreshed_at__gte=now - FRESH_FOR)
    else:
        row = row.filter(offered_wh__gte=-energy_wh)
    return row.update(offered_wh=F("offered_wh") + energy_wh) == 1


def stored_sell(*, household_id: uuid.UUID, energy_wh: int, now: datetime) -> bool:
    """Turn offered battery content into sold; false when the battery no longer holds as much."""
    return row_change(
        SellableEnergy,
        equal={"household_id": household_id, "slot_start": NOW_SLOT},
        at_least={
            "offered_wh": energy_wh,
            "expected_wh": ("sold_wh", energy_wh),
            "refreshed_at": now - FRESH_FOR,
        },
        add={"offered_wh": -energy_wh, "sold_wh": energy_wh},
    )


def stored_deliver(*, household_id: uuid.UUID, energy_wh: int) -> None:
    """Note that sold battery content was exported, or need not be any more."""
    row = SellableEnergy.objects.filter(household_id=household_id, slot_start=NOW_SLOT, sold_wh__gte=energy_wh)
    if energy_wh and row.update(sold_wh=F("sold_wh") - energy_wh) != 1:
        raise ValueError(f"household {household_id} has sold less than {energy_wh} Wh")


def slots_offer(*, household_id: uuid.UUID, slots: Mapping[datetime, int]) -> bool:
    """Reserve expected surplus of quarter-hours; false when one of them has less (the caller then undoes all)."""
    wanted = _by_slot(slots)
    rows = SellableEnergy.objects.filter(
        household_id=household_id,
        slot_start__in=list(slots),
        expected_wh__gte=F("offered_wh") + F("sold_wh") + wanted,
    )
    return rows.update(offered_wh=F("offered_wh") + wanted) == len(slots)


def slots_end(*, household_id: uuid.UUID, slots: Mapping[datetime, int], sold: Mapping[datetime, int]) -> None:
    """End what an offer reserved: what it sold stays spoken for, the rest is free again."""
    if not slots:
        return
    rows = SellableEnergy.objects.filter(household_id=household_id, slot_start__in=list(slots))
    given_back = F("offered_wh") - _by_slot(slots)
    rows.update(offered_wh=given_back, sold_wh=F("sold_wh") + _by_slot(sold)) if sold else rows.update(
        offered_wh=given_back
    )


def _by_slot(slots: Mapping[datetime, int]) -> Case:
    return Case(
        *(When(slot_start=slot, then=Value(energy)) for slot, energy in slots.items()),
        default=Value(0),
        output_field=BigIntegerField(),
    )


def _first_slot(now: datetime) -> datetime:
    """Return the first quarter-hour that has not begun."""
    return utc_datetime((utc_ms(now) // QUARTER_MS + 1) * QUARTER_MS)


def _content(batteries: Sequence[BatteryState]) -> int:
    return sum(
        battery_content(state_of_charge_pct=one.state_of_charge_pct, capacity_wh=one.capacity_wh)
        for one in batteries
        if one.state_of_charge_pct is not None
    )


def _written(write: Callable[[], None]) -> None:
    """Write; where another made the same new rows meanwhile (a member's offer and the worker), then over those."""
    try:
        write()
    except IntegrityError:
        write()


@atomic
def _stored_write(held: dict[uuid.UUID, int], with_battery: set[uuid.UUID], now: datetime) -> None:
    """Write only what a worker knows: what is offered and sold belongs to the trades."""
    rows = {
        row.household_id: row
        for row in SellableEnergy.objects.filter(household_id__in=list(held), slot_start=NOW_SLOT)
    }
    for pk, row in rows.items():
        row.expected_wh, row.refreshed_at = held[pk], now
    SellableEnergy.objects.bulk_update(rows.values(), ["expected_wh", "refreshed_at"], batch_size=100)
    SellableEnergy.objects.bulk_create(
        SellableEnergy(household_id=pk, slot_start=NOW_SLOT, expected_wh=held[pk], refreshed_at=now)
        for pk in held
        if pk in with_battery and pk not in rows
    )


@atomic
def _slots_write(expected: dict[uuid.UUID, list[int]], first: datetime, now: datetime) -> None:
    """Write the slots whose expectation changed, add those that are new, drop those of days ago."""
    households = list(expected)
    there = SellableEnergy.objects.filter(household_id__in=households, slot_start__gte=first)
    rows = {(row.household_id, row.slot_start): row for row in there}
    changed, new = [], []
    for pk, energies in expected.items():
        for place, energy in enumerate(energies):
            slot = first + place * QUARTER
            row = rows.get((pk, slot))
            if row is None:
                new.append(SellableEnergy(household_id=pk, slot_start=slot, expected_wh=energy, refreshed_at=now))
            elif row.expected_wh != energy:
                row.expected_wh, row.refreshed_at = energy, now
                changed.append(row)
    SellableEnergy.objects.bulk_update(changed, ["expected_wh", "refreshed_at"], batch_size=100)
    for start in range(0, len(new), _ROWS_AT_ONCE):
        rows_insert(new[start : start + _ROWS_AT_ONCE])
    SellableEnergy.objects.filter(
        household_id__in=households, slot_start__gt=NOW_SLOT, slot_start__lt=now - _KEPT
    ).delete()
