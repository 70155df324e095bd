"""Times as files write them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myhouse.uploads.times import local_to_utc, time_matches, times_read

BERLIN = ZoneInfo("Europe/Berlin")


def ms(*parts, zone=UTC, fold=0):
    return int(datetime(*parts, tzinfo=zone, fold=fold).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "form", "expected", "is_utc"),
    [
        ("2021-03-28T01:15:00Z", "iso", ms(2021, 3, 28, 1, 15), True),
        ("2021-03-28 01:15", "iso", ms(2021, 3, 28, 1, 15), False),
        ("2021-03-28T01:15:00.250+02:00", "iso", ms(2021, 3, 27, 23, 15) + 250, True),
        ("2021-03-28T01:15:00,25-0330", "iso", ms(2021, 3, 28, 4, 45) + 250, True),
        ("2021-03-28", "iso", ms(2021, 3, 28), False),
        ("28.03.2021 01:15", "dmy", ms(2021, 3, 28, 1, 15), False),
        ("1.3.2021 1:15:30", "dmy", ms(2021, 3, 1, 1, 15, 30), False),
        ("3/28/2021 1:15 PM", "mdy", ms(2021, 3, 28, 13, 15), False),
        ("3/28/2021 12:05 AM", "mdy", ms(2021, 3, 28, 0, 5), False),
        ("202103280115", "compact", ms(2021, 3, 28, 1, 15), False),
        ("1616893200", "epoch_s", 1_616_893_200_000, True),
        ("1616893200.5", "epoch_s", 1_616_893_200_500, True),
        ("1616893200123", "epoch_ms", 1_616_893_200_123, True),
        ("44283.5", "excel_serial", ms(2021, 3, 28, 12), False),
    ],
)
def test_reads_a_time_in_every_format(text, form, expected, is_utc):
    found = times_read([text], time_format=form)
    assert not found.bad[0]
    assert (int(found.ms[0]), bool(found.utc[0])) == (expected, is_utc)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2021-02-29", "iso"),
        ("2021-13-01", "iso"),
        ("2021-01-01T24:00", "iso"),
        ("2021-01-01 10:60", "iso"),
        ("", "iso"),
        ("yesterday", "iso"),
        ("2021-01-01T10:00+99:00", "iso"),
        ("31.04.2021 10:00", "dmy"),
        ("1/1/2021 13:00 PM", "mdy"),
        ("=NOW()", "iso"),
        ("nan", "epoch_s"),
        ("inf", "epoch_s"),
        ("1e300", "epoch_s"),
        ("2021-01-01T10:00Zx", "iso"),
        ("２０２１-01-01", "iso"),
    ],
)
def test_refuses_what_is_no_time(text, form):
    found = times_read(["2021-01-01T00:00Z", text], time_format=form)
    assert found.bad[1]


@given(
    st.lists(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 1, 1)), min_size=1, max_size=30),
    st.sampled_from(["%Y-%m-%dT%H:%M:%SZ", "%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S"]),
    st.booleans(),
)
def test_columns_of_any_mix_of_layouts_are_read_as_their_cells(moments, pattern, unpadded):
    cells = [moment.strftime(pattern) for moment in moments]
    if unpadded and pattern.startswith("%d"):
        cells = [f"{m.day}.{m.month}.{m.year} {m.hour}:{m:%M:%S}" for m in moments]
    found = times_read(cells, time_format="dmy" if pattern.startswith("%d") else "iso")
    assert not found.bad.any()
    assert found.ms.tolist() == [int(m.replace(microsecond=0, tzinfo=UTC).timestamp()) * 1000 for m in moments]


def local(*walls, ambiguous="order", zone="Europe/Berlin"):
    return local_to_utc(np.array([ms(*wall) for wall in walls]), zone=zone, ambiguous=ambiguous)


def test_local_times_follow_summer_and_winter_time():
    found = local((2021, 1, 1, 12), (2021, 7, 1, 12))
    assert found.ms.tolist() == [ms(2021, 1, 1, 11), ms(2021, 7, 1, 10)]


def test_a_clock_time_that_was_skipped_is_missing():
    found = local((2021, 3, 28, 1, 45), (2021, 3, 28, 2, 15), (2021, 3, 28, 3, 0))
    assert found.missing.tolist() == [False, True, False]
    assert found.ms[[0, 2]].tolist() == [ms(2021, 3, 28, 0, 45), ms(2021, 3, 28, 1)]


def test_the_second_of_two_equal_clock_times_is_the_later_hour():
    walls = [(2021, 10, 31, 2, 0), (2021, 10, 31, 2, 30), (2021, 10, 31, 2, 0), (2021, 10, 31, 2, 30)]
    found = local(*walls)
    assert np.diff(found.ms).tolist() == [1_800_000] * 3
    assert not found.unclear.any()


@pytest.mark.parametrize(("rule", "hour"), [("first", 0), ("second", 1)])
def test_the_rule_decides_which_hour_is_meant(rule, hour):
    assert local((2021, 10, 31, 2, 30), ambiguous=rule).ms.tolist() == [ms(2021, 10, 31, hour, 30)]


def test_a_single_ambiguous_time_stays_unclear():
    assert local((2021, 10, 31, 2, 30)).unclear.tolist() == [True]


def test_every_ambiguous_time_can_be_refused():
    assert local((2021, 10, 31, 2, 30), (2021, 10, 31, 2, 30), ambiguous="refuse").unclear.all()


@given(
    st.integers(ms(2015, 1, 1) // 900_000, ms(2030, 1, 1) // 900_000),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "UTC"]),
)
def test_quarters_written_as_local_times_come_back(quarter, zone):
    moment = datetime.fromtimestamp(quarter * 900, ZoneInfo(zone))
    wall = int(moment.replace(tzinfo=UTC, fold=0).timestamp()) * 1000
    found = local_to_utc(np.array([wall]), zone=zone, ambiguous="second" if moment.fold else "first")
    assert found.ms.tolist() == [quarter * 900_000]


def test_numbers_out_of_this_century_are_no_epoch():
    assert not time_matches("159", "epoch_s")
    assert time_matches("1613343600", "epoch_s")
