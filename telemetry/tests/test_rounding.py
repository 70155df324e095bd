from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from telemetry.rounding import whole, whole_sum


@given(arrays(np.int64, st.integers(0, 120), elements=st.integers(-(10**12), 10**12)))
def test_parts_add_up_to_the_sum_rounded_once(exact):
    parts = whole(exact)
    assert parts.sum() == whole_sum(exact)
    assert abs(int(parts.sum()) * 1_000_000 - int(exact.sum())) <= 500_000


@given(arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 10**12)))
def test_each_part_is_less_than_one_unit_off(exact):
    assert (np.abs(whole(exact) * 1_000_000 - exact) <= 1_000_000).all()


def test_halves_go_up():
    assert whole([500_000, 500_000, 499_999]).tolist() == [1, 0, 0]
    assert whole_sum([-500_000]) == 0


def test_rounds_along_the_last_axis():
    assert whole([[600_000, 600_000], [0, 1_400_000]]).tolist() == [[1, 0], [0, 1]]
