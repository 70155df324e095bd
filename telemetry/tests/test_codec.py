from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.codec import columns_decode, columns_encode, grid_decode, grid_encode
from telemetry.errors import CorruptBlockError
from telemetry.model import Columns

TIMES = st.integers(946_684_800_000, 4_000_000_000_000)
VALUES = st.one_of(
    st.floats(-1e12, 1e12),
    st.integers(-(10**9), 10**9).map(float),
    st.integers(-(10**9), 10**9).map(lambda n: n / 1000),
)


def columns(times, values, quality) -> Columns:
    return Columns(np.array(times, np.int64), np.array(values, np.float64), np.array(quality, np.uint8))


def same(one: Columns, other: Columns) -> bool:
    return all(
        np.array_equal(a, b) and a.dtype == b.dtype
        for a, b in zip((one.times, one.values, one.quality), (other.times, other.values, other.quality), strict=True)
    )


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(TIMES, VALUES, st.integers(0, 4)), max_size=60, unique_by=lambda row: row[0]),
    quick=st.booleans(),
)
def test_gives_back_exactly_what_went_in(rows, quick):
    rows.sort()
    block = columns(*([row[at] for row in rows] for at in range(3)))
    assert same(columns_decode(columns_encode(block, quick=quick)), block)


@settings(max_examples=100, deadline=None)
@given(
    start=TIMES,
    step=st.integers(1, 100_000_000),
    jitter=st.lists(st.integers(-40, 40), min_size=3, max_size=200),
    gap=st.integers(0, 10**9),
)
def test_gives_back_times_near_a_grid_with_jitter_and_gaps(start, step, jitter, gap):
    times = np.unique(start + np.arange(len(jitter)) * (step + 100) + np.array(jitter))
    times[len(times) // 2 :] += gap
    block = columns(times, np.ones(len(times)), np.zeros(len(times)))
    assert same(columns_decode(columns_encode(block)), block)


def power(count: int, step_ms: int, decimals: int, jitter_ms: int) -> Columns:
    rng = np.random.default_rng(7)
    times = 1_700_000_000_000 + np.arange(count) * step_ms
    times += rng.integers(-jitter_ms, jitter_ms + 1, count)
    walk = np.abs(np.cumsum(rng.normal(0, 12, count)) + 600)
    return columns(times, walk.round(decimals), np.zeros(count))


@pytest.mark.parametrize(
    ("step_ms", "decimals", "jitter_ms"), [(1_000, 0, 15), (10_000, 0, 25), (10_000, 1, 0), (10_000, 1, 25)]
)
def test_takes_at_most_two_and_a_half_bytes_for_a_reading_of_power(step_ms, decimals, jitter_ms):
    block = power(86_400_000 // step_ms, step_ms, decimals, jitter_ms)
    assert len(columns_encode(block)) / len(block) <= 2.5


def test_keeps_floats_that_are_no_decimals_bit_for_bit():
    values = np.random.default_rng(3).random(500) * np.pi
    block = columns(np.arange(500), values, np.zeros(500))
    assert columns_decode(columns_encode(block)).values.tobytes() == values.tobytes()


def test_same_readings_give_the_same_bytes():
    block = power(1000, 10_000, 1, 20)
    assert columns_encode(block) == columns_encode(columns(block.times, block.values, block.quality))


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-4], lambda _: b"", lambda b: b[:2] + b"\x09" + b[3:], lambda b: b[:9]]
)
def test_says_that_a_damaged_block_is_damaged(damage):
    block = columns_encode(power(300, 10_000, 1, 20))
    with pytest.raises(CorruptBlockError):
        columns_decode(damage(block))


def test_gives_back_a_page_of_quarters_with_its_holes():
    flags = np.repeat(np.array([0, 1, 3, 0, 17], np.uint8), 20)
    energy = np.where(flags > 0, np.arange(100) * 1_000_003, 0)
    mean = np.where(flags > 0, np.arange(100) / 7, np.nan)
    found = grid_decode(grid_encode(flags, energy, (mean,)), 1)
    assert np.array_equal(found[0], flags)
    assert np.array_equal(found[1], energy)
    assert np.array_equal(found[2][0], mean, equal_nan=True)
