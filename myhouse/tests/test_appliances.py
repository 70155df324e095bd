"""Appliances of a household: counts, own ones, and meters that replace estimates."""

from datetime import timedelta

import numpy as np
import pytest

from myhouse.appliances_rules import Basis
from myhouse.models import Appliance
from myhouse.models.metering import PointRole, Quantity
from myhouse.selectors.appliances import expected
from myhouse.services.appliances import (
    UnableToSaveAppliance,
    appliance_meter_set,
    appliances_set_counts,
    own_appliance_add,
    own_appliance_change,
)
from myhouse.services.metering import measurement_start, measurement_swap
from myhouse.tests.factories import NOW, ApplianceFactory, MeteringPointFactory, actor_of, home
from telemetry.model import Batch
from telemetry.services import readings_write

pytestmark = pytest.mark.django_db
QUARTER = timedelta(minutes=15)


def by(user):
    return {"actor": actor_of(user), "now": NOW}


def feed(measurement, *, watts, start, end):
    """A register that rises by a constant power from `start` to `end`, read every quarter-hour."""
    start_ms, end_ms = (int(moment.timestamp() * 1000) for moment in (start, end))
    times = np.arange(start_ms, end_ms + 1, 900_000)
    values = (times - start_ms) / 3_600_000 * watts
    readings_write(batch=Batch.of(measurement.series_id, times, values), now_ms=int(NOW.timestamp() * 1000))


def sub_meter(household, *, parent=None):
    return MeteringPointFactory(household=household, role=PointRole.CONSUMER, parent=parent)


def metered(household, *, watts, days=30, point=None, quantity=Quantity.CONSUMPTION):
    """A sub-meter that counted a constant power for the last days."""
    point = point or sub_meter(household)
    start = NOW - timedelta(days=days)
    measurement = measurement_start(metering_point=point, quantity=quantity, starts_at=start)
    feed(measurement, watts=watts, start=start, end=NOW)
    return point


def own(user, household, *, name="Heat pump", point=None):
    return own_appliance_add(
        household=household,
        name=name,
        rated_power_w=2000,
        daily_use_minutes=120,
        metering_point=point,
        **by(user),
    )


def test_a_household_without_appliances_expects_nothing():
    _user, household = home()

    found = expected(household=household, now=NOW)

    assert (found.consumption_wh_day, found.production_wh_day, len(found.by_kind)) == (0, 0, 6)


def test_changed_counts_change_the_expected_day_at_once():
    user, household = home()

    appliances_set_counts(household=household, counts={"stove": 1, "solar_panel": 10}, **by(user))
    first = expected(household=household, now=NOW)
    appliances_set_counts(household=household, counts={"stove": 2}, **by(user))
    second = expected(household=household, now=NOW)

    assert (first.consumption_wh_day, first.production_wh_day) == (821, 10_410)
    assert (second.consumption_wh_day, second.production_wh_day) == (1642, 10_410)


@pytest.mark.parametrize(("kind", "count"), [("stove", -1), ("stove", 1000), ("stove", True), ("spaceship", 1)])
def test_refuses_a_wrong_count_and_changes_none_of_the_others(kind, count):
    user, household = home()

    with pytest.raises(UnableToSaveAppliance) as refused:
        appliances_set_counts(household=household, counts={"light": 5, kind: count}, **by(user))

    assert refused.value.field == kind
    assert Appliance.objects.count() == 0


def test_adds_an_own_appliance_by_power_and_minutes():
    user, household = home()
    own(user, household)

    assert expected(household=household, now=NOW).consumption_wh_day == 4000


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("rated_power_w", -1), ("daily_use_minutes", 1441), ("count", 1000)]
)
def test_refuses_an_own_appliance_with_a_wrong_field(field, value):
    user, household = home()
    values = {"name": "Sauna", "rated_power_w": 1, "daily_use_minutes": 1, "count": 1, field: value}

    with pytest.raises(UnableToSaveAppliance) as refused:
        own_appliance_add(household=household, **values, **by(user))

    assert refused.value.field == field


def test_refuses_two_own_appliances_of_one_name():
    user, household = home()
    own(user, household)

    with pytest.raises(UnableToSaveAppliance):
        own(user, household)


def test_refuses_the_meter_of_another_household():
    user, household = home()
    _stranger, other = home()

    with pytest.raises(UnableToSaveAppliance) as refused:
        own(user, household, point=sub_meter(other))

    assert refused.value.field == "metering_point"


def test_counted_kinds_have_no_name_to_change():
    user, household = home()
    stove = ApplianceFactory(household=household, kind="stove")

    with pytest.raises(UnableToSaveAppliance):
        own_appliance_change(
            appliance=stove,
            name="x",
            count=1,
            rated_power_w=1,
            daily_use_minutes=1,
            metering_point=None,
            **by(user),
        )


def test_a_meter_replaces_the_estimate_by_its_mean_day():
    user, household = home()
    own(user, household, point=metered(household, watts=100))

    found = expected(household=household, now=NOW)

    assert found.consumption_wh_day == 2400
    assert found.own[0].basis == Basis.MEASURED


def test_only_the_last_thirty_days_count():
    user, household = home()
    point = sub_meter(household)
    long_ago = NOW - timedelta(days=60)
    measurement = measurement_start(metering_point=point, quantity=Quantity.CONSUMPTION, starts_at=long_ago)
    feed(measurement, watts=1000, start=long_ago, end=NOW - timedelta(days=30))
    own(user, household, point=point)

    found = expected(household=household, now=NOW)

    assert found.own[0].basis == Basis.RATED


def test_keeps_the_estimate_until_a_whole_day_is_measured():
    user, household = home()
    point = sub_meter(household)
    start = NOW - timedelta(hours=23)
    measurement = measurement_start(metering_point=point, quantity=Quantity.CONSUMPTION, starts_at=start)
    feed(measurement, watts=100, start=start, end=NOW)
    own(user, household, point=point)

    assert expected(household=household, now=NOW).consumption_wh_day == 4000


def test_takes_the_power_where_no_energy_is_measured():
    user, household = home()
    point = sub_meter(household)
    start = NOW - timedelta(days=2)
    measurement = measurement_start(metering_point=point, quantity=Quantity.POWER, starts_at=start)
    times = np.arange(int(start.timestamp() * 1000), int(NOW.timestamp() * 1000), 300_000)
    readings_write(
        batch=Batch.of(measurement.series_id, times, np.full(len(times), 50.0)), now_ms=int(NOW.timestamp() * 1000)
    )
    own(user, household, point=point)

    assert expected(household=household, now=NOW).consumption_wh_day == 1200


def test_a_swapped_meter_goes_on_counting():
    user, household = home()
    point = sub_meter(household)
    start, swap = NOW - timedelta(days=4), NOW - timedelta(days=2)
    first = measurement_start(metering_point=point, quantity=Quantity.CONSUMPTION, starts_at=start)
    feed(first, watts=100, start=start, end=swap)
    second = measurement_swap(metering_point=point, quantity=Quantity.CONSUMPTION, at=swap)
    feed(second, watts=300, start=swap, end=NOW)
    own(user, household, point=point)

    assert expected(household=household, now=NOW).consumption_wh_day == 4800


def test_a_nested_sub_meter_is_never_counted_twice():
    user, household = home()
    outer = metered(household, watts=200)
    inner = metered(household, watts=50, point=sub_meter(household, parent=outer))
    own(user, household, name="Flat", point=outer)
    own(user, household, name="Freezer", point=inner)

    found = expected(household=household, now=NOW)

    assert found.consumption_wh_day == 4800
    assert {one.appliance.name: one.basis for one in found.own}["Freezer"] == Basis.PART


def test_the_production_meter_replaces_the_estimate_of_all_solar_panels():
    user, household = home()
    appliances_set_counts(household=household, counts={"solar_panel": 10}, **by(user))
    roof = MeteringPointFactory(household=household, role=PointRole.PRODUCTION)
    metered(household, watts=500, point=roof, quantity=Quantity.PRODUCTION)
    appliance_meter_set(household=household, kind="solar_panel", metering_point=roof, **by(user))

    found = expected(household=household, now=NOW)

    assert (found.production_wh_day, found.consumption_wh_day) == (12_000, 0)


def test_a_new_occupant_does_not_see_what_the_former_one_used():
    user, household = home()
    own(user, household, point=metered(household, watts=100))

    found = expected(household=household, now=NOW, since=NOW - QUARTER)

    assert found.own[0].basis == Basis.RATED


def test_asks_as_many_queries_for_many_appliances_as_for_one(django_assert_num_queries):
    user, household = home()
    for number in range(6):
        own(user, household, name=f"Own {number}", point=metered(household, watts=10, days=2))

    with django_assert_num_queries(3):
        expected(household=household, now=NOW)
