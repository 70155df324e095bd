"""Where the values of a checked file go: which measurements of the household, existing or new."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from myhouse.documents.atomic import atomic
from myhouse.documents.services import Actor
from myhouse.models import Household, Measurement, MeteringPoint
from myhouse.models.metering import PointRole, Quantity
from myhouse.services import metering
from myhouse.uploads.check import BoolArray, Checked, FloatArray, IntArray, rows_rejected
from myhouse.uploads.errors import UnableToImport
from myhouse.uploads.mapping import ValueColumn
from myhouse.uploads.windows import Window, span_of, window_around, windows_between
from telemetry.model import Kind, Series
from telemetry.selectors import series_get_many
from telemetry.units import UnknownUnit, convert

_RATES = {Kind.MEAN, Kind.GAUGE}
_HOUR_MS = 3_600_000
_OWN_UNIT = {
    Quantity.STATE_OF_CHARGE,
    Quantity.VOLTAGE_L1,
    Quantity.VOLTAGE_L2,
    Quantity.VOLTAGE_L3,
    Quantity.FREQUENCY,
}


@dataclass(frozen=True)
class Target:
    """Where one column goes: a point (or the name and role of a new one), a series, the measurement if it exists."""

    column: ValueColumn
    series: Series
    starts_at: datetime
    ends_at: datetime
    point: MeteringPoint | None = None
    measurement: Measurement | None = None

    @property
    def point_name(self) -> str:
        """Name of the metering point."""
        return self.point.name if self.point else self.column.point_name


def targets_plan(
    *, household: Household, checked: Checked, digest: str, since: datetime, until: datetime
) -> tuple[list[Target], Checked]:
    """Choose the series of every column, convert its values, reject rows that another meter or no member covers."""
    points = {point.pk: point for point in MeteringPoint.objects.filter(household=household)}
    outside = (checked.times < _ms(since)) | (checked.times >= _ms(until))
    checked = rows_rejected(checked, outside, column="", reason=gettext_noop("outside the time of your membership"))
    targets = []
    for index, column in enumerate(checked.mapping.values):
        name = f"mapping.values[{index}]"
        point = _point(column, points, name)
        values = _converted(checked.values[index], column, name)
        checked = replace(checked, values=(*checked.values[:index], values, *checked.values[index + 1 :]))
        checked = _without_spikes(checked, index, household.connection_limit_w)
        target, taken = _target(household, point, column, checked, digest)
        reason = gettext_noop("another meter measures this quantity at that time")
        checked = rows_rejected(checked, taken, column=checked.titles[index], reason=reason)
        targets.append(target)
    _distinct(targets)
    return targets, checked


def _point(column: ValueColumn, points: dict[uuid.UUID, MeteringPoint], name: str) -> MeteringPoint | None:
    """The existing point, or None where a new one will be made (which is then known to be possible)."""
    if column.point:
        try:
            return points[uuid.UUID(column.point)]
        except (KeyError, ValueError) as error:
            message = _("There is no such metering point in this household.")
            raise UnableToImport(message, field=f"{name}.point") from error
    title = " ".join(column.point_name.split())
    if not 1 <= len(title) <= 80:
        raise UnableToImport(_("Choose a metering point, or name a new one."), field=f"{name}.point")
    for point in points.values():
        if point.name.casefold() == title.casefold() and column.point_role in {"", point.role}:
            return point
    grid = any(point.role == PointRole.GRID for point in points.values())
    role = column.point_role or ("grid" if not grid else "")
    if role not in PointRole.values or role == PointRole.BATTERY:
        message = _(
            "Choose the new point's role: grid, production or consumer. A battery's point is made in the settings."
        )
        raise UnableToImport(message, field=f"{name}.point_role")
    if role == PointRole.GRID and grid:
        message = _("The household has a grid connection already. Choose that metering point.")
        raise UnableToImport(message, field=f"{name}.point")
    return None


def _converted(values: FloatArray, column: ValueColumn, name: str) -> FloatArray:
    """Values in the unit the series is kept in."""
    if column.quantity not in Quantity.values:
        message = _("There is no quantity %(name)s. Choose one of: %(names)s.")
        names = ", ".join(Quantity.values)
        raise UnableToImport(message % {"name": column.quantity, "names": names}, field=f"{name}.quantity")
    kind = Kind(column.kind)
    power_only = column.quantity == Quantity.POWER or column.quantity in _OWN_UNIT
    volume = column.quantity in {Quantity.GAS, Quantity.WATER}
    if (power_only and kind not in _RATES) or (volume and kind in _RATES):
        message = _("%(quantity)s cannot be imported as this kind of value.")
        raise UnableToImport(message % {"quantity": Quantity(column.quantity).label}, field=f"{name}.kind")
    wanted = metering.series_unit(quantity=column.quantity, kind=kind)
    try:
        return np.asarray(convert(values, column.unit, wanted), np.float64)
    except UnknownUnit as error:
        message = _("Values in %(unit)s cannot be read as %(wanted)s: %(reason)s")
        raise UnableToImport(
            message % {"unit": column.unit, "wanted": wanted, "reason": error}, field=f"{name}.unit"
        ) from error


def _without_spikes(checked: Checked, index: int, limit_w: int) -> Checked:
    """Reject what the grid connection cannot carry."""
    column = checked.mapping.values[index]
    energy = column.quantity == Quantity.POWER or column.quantity.endswith("_energy")
    if not energy or column.kind == "counter" or (column.kind == "interval" and not checked.interval_ms):
        return checked
    scale = _HOUR_MS / checked.interval_ms if column.kind == "interval" else 1.0
    high = np.abs(checked.values[index]) * scale > limit_w
    reason = gettext_noop("more than the grid connection can carry; is the unit right?")
    return rows_rejected(checked, high, column=checked.titles[index], reason=reason)


def _target(
    household: Household, point: MeteringPoint | None, column: ValueColumn, checked: Checked, digest: str
) -> tuple[Target, BoolArray]:
    """The series that takes the column, and which rows another measurement covers already."""
    kind = Kind(column.kind)
    interval = checked.interval_ms if kind in {Kind.MEAN, Kind.INTERVAL} else 0
    existing = list(Measurement.objects.filter(metering_point=point, quantity=column.quantity)) if point else []
    series = series_get_many(series_ids=[one.series_id for one in existing])
    wanted = Series(
        id=household.pk,  # settled below
        unit=metering.series_unit(quantity=column.quantity, kind=kind),
        kind=kind,
        interval_ms=interval,
        gap_ms=max(900_000, 2 * interval),
    )
    alike = [one for one in existing if _same_shape(series.get(one.series_id), wanted)]
    mine, window = _room(existing, alike, checked.times)
    taken = ~window.holds(checked.times)
    free = checked.times[~taken]
    if mine is None:
        wanted = replace(wanted, id=_series_id(household, point, column, interval, f"{digest}:{window.start_ms}"))
        start, end = span_of(free, interval) if len(free) else (0, 1)
        return Target(column, wanted, _moment(start), _moment(min(end, window.end_ms)), point), taken
    starts_at, ends_at = mine.starts_at, mine.ends_at
    if len(free):
        start, end = span_of(free, interval)
        starts_at = min(starts_at, _moment(start))
        ends_at = ends_at if _ms(ends_at) >= end else _moment(min(end, window.end_ms))
    return Target(column, series[mine.series_id], starts_at, ends_at, point, mine), taken


def _room(
    existing: Sequence[Measurement], alike: Sequence[Measurement], times: IntArray
) -> tuple[Measurement | None, Window]:
    """Where most readings fit: a measurement of the same shape, stretched as far as others allow, or a gap."""
    best: tuple[int, Measurement | None, Window] | None = None
    for one in alike:
        others = [_period(other) for other in existing if other.pk != one.pk]
        window = window_around(_period(one), others)
        count = int(window.holds(times).sum())
        if best is None or count > best[0]:
            best = (count, one, window)
    for window in windows_between([_period(one) for one in existing]):
        count = int(window.holds(times).sum())
        if best is None or count > best[0]:
            best = (count, None, window)
    return (best[1], best[2]) if best else (None, Window(0, 0))


def _period(measurement: Measurement) -> tuple[int, int]:
    return _ms(measurement.starts_at), _ms(measurement.ends_at)


def _series_id(
    household: Household, point: MeteringPoint | None, column: ValueColumn, interval: int, digest: str
) -> uuid.UUID:
    """The same file for the same place has the same series: a repeated or resumed import finds its own readings."""
    place = str(point.pk) if point else f"{column.point_role}:{column.point_name}"
    return uuid.uuid5(household.pk, f"{digest}:{place}:{column.quantity}:{column.kind}:{interval}")


def _same_shape(series: Series | None, wanted: Series) -> bool:
    return series is not None and (series.unit, series.kind, series.interval_ms, series.simulated) == (
        wanted.unit,
        wanted.kind,
        wanted.interval_ms,
        False,
    )


def _distinct(targets: list[Target]) -> None:
    seen: set[tuple[str, str]] = set()
    for index, target in enumerate(targets):
        key = (str(target.point.pk) if target.point else target.column.point_name.casefold(), target.column.quantity)
        if key in seen:
            message = _("Two columns give the same quantity of the same metering point.")
            raise UnableToImport(message, field=f"mapping.values[{index}].quantity")
        seen.add(key)


@atomic
def targets_open(*, household: Household, targets: Sequence[Target], actor: Actor, now: datetime) -> list[Measurement]:
    """Make the points and measurements that the plan needs; what exists is kept. Readings show from here on."""
    made: dict[str, MeteringPoint] = {}
    measurements = []
    for target in targets:
        if target.measurement is not None:
            measurements.append(
                metering.measurement_reach(
                    measurement=target.measurement, starts_at=target.starts_at, ends_at=target.ends_at
                )
            )
            continue
        name = " ".join(target.column.point_name.split())
        point = target.point or made.get(name.casefold())
        if point is None:
            role = target.column.point_role or PointRole.GRID
            point = metering.metering_point_create(household=household, role=role, name=name, actor=actor, now=now)
            made[name.casefold()] = point
        measurements.append(
            metering.measurement_start(
                metering_point=point,
                quantity=target.column.quantity,
                starts_at=target.starts_at,
                ends_at=target.ends_at,
                kind=target.series.kind,
                interval_ms=target.series.interval_ms,
                gap_ms=target.series.gap_ms,
                series_id=target.series.id,
            )
        )
    return measurements


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
