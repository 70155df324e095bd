"""Numbers as files write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myhouse.uploads.numbers import number_read, numbers_read


@pytest.mark.parametrize(
    ("text", "decimal", "expected"),
    [
        ("159", ".", 159.0),
        ("-3.5", ".", -3.5),
        ("+3", ".", 3.0),
        ("1e3", ".", 1000.0),
        (".5", ".", 0.5),
        ("1,234.5", ".", 1234.5),
        ("1.234,5", ",", 1234.5),
        ("0,25", ",", 0.25),
        ("1'234,5", ",", 1234.5),
        ("12 345", ".", 12345.0),
    ],
)
def test_reads_numbers(text, decimal, expected):
    assert number_read(text, decimal=decimal) == expected


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("nan", "."),
        ("inf", "."),
        ("-Infinity", "."),
        ("1_000", "."),
        ("=1+1", "."),
        ("@5", "."),
        ("1,5", "."),
        ("1.5", ","),
        ("", "."),
        ("-", "."),
        ("e5", "."),
        ("1e999", "."),
        ("٣", "."),
        ("0x10", "."),
        ("1 2", "."),
        ("--1", "."),
    ],
)
def test_refuses_what_is_no_number(text, decimal):
    assert number_read(text, decimal=decimal) is None


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), max_size=30), st.sampled_from([".", ","]))
def test_a_column_reads_as_its_cells_do(numbers, decimal):
    cells = [repr(number).replace(".", decimal) for number in numbers]
    values, empty, bad = numbers_read(cells, decimal=decimal)
    assert values.tolist() == numbers
    assert not empty.any()
    assert not bad.any()


@given(st.lists(st.text(alphabet="0123456789.,-+eE_ naif=\n", max_size=8), max_size=12), st.sampled_from([".", ","]))
def test_odd_cells_never_pass_in_a_column_what_they_would_not_alone(cells, decimal):
    values, empty, bad = numbers_read(cells, decimal=decimal)
    alone = [number_read(cell.strip(), decimal=decimal) for cell in cells]
    assert [None if math.isnan(v) else v for v in values.tolist()] == alone
    assert empty.tolist() == [not cell.strip() for cell in cells]
    assert bad.tolist() == [bool(cell.strip()) and one is None for cell, one in zip(cells, alone, strict=True)]
