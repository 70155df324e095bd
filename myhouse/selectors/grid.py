"""What many households' grid connections measured per quarter-hour, and what their batteries hold; for the market."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from myhouse.models import Battery, Household, Measurement, MeteringPoint
from myhouse.models.metering import PointRole, Quantity
from myhouse.selectors.home import Home
from myhouse.selectors.reference import Figures
from myhouse.statistics.flows import flows_of
from telemetry import selectors as telemetry
from telemetry.calendar import utc_ms
from telemetry.model import QUARTER_MS, Quality, Reading

Ints = NDArray[np.int64]
MICRO = 1_000_000


@dataclass(frozen=True, eq=False)
class GridQuarters:
    """Import and export of each quarter-hour in whole Wh (what is less than one is left out); `known`: all of it."""

    starts_ms: Ints
    import_wh: Ints
    export_wh: Ints
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class BatteryState:
    """What a battery can hold, and its state of charge in per cent when that is fresh."""

    capacity_wh: int
    state_of_charge_pct: float | None


def grid_quarters(*, household_ids: Sequence[uuid.UUID], start_ms: int, end_ms: int) -> dict[uuid.UUID, GridQuarters]:
    """Read [start, end), on quarter edges, for each household; three queries for all of them."""
    starts = np.arange(start_ms, end_ms, QUARTER_MS, dtype=np.int64)
    result = {}
    for home in _homes(household_ids):
        flows = flows_of(starts, home.main_meters(home.meters(start_ms, end_ms, subs=False)))
        result[home.household.pk] = GridQuarters(
            starts_ms=starts,
            import_wh=np.maximum(flows.imported, 0) // MICRO,
            export_wh=np.maximum(flows.exported, 0) // MICRO,
            known=flows.covered,
        )
    return result


def battery_states(
    *, household_ids: Sequence[uuid.UUID], now: datetime, fresh: timedelta
) -> dict[uuid.UUID, list[BatteryState]]:
    """List the batteries of each household that has one; a state of charge older than `fresh` is not known."""
    points = MeteringPoint.objects.filter(household_id__in=list(household_ids), role=PointRole.BATTERY)
    homes = dict(points.values_list("pk", "household_id"))
    gauges = Measurement.objects.filter(
        metering_point_id__in=list(homes), quantity=Quantity.STATE_OF_CHARGE, starts_at__lte=now, ends_at__gt=now
    )
    series = dict(gauges.values_list("metering_point_id", "series_id"))
    newest = telemetry.latest(series_ids=series.values())
    oldest, latest = utc_ms(now - fresh), utc_ms(now + fresh)
    # Asked about a moment that has passed, the newest of all does not say what was known then.
    later = [series_id for series_id, reading in newest.items() if reading.time_ms > latest]
    newest |= {series_id: _as_of(series_id, oldest, utc_ms(now), newest[series_id]) for series_id in later}
    states: dict[uuid.UUID, list[BatteryState]] = defaultdict(list)
    batteries = Battery.objects.filter(metering_point_id__in=list(homes))
    for point_id, capacity in batteries.values_list("metering_point_id", "capacity_wh"):
        reading: Reading | None = newest.get(series[point_id]) if point_id in series else None
        known = reading is not None and oldest <= reading.time_ms <= latest
        states[homes[point_id]].append(BatteryState(capacity, reading.value if reading and known else None))
    return states


def producer_ids(*, household_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """List those of the households that have a battery or production, in the order of their ids."""
    points = MeteringPoint.objects.filter(
        household_id__in=list(household_ids), role__in=[PointRole.BATTERY, PointRole.PRODUCTION]
    )
    return sorted(set(points.values_list("household_id", flat=True)))


def _as_of(series_id: uuid.UUID, start_ms: int, now_ms: int, newest: Reading) -> Reading:
    """Return the last reading of [start, now], or the newest of all if there is none."""
    found = telemetry.scan(series_id=series_id, start_ms=start_ms, end_ms=now_ms + 1)
    if not len(found):
        return newest
    return Reading(int(found.times[-1]), float(found.values[-1]), Quality(int(found.quality[-1])))


def _homes(household_ids: Sequence[uuid.UUID]) -> list[Home]:
    """Load what is needed to read meters; no contracts and no reference figures."""
    households = Household.objects.in_bulk(list(household_ids))
    points: dict[uuid.UUID, list[MeteringPoint]] = defaultdict(list)
    for point in MeteringPoint.objects.filter(household_id__in=list(households)):
        points[point.household_id].append(point)
    places = {point.pk: home for home, found in points.items() for point in found}
    measurements: dict[uuid.UUID, list[Measurement]] = defaultdict(list)
    found = Measurement.objects.filter(metering_point_id__in=list(places))
    for measurement in sorted(found, key=lambda one: one.starts_at):
        measurements[places[measurement.metering_point_id]].append(measurement)
    return [
        Home(household, None, points[pk], measurements[pk], contracts=[], figures=Figures())
        for pk, household in households.items()
    ]
