"""Where a household is measured, and by which telemetry series in which period."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.utils.translation import gettext as _

from myhouse.errors import NotFound
from myhouse.models import Battery, Household, Measurement, MeteringPoint
from myhouse.models.metering import PointRole


def points_of(*, household: Household) -> list[MeteringPoint]:
    """List the household's metering points: grid, production, battery, sub-meters; each group by name."""
    order = list(PointRole)
    points = MeteringPoint.objects.filter(household_id=household.pk)
    return sorted(points, key=lambda p: (order.index(PointRole(p.role)), p.name.casefold(), p.pk))


def point_for(*, household: Household, point_id: uuid.UUID) -> MeteringPoint:
    """Return a metering point of this household, or refuse as if it did not exist."""
    point = MeteringPoint.objects.filter(pk=point_id, household_id=household.pk).first()
    if point is None:
        raise NotFound(_("There is no such metering point in this household."))
    return point


def measurements_of(
    *,
    household: Household,
    start: datetime,
    end: datetime,
    points: list[MeteringPoint] | None = None,
) -> list[Measurement]:
    """List what was measured at any time of [start, end), oldest first; `metering_point` is filled in."""
    known = {p.pk: p for p in (points_of(household=household) if points is None else points)}
    measurements = sorted(
        Measurement.objects.filter(metering_point_id__in=list(known), starts_at__lt=end, ends_at__gt=start),
        key=lambda measurement: (measurement.starts_at, measurement.pk),
    )
    for measurement in measurements:
        measurement.metering_point = known[measurement.metering_point_id]
    return measurements


def measurement_for(*, household: Household, measurement_id: uuid.UUID) -> Measurement:
    """Return a measurement of this household, or refuse as if it did not exist."""
    measurement = Measurement.objects.filter(pk=measurement_id).first()
    if measurement is None:
        raise NotFound(_("There is no such measurement in this household."))
    measurement.metering_point = point_for(household=household, point_id=measurement.metering_point_id)
    return measurement


def batteries_of(*, household: Household) -> list[Battery]:
    """List the household's batteries; `metering_point` is filled in."""
    points = {p.pk: p for p in points_of(household=household) if p.role == PointRole.BATTERY}
    batteries = list(Battery.objects.filter(metering_point_id__in=list(points))) if points else []
    for battery in batteries:
        battery.metering_point = points[battery.metering_point_id]
    return sorted(batteries, key=lambda b: (b.metering_point.name.casefold(), b.pk))


def battery_at(*, point: MeteringPoint) -> Battery:
    """Return the battery at a metering point, or refuse where there is none."""
    battery = Battery.objects.filter(metering_point_id=point.pk).first()
    if battery is None:
        raise NotFound(_("There is no such battery in this household."))
    battery.metering_point = point
    return battery
