"""The free time at a metering point."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from myhouse.uploads.windows import END_MS, Window, span_of, window_around, windows_between


@st.composite
def periods(draw):
    """Periods that do not overlap, in any order."""
    cuts = sorted(draw(st.lists(st.integers(1, 1_000), unique=True, max_size=12)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return draw(st.permutations(pairs))


@given(periods(), st.integers(0, 1_100))
def test_every_moment_is_in_a_period_or_in_exactly_one_gap(taken, moment):
    inside = sum(start <= moment < end for start, end in taken)
    gaps = sum(bool(gap.holds(np.array([moment]))[0]) for gap in windows_between(taken))
    assert inside + gaps == 1


@given(periods())
def test_a_stretched_period_meets_its_neighbours_and_overlaps_none(taken):
    for place, one in enumerate(taken):
        others = [*taken[:place], *taken[place + 1 :]]
        window = window_around(one, others)
        assert window.start_ms <= one[0] < one[1] <= window.end_ms
        assert all(end <= window.start_ms or start >= window.end_ms for start, end in others)


def test_nothing_measured_leaves_all_of_time():
    assert windows_between([]) == [Window(0, END_MS)]


def test_a_span_ends_with_the_last_interval_on_a_quarter():
    assert span_of(np.array([900_000, 1_800_000]), 900_000) == (900_000, 2_700_000)
    assert span_of(np.array([900_000, 1_800_001]), 0) == (900_000, 2_700_000)
