"""What a household owns and what that is expected to use and make."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from myhouse.appliances_rules import TYPICAL, Basis, Item, Line, expect
from myhouse.errors import NotFound
from myhouse.models import Appliance, Household, Measurement, MeteringPoint
from myhouse.models.appliances import ApplianceKind
from myhouse.models.metering import Quantity
from myhouse.selectors.metering import measurements_of, points_of
from telemetry.model import PARTIAL, PRESENT
from telemetry.selectors import quarters

MEASURED_OVER = timedelta(days=30)
# Less than a whole day says nothing about a mean day.
_QUARTERS_NEEDED = 96
_QUARTER_MS = 900_000
_MICRO = 1_000_000


@dataclass(frozen=True)
class KindExpected:
    """What all entries of one kind add to a mean day, in Wh."""

    kind: ApplianceKind
    label: str
    count: int
    consumption_wh: int
    production_wh: int
    basis: Basis
    appliance: Appliance | None
    typical_wh: int


@dataclass(frozen=True)
class OwnExpected:
    """What one appliance of the household's own adds to a mean day, in Wh."""

    appliance: Appliance
    consumption_wh: int
    basis: Basis
    measured_wh: int | None


@dataclass(frozen=True)
class Expected:
    """What the household is expected to use and make on a mean day, in Wh."""

    consumption_wh_day: int
    production_wh_day: int
    by_kind: list[KindExpected]
    own: list[OwnExpected]


def appliances_of(*, household: Household) -> list[Appliance]:
    """List the household's appliances: the counted kinds, then its own by name."""
    order = list(ApplianceKind)
    rows = Appliance.objects.filter(household_id=household.pk)
    return sorted(rows, key=lambda a: (order.index(ApplianceKind(a.kind)), a.name.casefold(), a.pk))


def appliance_for(*, household: Household, appliance_id: uuid.UUID) -> Appliance:
    """Return an appliance of this household, or refuse as if it did not exist."""
    appliance = Appliance.objects.filter(pk=appliance_id, household_id=household.pk).first()
    if appliance is None:
        raise NotFound(_("There is no such appliance in this household."))
    return appliance


def expected(
    *,
    household: Household,
    now: datetime | None = None,
    since: datetime | None = None,
    points: list[MeteringPoint] | None = None,
    measurements: list[Measurement] | None = None,
    appliances: list[Appliance] | None = None,
) -> Expected:
    """Add up what the household's appliances are expected to use and make on a mean day.

    A meter replaces the estimate of its appliance by the mean of its last 30 days (not before `since`). A caller
    that has read the household's points, measurements and appliances hands them in.
    """
    now = now or timezone.now()
    rows = appliances_of(household=household) if appliances is None else appliances
    if points is None:
        points = points_of(household=household) if any(row.metering_point_id for row in rows) else []
    parents = {point.pk: point.parent_id for point in points}
    items = [_item(row) for row in rows]
    used = _used(items, points)
    start = max(now - MEASURED_OVER, since) if since else now - MEASURED_OVER
    if measurements is None:
        measurements = measurements_of(household=household, start=start, end=now, points=used) if used else []
    measured = _measured_days(items, measurements, start=start, end=now)
    by_id = {row.pk: row for row in rows}
    lines = expect(items, measured=measured, parents=parents)
    return Expected(
        consumption_wh_day=sum(line.consumption_wh for line in lines),
        production_wh_day=sum(line.production_wh for line in lines),
        by_kind=_kinds(lines, by_id),
        own=[
            OwnExpected(by_id[line.item.id], line.consumption_wh, line.basis, line.measured_wh)
            for line in lines
            if line.item.kind == ApplianceKind.OWN
        ],
    )


def _item(row: Appliance) -> Item:
    return Item(
        id=row.pk,
        kind=row.kind,
        name=row.name,
        count=row.count,
        rated_power_w=row.rated_power_w,
        daily_use_minutes=row.daily_use_minutes,
        point_id=row.metering_point_id,
    )


def _kinds(lines: list[Line], rows: dict[uuid.UUID, Appliance]) -> list[KindExpected]:
    """One entry per counted kind, also for those of which there are none."""
    found = {line.item.kind: line for line in lines}
    entries = []
    for name, typical in TYPICAL.items():
        kind, line = ApplianceKind(name), found.get(name)
        entries.append(
            KindExpected(
                kind=kind,
                label=str(kind.label),
                count=line.item.count if line else 0,
                consumption_wh=line.consumption_wh if line else 0,
                production_wh=line.production_wh if line else 0,
                basis=line.basis if line else Basis.TYPICAL,
                appliance=rows[line.item.id] if line else None,
                typical_wh=typical.consumption_wh or typical.production_wh,
            )
        )
    return entries


def _used(items: list[Item], points: list[MeteringPoint]) -> list[MeteringPoint]:
    """The points that measure appliances."""
    ids = {item.point_id for item in items}
    return [point for point in points if point.pk in ids]


def _measured_days(
    items: list[Item], measurements: list[Measurement], *, start: datetime, end: datetime
) -> dict[uuid.UUID, int]:
    """Return the mean day in Wh of each metering point in use that has at least a day of data in [start, end)."""
    produces = {item.point_id: item.produces for item in items if item.point_id is not None}
    within = [m for m in measurements if m.metering_point_id in produces and m.starts_at < end and m.ends_at > start]
    chosen = _one_quantity_each(within, produces)
    first, last = _quarter(start), _quarter(end)
    if not chosen or first >= last:
        return {}
    found = quarters(series_ids=[m.series_id for m in chosen], start_ms=first, end_ms=last)
    energy: dict[uuid.UUID, int] = defaultdict(int)
    covered: dict[uuid.UUID, int] = defaultdict(int)
    for row, measurement in enumerate(chosen):
        # Whole quarters of the measurement's own period: half a quarter would count its energy but not its time.
        whole = (found.flags[row] & (PRESENT | PARTIAL)) == PRESENT
        whole &= (found.starts >= _quarter(measurement.starts_at)) & (found.starts < _quarter(measurement.ends_at))
        energy[measurement.metering_point_id] += int(found.energy[row, whole].sum())
        covered[measurement.metering_point_id] += int(whole.sum())
    return {
        point: round(abs(energy[point]) * _QUARTERS_NEEDED / covered[point] / _MICRO)
        for point in energy
        if covered[point] >= _QUARTERS_NEEDED
    }


def _one_quantity_each(measurements: list[Measurement], produces: dict[uuid.UUID, bool]) -> list[Measurement]:
    """Of each point take its energy, or its power where no energy is measured; never both."""
    by_point: dict[uuid.UUID, list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        by_point[measurement.metering_point_id].append(measurement)
    chosen = []
    for point, found in by_point.items():
        wanted = Quantity.PRODUCTION if produces[point] else Quantity.CONSUMPTION
        energy = [m for m in found if m.quantity == wanted]
        chosen += energy or [m for m in found if m.quantity == Quantity.POWER]
    return chosen


def _quarter(moment: datetime) -> int:
    """The quarter-hour a moment lies in, as ms since the epoch."""
    ms = int(moment.timestamp()) * 1000
    return ms - ms % _QUARTER_MS
