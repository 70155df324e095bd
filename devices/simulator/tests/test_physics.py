from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.simulator.battery import Pack, battery_run
from devices.simulator.calendar import day_number, is_free, midnight_minute
from devices.simulator.community import Spec, homes_plan
from devices.simulator.noise import uniform, uniforms, wave, waves
from devices.simulator.timeline import FLOWS, Timeline
from devices.simulator.weather import sun_at, weather_of

SPEC = Spec(origin=date(2026, 3, 20), seed=7)


def days_of(spec, count):
    timeline = Timeline(spec)
    return list(timeline.days(until=timeline.number + count))


@pytest.fixture(scope="module")
def week():
    return days_of(SPEC, 7)


def test_energy_is_neither_made_nor_lost_in_any_minute(week):
    for day in week:
        flows = day.flows
        comes = flows["import"] + flows["solar"] + flows["windmill"] + flows["discharge"]
        goes = flows["consumption"] + flows["export"] + flows["charge"]
        assert np.array_equal(comes, goes)


def test_nothing_flows_backwards_and_no_home_draws_and_feeds_in_at_once(week):
    for day in week:
        assert all(int(day.flows[flow].min()) >= 0 for flow in FLOWS)
        assert not np.any((day.flows["import"] > 0) & (day.flows["export"] > 0))
        assert not np.any((day.flows["charge"] > 0) & (day.flows["discharge"] > 0))


def test_parts_of_the_consumption_are_within_it(week):
    for day in week:
        parts = day.flows["car"] + day.flows["heat_pump"] + day.flows["laundry"]
        assert np.all(parts <= day.flows["consumption"])


def test_registers_go_on_where_the_day_before_ended(week):
    for before, after in pairwise(week):
        for flow in FLOWS:
            assert np.array_equal(before.register(flow)[:, -1], after.registers[flow])


def test_the_same_seed_gives_the_same_community_and_another_seed_another():
    one, again, other = (days_of(spec, 1)[0] for spec in (SPEC, SPEC, Spec(origin=SPEC.origin, seed=8)))
    assert np.array_equal(one.flows["import"], again.flows["import"])
    assert not np.array_equal(one.flows["import"], other.flows["import"])


def test_days_computed_one_by_one_equal_days_computed_together(week):
    timeline = Timeline(SPEC)
    for day in week:
        (alone,) = timeline.days(until=timeline.number + 1)
        assert all(np.array_equal(alone.flows[flow], day.flows[flow]) for flow in FLOWS)
        assert np.array_equal(alone.content, day.content)


def test_going_on_from_a_checkpoint_changes_nothing(week):
    timeline = Timeline(SPEC)
    list(timeline.days(until=timeline.number + 3))
    later = Timeline(SPEC, timeline.checkpoint())
    for day in week[3:]:
        (again,) = later.days(until=later.number + 1)
        assert np.array_equal(again.register("import"), day.register("import"))
        assert np.array_equal(again.content, day.content)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), days=st.integers(1, 4), start=st.floats(0.06, 1.0))
def test_a_battery_stays_within_its_limits_and_loses_only_by_its_efficiency(seed, days, start):
    pack = Pack(capacity_wh=5000, charge_w=2500, discharge_w=2000)
    surplus = np.random.default_rng(seed).integers(-80_000_000, 80_000_000, (days, 1440, 1))
    content = np.array([int(start * 5_000_000_000)])
    run = battery_run((pack,), surplus, content)
    alone = battery_run((pack,), surplus[:1], content)
    assert np.array_equal(run.content[0], alone.content[0])
    assert run.content.min() >= 250_000_000
    assert run.content.max() <= 5_000_000_000
    assert run.charge.max() <= 2500 * 1_000_000 // 60
    assert run.discharge.max() <= 2000 * 1_000_000 // 60
    assert np.all(run.charge <= np.maximum(surplus, 0))
    assert np.all(run.discharge <= np.maximum(-surplus, 0))
    stored = int(run.content[-1, -1, 0]) - int(content[0])
    kept = 0.95 * int(run.charge.sum()) - int(run.discharge.sum()) / 0.95
    assert stored == pytest.approx(kept, abs=2 * 1440 * days)


@given(st.integers(0, 2**40), st.integers(0, 2**30), st.floats(1.0, 500.0))
def test_one_random_number_equals_the_same_one_among_many(key, index, period):
    assert uniforms(key, np.array([index]))[0] == uniform(key, index)
    assert waves(key, np.array([float(index)]), period)[0] == pytest.approx(wave(key, float(index), period), abs=1e-12)


@pytest.mark.parametrize(
    ("moment", "zenith", "azimuth"),
    [
        # Solar noon at the equinox: the sun stands due south, as high as the latitude leaves.
        (datetime(2026, 3, 20, 11, 31, tzinfo=ZoneInfo("UTC")), 48.8, 180.0),
        (datetime(2026, 6, 21, 11, 25, tzinfo=ZoneInfo("UTC")), 48.8 - 23.44, 180.0),
        (datetime(2026, 12, 21, 11, 21, tzinfo=ZoneInfo("UTC")), 48.8 + 23.44, 180.0),
    ],
)
def test_the_sun_stands_where_the_almanac_puts_it(moment, zenith, azimuth):
    sun = sun_at(np.array([moment.timestamp() / 86_400]), latitude=48.8, longitude=9.2)
    assert np.degrees(np.arccos(sun.cos_zenith[0])) == pytest.approx(zenith, abs=0.2)
    assert np.degrees(sun.azimuth[0]) % 360 == pytest.approx(azimuth, abs=1.0)


def test_the_sun_gives_nothing_at_night(week):
    weather = weather_of(week[0].number, seed=7, latitude=48.8, longitude=9.2)
    night = weather.sun.cos_zenith <= 0
    assert night.any()
    assert not week[0].flows["solar"][:, night].any()


@pytest.mark.slow
def test_a_year_is_like_a_year_in_a_village():
    timeline = Timeline(Spec(origin=date(2025, 11, 21)))
    totals = {flow: np.zeros(20) for flow in FLOWS}
    monthly = np.zeros(13)
    for day in timeline.days(until=timeline.number + 365):
        for flow in FLOWS:
            totals[flow] += day.flows[flow].sum(axis=1) / 1e9
        monthly[(date(1970, 1, 1) + timedelta(days=day.number)).month] += day.flows["solar"].sum() / 1e9
    for home in timeline.homes:
        plain = totals["consumption"] - totals["car"] - totals["heat_pump"]
        assert 1200 < plain[home.index] < 6000
        if home.roof is not None:
            assert 800 < totals["solar"][home.index] / home.roof.peak_w * 1000 < 1200
    assert monthly[6] > 3 * monthly[12]
    assert totals["import"].sum() < totals["consumption"].sum()


def test_homes_differ():
    homes = homes_plan(seed=1, homes=20)
    assert {home.habit for home in homes} >= {"family", "retired", "commuters", "shifts", "single", "home office"}
    assert 0 < sum(home.roof is not None for home in homes) < 20
    assert sum(home.pack is not None for home in homes) >= 4
    assert any(home.mill for home in homes)


def test_refuses_more_homes_than_the_community_has():
    with pytest.raises(ValueError, match="1 to 20 homes"):
        homes_plan(seed=1, homes=21)


@pytest.mark.parametrize(
    ("day", "free"),
    [
        (date(2026, 4, 3), True),  # Good Friday
        (date(2026, 4, 6), True),  # Easter Monday
        (date(2026, 5, 14), True),  # Ascension
        (date(2026, 5, 25), True),  # Whit Monday
        (date(2026, 10, 3), True),
        (date(2026, 11, 21), True),  # a Saturday
        (date(2026, 11, 20), False),
    ],
)
def test_knows_when_people_are_free(day, free):
    assert is_free(day) is free


def test_local_days_of_23_and_25_hours_begin_at_local_midnight():
    zone = "Europe/Berlin"
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    assert midnight_minute(spring + timedelta(days=1), zone) - midnight_minute(spring, zone) == 23 * 60
    assert midnight_minute(autumn + timedelta(days=1), zone) - midnight_minute(autumn, zone) == 25 * 60
    assert midnight_minute(date(1970, 1, 2), "UTC") == 1440 * day_number(date(1970, 1, 2))
