"""A measured home for tests: meters by role, filled with interval energies from arrays."""

from datetime import UTC, datetime, timedelta

import numpy as np

from myhouse.documents.services import SYSTEM
from myhouse.models.metering import PointRole, Quantity
from myhouse.services.metering import measurement_start, metering_point_create
from myhouse.services.tariffs import contract_create
from myhouse.tests.factories import HouseholdFactory
from telemetry.model import QUARTER_MS, Batch, Kind
from telemetry.services import history_write

LONG_AGO = datetime(2019, 1, 1, tzinfo=UTC)
BATTERY = {"capacity_wh": 10_000, "max_charge_w": 5_000, "max_discharge_w": 5_000}
FLAT = {"price": {"kind": "flat", "uct_per_wh": 30_000}, "vat_per_mille": 0}


def ms(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def moment(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def household_of(**fields):
    return HouseholdFactory(time_zone=fields.pop("time_zone", "Europe/Berlin"), **fields)


def point_of(household, role=PointRole.GRID, name="Grid", parent=None, now=LONG_AGO):
    battery = BATTERY if role == PointRole.BATTERY else None
    return metering_point_create(
        household=household, role=role, name=name, parent=parent, battery=battery, actor=SYSTEM, now=now
    )


def measured(point, quantity, first, wh, *, starts_at=LONG_AGO, kind=Kind.INTERVAL):
    """Let `wh` (per quarter-hour from `first`) be what the point measured."""
    measurement = measurement_start(
        metering_point=point, quantity=quantity, starts_at=starts_at, kind=kind, interval_ms=QUARTER_MS
    )
    fill(measurement, first, wh)
    return measurement


def fill(measurement, first, wh):
    values = np.asarray(wh, np.float64)
    times = (ms(first) if isinstance(first, str) else first) + np.arange(len(values), dtype=np.int64) * QUARTER_MS
    kept = ~np.isnan(values)
    late = datetime.now(UTC) + timedelta(days=4_000)
    if kept.any():
        batch = Batch.of(measurement.series_id, times[kept], values[kept])
        history_write(batch=batch, now_ms=int(late.timestamp() * 1000))


def contract_of(household, terms=None, *, direction="import", starts_on=None, ends_on=None, now=LONG_AGO):
    return contract_create(
        household=household,
        direction=direction,
        supplier_name="Stadtwerke",
        name="Plain",
        starts_on=starts_on or datetime(2000, 1, 1, tzinfo=UTC).date(),
        ends_on=ends_on,
        terms=terms or FLAT,
        actor=SYSTEM,
        now=now,
    )


def full_home(first, flows, **fields):
    """A home with grid, roof and battery; `flows` maps quantities to Wh per quarter-hour."""
    household = household_of(**fields)
    places = {
        PointRole.GRID: (Quantity.IMPORT, Quantity.EXPORT),
        PointRole.PRODUCTION: (Quantity.PRODUCTION,),
        PointRole.BATTERY: (Quantity.CHARGE, Quantity.DISCHARGE),
    }
    for role, quantities in places.items():
        used = [quantity for quantity in quantities if quantity in flows]
        if used:
            point = point_of(household, role, role.label)
            for quantity in used:
                measured(point, quantity, first, flows[quantity])
    return household
