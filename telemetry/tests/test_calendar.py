from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.calendar import (
    day_start_ms,
    local_day,
    local_edges,
    period_add,
    period_days,
    period_start,
    utc_datetime,
    utc_ms,
)
from telemetry.errors import UnableToRead

ZONES = ["Europe/Berlin", "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
DAYS = st.dates(date(2001, 1, 1), date(2037, 12, 1))


@pytest.mark.parametrize(
    ("zone", "day", "quarters"),
    [
        ("Europe/Berlin", date(2021, 3, 28), 92),
        ("Europe/Berlin", date(2021, 10, 31), 100),
        ("Europe/Berlin", date(2021, 6, 1), 96),
        ("Australia/Lord_Howe", date(2021, 4, 4), 98),
        ("Australia/Lord_Howe", date(2021, 10, 3), 94),
    ],
)
def test_local_days_have_as_many_quarters_as_they_last(zone, day, quarters):
    assert len(local_edges(zone=zone, start=day, end=day + timedelta(days=1), step="quarter")) - 1 == quarters


def test_a_day_without_midnight_begins_when_the_clock_jumped():
    start = day_start_ms("America/Sao_Paulo", date(2017, 10, 15))
    assert utc_datetime(start) == datetime(2017, 10, 15, 3, tzinfo=UTC)


def test_a_day_the_zone_skipped_has_no_length():
    edges = local_edges(zone="Pacific/Apia", start=date(2011, 12, 29), end=date(2012, 1, 1), step="day")
    assert np.diff(edges).tolist() == [86_400_000, 86_400_000]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), DAYS, st.integers(1, 800), st.sampled_from(["hour", "day", "week", "month", "year"]))
def test_edges_rise_cover_the_range_and_lie_on_quarters(zone, start, length, step):
    end = start + timedelta(days=length)
    edges = local_edges(zone=zone, start=start, end=end, step=step)
    assert (np.diff(edges) > 0).all()
    assert (edges[0], edges[-1]) == (day_start_ms(zone, start), day_start_ms(zone, end))
    assert (edges % 900_000 == 0).all()


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), DAYS)
def test_every_day_begins_at_its_first_instant(zone, day):
    start = day_start_ms(zone, day)
    place = ZoneInfo(zone)
    assert datetime.fromtimestamp(start / 1000, place).date() >= day
    assert datetime.fromtimestamp(start / 1000 - 1, place).date() < day


@settings(max_examples=100, deadline=None)
@given(DAYS, st.sampled_from(["day", "week", "month", "year"]), st.integers(-30, 30))
def test_periods_follow_each_other_without_gap(day, step, count):
    first, following = period_days(day, step)
    assert first <= day < following
    assert period_start(following, step) == following
    assert period_add(period_add(first, step, count), step, -count) == first


def test_weeks_begin_on_monday():
    assert period_start(date(2021, 1, 3), "week") == date(2020, 12, 28)


def test_months_are_cut_off_at_the_ends_of_the_range():
    edges = local_edges(zone="UTC", start=date(2021, 1, 20), end=date(2021, 3, 5), step="month")
    assert [utc_datetime(int(edge)).date() for edge in edges] == [
        date(2021, 1, 20),
        date(2021, 2, 1),
        date(2021, 3, 1),
        date(2021, 3, 5),
    ]


@pytest.mark.parametrize(
    ("zone", "end", "step", "field"),
    [
        ("Mars/Base", 5, "day", "zone"),
        ("UTC", 1, "day", "end"),
        ("UTC", 5, "eon", "step"),
        ("../etc", 5, "day", "zone"),
    ],
)
def test_refuses_what_is_no_range_and_names_the_field(zone, end, step, field):
    with pytest.raises(UnableToRead) as refusal:
        local_edges(zone=zone, start=date(2021, 1, 1), end=date(2021, 1, end), step=step)
    assert refusal.value.field == field


def test_all_zones_change_on_quarters_of_an_hour_today():
    for zone in sorted(available_timezones() - {"localtime"}):
        offset = datetime(2026, 6, 1, tzinfo=ZoneInfo(zone)).utcoffset()
        assert offset is not None
        assert offset % timedelta(minutes=15) == timedelta(0), zone


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))
def test_milliseconds_and_datetimes_turn_into_each_other(moment):
    aware = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    assert utc_datetime(utc_ms(aware)) == aware


def test_an_instant_belongs_to_the_local_day():
    assert local_day(zone="Europe/Berlin", at_ms=utc_ms(datetime(2021, 3, 27, 23, 30, tzinfo=UTC))) == date(
        2021, 3, 28
    )
