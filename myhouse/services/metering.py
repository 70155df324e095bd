"""Metering points, their batteries, and which telemetry series measures what in which period."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TypedDict

from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic, guard
from myhouse.documents.base import FOREVER
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import FieldError, Kind, NotFound, UnableTo
from myhouse.models import Battery, Household, Measurement, MeteringPoint
from myhouse.models.metering import PointRole, Quantity
from telemetry.model import Kind as SeriesKind
from telemetry.model import Series
from telemetry.services import series_register

_POINTS_AT_MOST = 200
_LIMITS = {"capacity_wh": 100_000_000, "max_charge_w": 10_000_000, "max_discharge_w": 10_000_000}
UNITS = {
    Quantity.POWER: "W",
    Quantity.STATE_OF_CHARGE: "%",
    Quantity.VOLTAGE_L1: "V",
    Quantity.VOLTAGE_L2: "V",
    Quantity.VOLTAGE_L3: "V",
    Quantity.FREQUENCY: "Hz",
    Quantity.GAS: "l",
    Quantity.WATER: "l",
}


class BatteryTerms(TypedDict):
    """What a battery can hold and how fast, in Wh and W."""

    capacity_wh: int
    max_charge_w: int
    max_discharge_w: int


class UnableToSaveMeteringPoint(UnableTo):
    """The metering point cannot be so."""


class UnableToMeasure(UnableTo):
    """The period or quantity of a measurement does not fit those that exist."""

    kind = Kind.CONFLICT


@atomic
def metering_point_create(
    *,
    household: Household,
    role: str,
    name: str,
    actor: Actor,
    now: datetime,
    parent: MeteringPoint | None = None,
    battery: BatteryTerms | None = None,
) -> MeteringPoint:
    """Add a place where energy is measured; a sub-meter may stand behind another point (its parent)."""
    guard("points", household.pk)
    name = " ".join(name.split())
    errors = _point_errors(household=household, role=role, name=name, parent=parent, battery=battery)
    if errors:
        raise UnableToSaveMeteringPoint(_("The metering point was not saved."), errors=errors)
    point = MeteringPoint.objects.create(household=household, role=role, name=name, parent=parent, created_at=now)
    if battery is not None:
        Battery.objects.create(metering_point=point, **battery)
    audit_record(actor=actor, action="metering_point.create", now=now, subject=point, details={"role": role})
    return point


@atomic
def metering_point_rename(*, point: MeteringPoint, name: str, actor: Actor, now: datetime) -> MeteringPoint:
    """Change what a metering point is called."""
    name = " ".join(name.split())
    errors = _name_errors(name)
    if errors:
        raise UnableToSaveMeteringPoint(_("The metering point was not saved."), errors=errors)
    before, point.name = point.name, name
    point.save(update_fields=["name"])
    audit_record(actor=actor, action="metering_point.rename", now=now, subject=point, details={"before": before})
    return point


@atomic
def metering_point_remove(*, point: MeteringPoint, actor: Actor, now: datetime) -> None:
    """Remove a metering point at which nothing was ever measured."""
    guard("points", point.household_id)
    guard("measured", point.pk)
    if Measurement.objects.filter(metering_point=point).exists():
        raise UnableToMeasure(_("Something was measured here, and history stays. Rename the point instead."))
    if MeteringPoint.objects.filter(parent=point).exists():
        raise UnableToMeasure(_("Other meters stand behind this one. Remove those first."))
    audit_record(actor=actor, action="metering_point.remove", now=now, subject=point, details={"name": point.name})
    Battery.objects.filter(metering_point=point).delete()
    point.delete()


@atomic
def battery_change(*, battery: Battery, terms: BatteryTerms, actor: Actor, now: datetime) -> Battery:
    """Change what a battery can hold and how fast."""
    errors = _battery_errors(terms)
    if errors:
        raise UnableToSaveMeteringPoint(_("The battery was not saved."), errors=errors)
    for field, value in terms.items():
        setattr(battery, field, value)
    battery.save(update_fields=list(terms))
    audit_record(actor=actor, action="battery.change", now=now, subject=battery, details=dict(terms))
    return battery


@atomic
def measurement_start(
    *,
    metering_point: MeteringPoint,
    quantity: str,
    starts_at: datetime,
    kind: SeriesKind | None = None,
    simulated: bool = False,
    interval_ms: int = 0,
    gap_ms: int = 900_000,
    ends_at: datetime = FOREVER,
    series_id: uuid.UUID | None = None,
) -> Measurement:
    """Let a new telemetry series measure a quantity from `starts_at` on.

    Without a `kind`: energies and volumes are registers (counters), all else instant values (gauges).
    """
    guard("measured", metering_point.pk)
    if not MeteringPoint.objects.filter(pk=metering_point.pk).exists():
        # Removed since it was read; not every database would notice.
        raise NotFound
    if quantity not in Quantity.values:
        raise UnableToMeasure(_("There is no quantity “%(name)s”.") % {"name": quantity}, field="quantity")
    if ends_at <= starts_at:
        raise UnableToMeasure(_("A measurement ends after it starts. Give a later end."), field="ends_at")
    other = Measurement.objects.filter(
        metering_point=metering_point, quantity=quantity, starts_at__lt=ends_at, ends_at__gt=starts_at
    ).first()
    if other is not None:
        raise UnableToMeasure(
            _("This quantity is measured here since %(since)s already. Swap the meter instead.")
            % {"since": other.starts_at.date().isoformat()},
            field="starts_at",
        )
    measurement = Measurement(metering_point=metering_point, quantity=quantity, starts_at=starts_at, ends_at=ends_at)
    if series_id is not None:
        measurement.series_id = series_id
    # Registered first and idempotent: should the document not be written, an unused series does no harm.
    series_register(
        series=Series(
            id=measurement.series_id,
            unit=series_unit(quantity=quantity, kind=kind),
            kind=kind or _kind_of(Quantity(quantity)),
            interval_ms=interval_ms,
            gap_ms=gap_ms,
            simulated=simulated,
        )
    )
    measurement.save(force_insert=True)
    return measurement


def series_unit(*, quantity: str, kind: SeriesKind | None = None) -> str:
    """Return the unit a quantity is kept in: an energy told as power (instant or mean) is kept in W."""
    unit = UNITS.get(Quantity(quantity), "Wh")
    return "W" if unit == "Wh" and kind is not None and kind.value in {"gauge", "mean"} else unit


@atomic
def measurement_reach(*, measurement: Measurement, starts_at: datetime, ends_at: datetime) -> Measurement:
    """Let a measurement begin earlier or end later, where its point measured nothing else: history was handed in."""
    guard("measured", measurement.metering_point_id)
    starts_at, ends_at = min(starts_at, measurement.starts_at), max(ends_at, measurement.ends_at)
    if (starts_at, ends_at) == (measurement.starts_at, measurement.ends_at):
        return measurement
    others = Measurement.objects.filter(
        metering_point_id=measurement.metering_point_id,
        quantity=measurement.quantity,
        starts_at__lt=ends_at,
        ends_at__gt=starts_at,
    )
    if others.exclude(pk=measurement.pk).exists():
        raise UnableToMeasure(_("Another meter measured here at that time. Give a shorter period."), field="starts_at")
    measurement.starts_at, measurement.ends_at = starts_at, ends_at
    measurement.save(update_fields=["starts_at", "ends_at"])
    return measurement


@atomic
def measurement_swap(
    *,
    metering_point: MeteringPoint,
    quantity: str,
    at: datetime,
    kind: SeriesKind | None = None,
    simulated: bool = False,
    interval_ms: int = 0,
    gap_ms: int = 900_000,
) -> Measurement:
    """End the running measurement at `at` and start the next one: another meter, history stays."""
    measurement_end(metering_point=metering_point, quantity=quantity, at=at)
    return measurement_start(
        metering_point=metering_point,
        quantity=quantity,
        starts_at=at,
        kind=kind,
        simulated=simulated,
        interval_ms=interval_ms,
        gap_ms=gap_ms,
    )


@atomic
def measurement_end(*, metering_point: MeteringPoint, quantity: str, at: datetime) -> Measurement:
    """End the running measurement of a quantity at `at`."""
    guard("measured", metering_point.pk)
    running = (
        Measurement.objects.filter(metering_point=metering_point, quantity=quantity, ends_at__gt=at)
        .order_by("-starts_at")
        .first()
    )
    if running is None:
        raise NotFound(_("This quantity is not measured here."))
    if running.starts_at >= at:
        raise UnableToMeasure(_("The meter was put in later than that. Give a later time."), field="at")
    running.ends_at = at
    running.save(update_fields=["ends_at"])
    return running


def _kind_of(quantity: Quantity) -> SeriesKind:
    register = quantity.value.endswith(("_energy", "_volume"))
    return SeriesKind.COUNTER if register else SeriesKind.GAUGE


def _point_errors(
    *, household: Household, role: str, name: str, parent: MeteringPoint | None, battery: BatteryTerms | None
) -> list[FieldError]:
    errors = _name_errors(name)
    if role not in PointRole.values:
        errors.append(FieldError("role", _("Choose a role: grid, production, battery or consumer.")))
    if parent is not None and parent.household_id != household.pk:
        errors.append(FieldError("parent", _("The point in front must belong to the same household.")))
    elif parent is not None and role == PointRole.GRID:
        errors.append(FieldError("parent", _("The grid connection stands behind no other meter. Leave this empty.")))
    if role == PointRole.BATTERY and battery is None:
        errors.append(FieldError("battery", _("Say what the battery can hold and how fast it charges.")))
    elif battery is not None and role != PointRole.BATTERY:
        errors.append(FieldError("battery", _("Only a battery's point has battery data. Leave it out.")))
    elif battery is not None:
        errors.extend(_battery_errors(battery))
    existing = MeteringPoint.objects.filter(household=household)
    if role == PointRole.GRID and existing.filter(role=PointRole.GRID).exists():
        errors.append(FieldError("role", _("The household has a grid connection already. Rename that one.")))
    if existing.count() >= _POINTS_AT_MOST:
        errors.append(FieldError("name", _("A household has at most 200 metering points. Remove one first.")))
    return errors


def _name_errors(name: str) -> list[FieldError]:
    if 1 <= len(name) <= 80:
        return []
    return [FieldError("name", _("Give the metering point a name of at most 80 characters."))]


def _battery_errors(terms: BatteryTerms) -> list[FieldError]:
    given = dict(terms)
    return [
        FieldError(field, _("Give a whole number from 1 to %(limit)s.") % {"limit": limit})
        for field, limit in _LIMITS.items()
        if not isinstance(given.get(field), int) or not 1 <= int(str(given[field])) <= limit
    ]
