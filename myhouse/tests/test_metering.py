"""Metering points, batteries and dated measurements."""

from datetime import timedelta

import pytest

from myhouse.documents.base import FOREVER
from myhouse.documents.services import SYSTEM
from myhouse.errors import NotFound
from myhouse.models import Battery, Measurement, MeteringPoint
from myhouse.models.metering import Quantity
from myhouse.selectors.metering import batteries_of, measurements_of, points_of
from myhouse.services.metering import (
    UnableToMeasure,
    UnableToSaveMeteringPoint,
    battery_change,
    measurement_end,
    measurement_start,
    measurement_swap,
    metering_point_create,
    metering_point_remove,
)
from myhouse.tests.factories import NOW, BatteryFactory, HouseholdFactory, MeteringPointFactory
from telemetry.selectors import series_get

pytestmark = pytest.mark.django_db
BY = {"actor": SYSTEM, "now": NOW}
TERMS = {"capacity_wh": 9_600, "max_charge_w": 4_000, "max_discharge_w": 4_600}


def create(household=None, **fields):
    values = {"role": "consumer", "name": "Cellar", **fields}
    return metering_point_create(household=household or HouseholdFactory(), **values, **BY)


def test_a_battery_comes_with_its_metering_point():
    point = create(role="battery", battery=TERMS)

    assert Battery.objects.get(metering_point=point).capacity_wh == 9_600


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"role": "moon"}, "role"),
        ({"role": "battery"}, "battery"),
        ({"role": "consumer", "battery": TERMS}, "battery"),
        ({"role": "battery", "battery": {**TERMS, "capacity_wh": 0}}, "capacity_wh"),
        ({"role": "battery", "battery": {**TERMS, "max_charge_w": 10_000_001}}, "max_charge_w"),
    ],
)
def test_refuses_a_wrong_field_and_writes_nothing(fields, wrong):
    with pytest.raises(UnableToSaveMeteringPoint) as refused:
        create(**fields)

    assert refused.value.field == wrong
    assert MeteringPoint.objects.count() == 0


def test_refuses_a_second_grid_connection():
    household = HouseholdFactory()
    create(household, role="grid")

    with pytest.raises(UnableToSaveMeteringPoint) as refused:
        create(household, role="grid")

    assert refused.value.field == "role"


def test_refuses_a_meter_in_front_that_is_a_strangers():
    with pytest.raises(UnableToSaveMeteringPoint) as refused:
        create(parent=MeteringPointFactory())

    assert refused.value.field == "parent"


def test_lists_grid_production_battery_and_sub_meters_in_this_order():
    household = HouseholdFactory()
    create(household, role="consumer", name="a")
    create(household, role="battery", name="b", battery=TERMS)
    create(household, role="production", name="c")
    create(household, role="grid", name="d")

    assert [point.name for point in points_of(household=household)] == ["d", "c", "b", "a"]


def test_registers_the_series_of_a_measurement_with_unit_and_kind():
    point = MeteringPointFactory()
    energy = measurement_start(metering_point=point, quantity=Quantity.IMPORT, starts_at=NOW)
    power = measurement_start(metering_point=point, quantity=Quantity.POWER, starts_at=NOW, simulated=True)

    found = series_get(series_id=energy.series_id)
    assert (found.unit, found.kind, found.simulated) == ("Wh", "counter", False)
    found = series_get(series_id=power.series_id)
    assert (found.unit, found.kind, found.simulated) == ("W", "gauge", True)


def test_refuses_a_second_measurement_at_the_same_time():
    point = MeteringPointFactory()
    measurement_start(metering_point=point, quantity=Quantity.IMPORT, starts_at=NOW)

    with pytest.raises(UnableToMeasure):
        measurement_start(metering_point=point, quantity=Quantity.IMPORT, starts_at=NOW + timedelta(days=1))


def test_a_past_period_may_be_measured_beside_the_running_one():
    point = MeteringPointFactory()
    measurement_start(metering_point=point, quantity=Quantity.IMPORT, starts_at=NOW)

    measurement_start(metering_point=point, quantity=Quantity.IMPORT, starts_at=NOW - timedelta(days=9), ends_at=NOW)

    assert Measurement.objects.count() == 2


def test_a_swap_ends_one_series_where_the_next_begins():
    point = MeteringPointFactory()
    first = measurement_start(metering_point=point, quantity=Quantity.IMPORT, starts_at=NOW - timedelta(days=9))

    second = measurement_swap(metering_point=point, quantity=Quantity.IMPORT, at=NOW)

    first.refresh_from_db()
    assert (first.ends_at, second.starts_at, second.ends_at) == (NOW, NOW, FOREVER)
    assert first.series_id != second.series_id


def test_a_meter_cannot_be_taken_out_before_it_was_put_in():
    point = MeteringPointFactory()
    measurement_start(metering_point=point, quantity=Quantity.IMPORT, starts_at=NOW)

    with pytest.raises(UnableToMeasure):
        measurement_end(metering_point=point, quantity=Quantity.IMPORT, at=NOW)


def test_what_is_not_measured_cannot_be_swapped():
    with pytest.raises(NotFound):
        measurement_swap(metering_point=MeteringPointFactory(), quantity=Quantity.IMPORT, at=NOW)


def test_refuses_a_quantity_that_does_not_exist():
    with pytest.raises(UnableToMeasure) as refused:
        measurement_start(metering_point=MeteringPointFactory(), quantity="love", starts_at=NOW)

    assert refused.value.field == "quantity"


def test_lists_the_measurements_of_a_period_with_their_points(django_assert_num_queries):
    point = MeteringPointFactory()
    old = measurement_start(
        metering_point=point, quantity=Quantity.IMPORT, starts_at=NOW - timedelta(days=9), ends_at=NOW
    )
    new = measurement_start(metering_point=point, quantity=Quantity.IMPORT, starts_at=NOW)

    with django_assert_num_queries(2):
        past = measurements_of(household=point.household, start=NOW - timedelta(days=2), end=NOW)
        names = [one.metering_point.name for one in past]
    both = measurements_of(household=point.household, start=NOW - timedelta(days=2), end=NOW + timedelta(days=1))

    assert (past, names) == ([old], [point.name])
    assert both == [old, new]


def test_history_keeps_a_metering_point_from_being_removed():
    point = MeteringPointFactory()
    measurement_start(metering_point=point, quantity=Quantity.IMPORT, starts_at=NOW)

    with pytest.raises(UnableToMeasure):
        metering_point_remove(point=point, **BY)


def test_a_point_with_meters_behind_it_stays():
    front = MeteringPointFactory()
    MeteringPointFactory(household=front.household, parent=front, role="consumer")

    with pytest.raises(UnableToMeasure):
        metering_point_remove(point=front, **BY)


def test_an_unused_battery_goes_with_its_point():
    battery = BatteryFactory()

    metering_point_remove(point=battery.metering_point, **BY)

    assert Battery.objects.count() == 0


def test_changes_what_a_battery_can_hold():
    battery = BatteryFactory()

    battery_change(battery=battery, terms=TERMS, **BY)

    assert batteries_of(household=battery.metering_point.household)[0].capacity_wh == 9_600
