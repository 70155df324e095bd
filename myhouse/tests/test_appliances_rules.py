"""The expected day: typical figures, own appliances, meters that replace estimates, nothing counted twice."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myhouse.appliances_rules import TYPICAL, Basis, Item, estimate, expect

GRID, KITCHEN, OVEN, OTHER = (uuid.UUID(int=n) for n in range(1, 5))
TREE = {KITCHEN: GRID, OVEN: KITCHEN, OTHER: GRID, GRID: None}


def item(kind="own", *, point=None, count=1, watts=1000, minutes=60, name="x"):
    return Item(uuid.uuid4(), kind, name, count, watts, minutes, point)


def total(items, measured=None):
    return sum(line.consumption_wh for line in expect(items, measured=measured or {}, parents=TREE))


def test_names_an_origin_for_each_typical_figure():
    assert set(TYPICAL) == {"stove", "light", "household", "entertainment", "solar_panel", "windmill"}
    assert all(t.origin and (t.consumption_wh > 0) != (t.production_wh > 0) for t in TYPICAL.values())


def test_the_typical_figures_are_those_of_the_survey():
    # 3,091 kWh × 9.7 % ÷ 365 days = 821 Wh a day for the one stove.
    assert estimate(item("stove", count=2)).consumption_wh == 2 * 821


def test_a_solar_panel_makes_energy_and_uses_none():
    line = estimate(item("solar_panel", count=10))

    assert (line.consumption_wh, line.production_wh) == (0, 10 * 1041)


def test_an_own_appliance_uses_its_power_for_its_minutes():
    assert estimate(item(watts=2000, minutes=90, count=2)).consumption_wh == 6000


def test_a_meter_replaces_the_estimate():
    [line] = expect([item(point=KITCHEN)], measured={KITCHEN: 4321}, parents=TREE)

    assert (line.consumption_wh, line.basis) == (4321, Basis.MEASURED)


def test_keeps_the_estimate_while_the_meter_has_no_data():
    [line] = expect([item(point=KITCHEN)], measured={}, parents=TREE)

    assert (line.consumption_wh, line.basis) == (1000, Basis.RATED)


def test_a_sub_meter_behind_a_counted_meter_adds_nothing():
    items = [item(point=KITCHEN), item(point=OVEN)]

    assert total(items, {KITCHEN: 5000, OVEN: 2000}) == 5000


def test_two_appliances_on_one_meter_count_once():
    items = [item(point=KITCHEN), item(point=KITCHEN)]

    assert total(items, {KITCHEN: 5000}) == 5000


def test_meters_side_by_side_both_count():
    items = [item(point=KITCHEN), item(point=OTHER)]

    assert total(items, {KITCHEN: 5000, OTHER: 300}) == 5300


def test_expects_no_less_than_the_meters_behind_have_counted():
    items = [item(point=KITCHEN), item(point=OVEN)]

    assert total(items, {OVEN: 2000}) == 2000


def test_a_ring_of_meters_in_the_data_does_not_hang():
    ring = {KITCHEN: OVEN, OVEN: KITCHEN}
    lines = expect([item(point=KITCHEN)], measured={KITCHEN: 10}, parents=ring)

    assert [line.consumption_wh for line in lines] == [10]


POINTS = st.sampled_from([None, GRID, KITCHEN, OVEN, OTHER])


@given(st.lists(st.tuples(POINTS, st.integers(0, 3)), max_size=8), st.dictionaries(POINTS, st.integers(0, 9999)))
def test_never_counts_more_than_the_outermost_meters_and_the_unmetered(shape, measured):
    measured = {point: wh for point, wh in measured.items() if point is not None}
    items = [item(point=point, count=count, watts=600, minutes=60) for point, count in shape]
    unmetered = sum(one.count * 600 for one in items if one.point_id is None)
    used = {one.point_id for one in items} - {None}
    outermost = {GRID} if GRID in used else used - ({OVEN} if KITCHEN in used else set())
    bound = sum(
        max(sum(measured.values()), *(one.count * 600 for one in items if one.point_id == point))
        for point in outermost
    )

    assert unmetered <= total(items, measured) <= unmetered + bound


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_higher_count_of_estimated_appliances_never_lowers_the_day(count):
    assert total([item("stove", count=count + 1)]) > total([item("stove", count=count)])
