"""The rules of what may be stored, the same for one reading and for a million."""

import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.intake import UNSAID, Row, Rows, rows_check, rows_guard, sheet_check, sheet_guard, sheet_of
from devices.relay import Relay, newest_of, newest_rows
from devices.targets import Target
from telemetry.model import Kind, Quality, Reading

NOW_MS = 1_800_000_000_000


def target(*, kind=Kind.GAUGE, simulated=False, limit=float("inf")):
    ids = [uuid.uuid4() for _each in range(5)]
    return Target(ids[0], ids[1], "p", ids[2], ids[3], ids[4], "W", kind, simulated, limit)


TARGETS = [
    target(limit=40_000.0),
    target(kind=Kind.COUNTER),
    target(kind=Kind.INTERVAL, simulated=True),
    target(simulated=True, limit=1_000.0),
]
values = st.one_of(st.floats(), st.sampled_from([0.0, -1.0, 41_000.0, -41_000.0, 1_000.0, 1_001.0]))
times = st.sampled_from([0, 946_684_799_999, 946_684_800_000, NOW_MS, NOW_MS + 300_000, NOW_MS + 300_001])
qualities = st.sampled_from([UNSAID, 0, 1, 2, 3, 4])
some_rows = st.lists(st.builds(Row, st.sampled_from(TARGETS), times, values, qualities), min_size=1, max_size=12)


def place(row, part):
    return f"{row}.{part}"


@given(some_rows)
def test_a_few_and_many_are_judged_alike(rows):
    few = Rows(rows, place)
    one = {(error.field, error.message) for error in rows_check(few, now_ms=NOW_MS)}
    other = {(error.field, error.message) for error in sheet_check(sheet_of(few), now_ms=NOW_MS)}
    assert len(one) == len(other)
    assert one == other or len(one) == 20


@given(some_rows)
def test_a_few_and_many_are_guarded_alike(rows):
    few = Rows([row for row in rows if not rows_check(Rows([row], place), now_ms=NOW_MS)], place)
    one = [(row.target.series_id, row.time_ms, row.value, row.quality) for row in rows_guard(few)]
    sheet = sheet_guard(sheet_of(few))
    other = [
        (sheet.targets[place].series_id, time_ms, value, quality)
        for place, time_ms, value, quality in zip(
            sheet.index.tolist(), sheet.times.tolist(), sheet.values.tolist(), sheet.quality.tolist(), strict=True
        )
    ]
    assert one == other


def test_quarantine_is_stored_as_suspect_but_never_shown_live():
    spike = Row(TARGETS[0], NOW_MS, 50_000.0, UNSAID)
    assert [row.quality for row in rows_guard(Rows([spike], place))] == [Quality.SUSPECT]
    assert list(newest_rows([spike], after_ms=0)) == []
    assert newest_of(sheet_guard(sheet_of(Rows([spike], place))), after_ms=0) == []


def test_the_newest_reading_of_each_target_is_the_live_one_in_whatever_order_they_came():
    rows = [Row(TARGETS[0], NOW_MS + step, float(step), 0) for step in (3, 1, 2)]
    rows.append(Row(TARGETS[1], NOW_MS, 9.0, 0))
    found = dict(newest_of(sheet_of(Rows(rows, place)), after_ms=0))
    assert found == {
        TARGETS[0]: Reading(NOW_MS + 3, 3.0, Quality.MEASURED),
        TARGETS[1]: Reading(NOW_MS, 9.0, Quality.MEASURED),
    }


@pytest.mark.parametrize(
    ("readings", "steps"),
    [
        ([10.0, 11.0, 12.0], []),
        ([10.0, 11.0, 3.0, 4.0], [(11.0, 3.0)]),
        ([1000.0, 999.9999], []),
        ([10.0, 10.0], []),
    ],
)
def test_a_register_that_goes_back_is_noticed_one_by_one_and_in_columns(readings, steps):
    one = target(kind=Kind.COUNTER)
    rows = [Row(one, NOW_MS + place, value, 0) for place, value in enumerate(readings)]
    singly, together = Relay(), Relay()
    found = [step for row in rows if (step := singly._step_row(row))]
    assert [(step.before.value, step.after.value) for step in found] == steps
    found = together._steps(sheet_of(Rows(rows, place)))
    assert [(step.before.value, step.after.value) for step in found] == steps


def test_late_readings_of_a_register_are_no_step_back():
    one = target(kind=Kind.COUNTER)
    watch = Relay()
    assert watch._steps(sheet_of(Rows([Row(one, NOW_MS, 100.0, 0)], place))) == []
    assert watch._steps(sheet_of(Rows([Row(one, NOW_MS - 10, 90.0, 0)], place))) == []
    assert watch._step_row(Row(one, NOW_MS - 5, 95.0, 0)) is None


def test_steps_are_found_across_requests_among_many_targets():
    meters = [target(kind=Kind.COUNTER) for _each in range(50)]
    watch = Relay()
    first = [Row(one, NOW_MS + step, 100.0 + step, 0) for one in meters for step in range(10)]
    second = [Row(one, NOW_MS + 10 + step, 200.0 + step, 0) for one in meters for step in range(10)]
    second[57] = second[57]._replace(value=5.0)
    assert watch._steps(sheet_of(Rows(first, place))) == []
    steps = watch._steps(sheet_of(Rows(second, place)))
    assert [(step.target, step.before.value, step.after.value) for step in steps] == [(meters[5], 206.0, 5.0)]
    assert np.isclose(watch._registers[meters[5].series_id].value, 209.0)
