"""What flows now, from live values: sums by role, age, neighbours only as a sum; and the day's curve from gauges."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from myhouse.documents.services import SYSTEM
from myhouse.models.appliances import ApplianceKind
from myhouse.models.metering import PointRole, Quantity
from myhouse.selectors.day import day_curve
from myhouse.selectors.flow import flow_now
from myhouse.services.metering import measurement_start, metering_point_create
from myhouse.statistics.tests.measured import BATTERY, contract_of
from myhouse.tests.factories import (
    ApplianceFactory,
    CommunityFactory,
    CommunityMembershipFactory,
    HouseholdFactory,
)
from telemetry.live import live_put
from telemetry.model import Batch, Kind, Quality, Reading
from telemetry.services import history_write

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)


def gauge(household, role, quantity=Quantity.POWER, *, point=None, parent=None):
    point = point or metering_point_create(
        household=household,
        role=role,
        name=f"{role} meter",
        parent=parent,
        battery=BATTERY if role == PointRole.BATTERY else None,
        actor=SYSTEM,
        now=NOW,
    )
    return measurement_start(
        metering_point=point, quantity=quantity, starts_at=NOW - timedelta(days=30), kind=Kind.GAUGE
    )


def tell(measurement, value, *, age_s=5):
    at = int(NOW.timestamp() * 1000) - age_s * 1000
    live_put({measurement.series_id: Reading(at, value, Quality.MEASURED)})


def test_the_home_uses_what_flows_in_from_all_sides():
    household = HouseholdFactory()
    roof, battery, grid = (gauge(household, r) for r in (PointRole.PRODUCTION, PointRole.BATTERY, PointRole.GRID))
    soc = gauge(household, None, Quantity.STATE_OF_CHARGE, point=battery.metering_point)
    for measurement, value in ((roof, 3_000.0), (battery, -1_200.0), (grid, -300.0), (soc, 64.0)):
        tell(measurement, value)
    contract_of(household)
    contract_of(household, {"price": {"kind": "flat", "uct_per_wh": 8_000}}, direction="export")

    flow = flow_now(household=household, now=NOW)

    assert (flow.sun_w, flow.wind_w, flow.battery_w, flow.grid_w) == (3_000, None, -1_200, -300)
    assert flow.home_w == 1_500
    assert flow.soc_pct == 64
    assert flow.cost_rate_uct_h == -300 * 8_000
    assert (flow.price_uct_wh, flow.feed_in_uct_wh) == (30_000, 8_000)
    assert (flow.stale, flow.age_s) == (False, 5)


def test_a_windmill_is_told_from_the_sun_by_its_appliance():
    household = HouseholdFactory()
    mill = gauge(household, PointRole.PRODUCTION)
    ApplianceFactory(household=household, kind=ApplianceKind.WINDMILL, metering_point=mill.metering_point)
    tell(mill, 800.0)

    flow = flow_now(household=household, now=NOW)

    assert (flow.sun_w, flow.wind_w) == (None, 800)


def test_old_values_are_named_and_very_old_ones_are_not_shown():
    household = HouseholdFactory()
    grid, roof = gauge(household, PointRole.GRID), gauge(household, PointRole.PRODUCTION)
    tell(grid, 500.0, age_s=90)
    tell(roof, 900.0, age_s=4_000)

    flow = flow_now(household=household, now=NOW)

    assert (flow.grid_w, flow.sun_w, flow.home_w) == (500, None, None)
    assert flow.stale
    assert flow.stale_points == ["grid meter", "production meter"]


def test_a_home_without_any_meter_shows_nothing_and_no_error():
    flow = flow_now(household=HouseholdFactory(), now=NOW)

    assert (flow.home_w, flow.age_s, flow.cost_rate_uct_h, flow.points) == (None, None, None, [])


@pytest.mark.parametrize(("homes", "shown"), [(2, None), (3, 600.0)])
def test_neighbours_are_shown_as_a_sum_of_at_least_three_homes(homes, shown):
    community = CommunityFactory()
    for number in range(homes):
        household = HouseholdFactory()
        CommunityMembershipFactory(household=household, community=community)
        tell(gauge(household, PointRole.GRID), -100.0 * (number + 1))

    flow = flow_now(household=household, now=NOW)

    assert (flow.community_w, flow.community_homes) == (shown, homes)


def test_the_json_of_a_flow_holds_plain_values_only():
    household = HouseholdFactory()
    tell(gauge(household, PointRole.GRID), 123.456)

    plain = flow_now(household=household, now=NOW).as_json()

    assert plain["grid_w"] == 123.5
    assert isinstance(plain["points"][0]["point_id"], str)


def test_the_curve_of_a_day_comes_from_gauges_with_gaps_left_open():
    household = HouseholdFactory()
    roof, battery, grid = (gauge(household, r) for r in (PointRole.PRODUCTION, PointRole.BATTERY, PointRole.GRID))
    day = datetime(2026, 6, 15, tzinfo=UTC)
    start = int((day - timedelta(hours=2)).timestamp() * 1000)
    times = start + np.arange(12 * 360, dtype=np.int64) * 10_000  # every 10 s until noon
    times = times[(times < start + 5 * 3_600_000) | (times >= start + 6 * 3_600_000)]
    for measurement, watts in ((roof, 2_000.0), (battery, -500.0), (grid, -900.0)):
        batch = Batch.of(measurement.series_id, times, np.full(len(times), watts))
        history_write(batch=batch, now_ms=int(NOW.timestamp() * 1000))

    curve = day_curve(household=household, day=day.date(), now=NOW)

    assert len(curve.starts_ms) == 288
    assert (curve.home_w[0], curve.production_w[0], curve.battery_w[0], curve.grid_w[0]) == (600, 2_000, -500, -900)
    assert set(curve.home_w[61:71]) == {None}
    assert set(curve.home_w[145:]) == {None}
    assert not curve.from_quarters


def test_a_reader_sees_the_curve_of_his_own_time_only():
    household = HouseholdFactory()
    grid = gauge(household, PointRole.GRID)
    start = int(datetime(2026, 6, 14, 22, tzinfo=UTC).timestamp() * 1000)
    times = start + np.arange(12 * 60, dtype=np.int64) * 60_000
    batch = Batch.of(grid.series_id, times, np.full(len(times), 100.0))
    history_write(batch=batch, now_ms=int(NOW.timestamp() * 1000))

    since = datetime(2026, 6, 15, 4, tzinfo=UTC)
    curve = day_curve(household=household, day=datetime(2026, 6, 15).date(), now=NOW, since=since)

    shown = [at for at, watts in zip(curve.starts_ms, curve.grid_w, strict=True) if watts is not None]
    assert min(shown) == int(since.timestamp() * 1000)
