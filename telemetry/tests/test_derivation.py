from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.derivation import derive
from telemetry.model import ESTIMATED, PARTIAL, PRESENT, SIMULATED, SUSPECT, Columns, Kind, Quality
from telemetry.tests.conftest import series_of

Q = 900_000
MINUTE = 60_000


def columns(rows) -> Columns:
    return Columns(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
        np.array([row[2] if len(row) > 2 else 0 for row in rows], np.uint8),
    )


def test_register_read_on_the_edges_gives_the_difference():
    grid = derive(series_of(Kind.COUNTER, "Wh"), columns([(0, 1000), (Q, 1250), (2 * Q, 1250)]), 0, 2 * Q)
    assert grid.energy.tolist() == [250_000_000, 0]
    assert grid.flags.tolist() == [PRESENT, PRESENT]
    assert grid.mean.tolist() == [1000, 0]


def test_register_is_interpolated_at_the_edge():
    grid = derive(series_of(Kind.COUNTER, "Wh"), columns([(Q - 2 * MINUTE, 100), (Q + MINUTE, 103)]), 0, 2 * Q)
    assert grid.energy.tolist() == [2_000_000, 1_000_000]
    assert (grid.flags == PRESENT | PARTIAL).all()


def test_register_across_a_long_gap_is_spread_and_estimated():
    grid = derive(series_of(Kind.COUNTER, "Wh"), columns([(0, 0), (4 * Q, 1)]), 0, 4 * Q)
    assert grid.energy.tolist() == [250_000] * 4
    assert (grid.flags == PRESENT | ESTIMATED).all()


@pytest.mark.parametrize(("fallen_to", "counted"), [(20, 20), (999_000, 0), (150, 0)])
def test_register_that_falls_starts_anew(fallen_to, counted):
    rows = [(0, 1_000_000), (Q, 1_000_100), (2 * Q, fallen_to), (3 * Q, fallen_to + 40)]
    grid = derive(series_of(Kind.COUNTER, "Wh"), columns(rows), 0, 3 * Q)
    assert grid.energy.tolist() == [100_000_000, counted * 1_000_000, 40_000_000]
    assert grid.flags.tolist() == [PRESENT, PRESENT | SUSPECT | ESTIMATED, PRESENT]


def test_register_that_leaps_is_another_meter_and_no_consumption():
    rows = [(0, 1_000), (Q, 25_000_000), (2 * Q, 25_000_200)]
    grid = derive(series_of(Kind.COUNTER, "Wh"), columns(rows), 0, 2 * Q)
    assert grid.energy.tolist() == [0, 200_000_000]
    assert grid.flags[0] & SUSPECT


def test_coarse_register_read_often_is_no_leap():
    grid = derive(series_of(Kind.COUNTER, "Wh"), columns([(0, 0), (100, 1_000), (Q, 1_000)]), 0, Q)
    assert grid.energy.tolist() == [1_000_000_000]


def test_mean_covers_its_interval_and_no_more():
    series = series_of(Kind.MEAN, interval_ms=Q)
    grid = derive(series, columns([(0, 400), (Q // 3, 1000)]), 0, 2 * Q)
    assert grid.energy.tolist() == [200_000_000, 83_333_333]
    assert grid.mean.tolist() == [800, 1000]
    assert grid.flags.tolist() == [PRESENT, PRESENT | PARTIAL]


def test_hourly_mean_fills_four_quarters():
    grid = derive(series_of(Kind.MEAN, interval_ms=4 * Q), columns([(0, 1234.5)]), 0, 5 * Q)
    assert grid.energy.tolist() == [308_625_000] * 4 + [0]
    assert grid.flags.tolist() == [PRESENT] * 4 + [0]


def test_gauge_holds_its_value_until_the_next_but_not_across_a_gap():
    series = series_of(Kind.GAUGE, "V")
    grid = derive(series, columns([(0, 230), (Q // 2, 240), (Q, 236), (4 * Q, 231)]), 0, 5 * Q)
    assert grid.mean[0] == 235
    assert (grid.min[0], grid.max[0]) == (230, 240)
    assert grid.flags.tolist() == [PRESENT, PRESENT | PARTIAL, 0, 0, PRESENT | PARTIAL]
    assert grid.mean[1] == 236
    assert np.isnan(grid.mean[2])
    assert not grid.energy.any()


def test_interval_energy_longer_than_a_quarter_is_spread_without_loss():
    grid = derive(series_of(Kind.INTERVAL, "Wh", interval_ms=3 * Q), columns([(0, 0.000001)]), 0, 4 * Q)
    assert grid.energy.sum() == 1
    assert (grid.flags[:3] & ESTIMATED).all()


@pytest.mark.parametrize(
    ("quality", "flag"),
    [(Quality.ESTIMATED, ESTIMATED), (Quality.SUBSTITUTED, ESTIMATED), (Quality.SUSPECT, SUSPECT)],
)
def test_doubt_about_a_reading_reaches_its_quarter(quality, flag):
    grid = derive(series_of(Kind.MEAN, interval_ms=Q), columns([(0, 1), (Q, 1, quality)]), 0, 2 * Q)
    assert grid.flags.tolist() == [PRESENT, PRESENT | flag]


def test_simulated_series_say_so_in_every_quarter():
    series = series_of(Kind.MEAN, interval_ms=Q, simulated=True)
    assert derive(series, columns([(0, 1)]), 0, 2 * Q).flags.tolist() == [PRESENT | SIMULATED, 0]


def test_a_missed_poll_does_not_make_a_quarter_partial():
    rows = [(at, 100) for at in range(0, Q, 10_000) if at != 50_000]
    grid = derive(series_of(Kind.MEAN, interval_ms=10_000), columns(rows), 0, Q)
    assert grid.flags.tolist() == [PRESENT]


REGISTER = st.lists(st.tuples(st.integers(1, 8 * Q), st.integers(0, 5_000_000)), min_size=2, max_size=25)


@settings(max_examples=200, deadline=None)
@given(REGISTER, st.integers(0, 3))
def test_quarters_add_up_to_the_registers_difference_exactly(steps, decimals):
    times = np.cumsum([step[0] for step in steps])
    values = np.cumsum([step[1] for step in steps]) / 10**decimals
    end = int(-(-times[-1] // Q)) * Q
    grid = derive(series_of(Kind.COUNTER, "l"), columns(list(zip(times, values, strict=True))), 0, end)
    assert grid.energy.sum() == round(values[-1] * 1e6) - round(values[0] * 1e6)
    assert (grid.energy >= 0).all()


@settings(max_examples=200, deadline=None)
@given(REGISTER)
def test_register_agrees_with_exact_fractions(steps):
    times = [int(one) for one in np.cumsum([step[0] for step in steps])]
    values = [int(one) for one in np.cumsum([step[1] for step in steps])]
    end = -(-times[-1] // Q) * Q
    grid = derive(series_of(Kind.COUNTER, "l"), columns(list(zip(times, values, strict=True))), 0, end)

    def register(at: int) -> Fraction:
        at = min(max(at, times[0]), times[-1])
        place = max(i for i, time in enumerate(times) if time <= at)
        if place == len(times) - 1:
            return Fraction(values[-1])
        share = Fraction(at - times[place], times[place + 1] - times[place])
        return values[place] + share * (values[place + 1] - values[place])

    for quarter, energy in enumerate(grid.energy.tolist()):
        exact = (register((quarter + 1) * Q) - register(quarter * Q)) * 1_000_000
        assert abs(energy - exact) <= 1


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(list(Kind)),
    st.lists(st.tuples(st.integers(1, 3 * Q), st.integers(0, 1000)), min_size=1, max_size=30),
    st.integers(0, 20),
    st.sampled_from([0, 10_000, Q, 2 * Q]),
)
def test_any_window_gives_the_same_quarters_as_the_whole(kind, steps, cut, interval_ms):
    series = series_of(kind, "W" if kind is not Kind.COUNTER else "Wh", interval_ms=interval_ms)
    times = np.cumsum([step[0] for step in steps])
    rows = columns([(t, step[1]) for t, step in zip(times, steps, strict=True)])
    end = (int(times[-1]) // Q + 4) * Q
    at = min(cut * Q, end - Q)
    whole, first, second = (derive(series, rows, *window) for window in ((0, end), (0, at or Q), (at, end)))
    for name in ("flags", "energy", "mean", "min", "max"):
        one = np.concatenate((getattr(first, name)[: at // Q], getattr(second, name)))
        assert np.array_equal(one, getattr(whole, name), equal_nan=True)
