"""Numbers are written with three digits, the right prefix and their unit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myhouse import formatting as f

THIN = "\u202f"


@pytest.mark.parametrize(
    ("watts", "text"),
    [
        (0, "0 W"),
        (0.4, "0 W"),
        (-0.4, "0 W"),
        (412.4, "412 W"),
        (999.4, "999 W"),
        (999.5, "1.00 kW"),
        (1_240, "1.24 kW"),
        (-1_240, "−1.24 kW"),
        (9_994, "9.99 kW"),
        (9_996, "10.0 kW"),
        (12_360, "12.4 kW"),
        (999_600, "1.00 MW"),
        (1_234_000_000_000, "1,234 GW"),
    ],
)
def test_writes_a_power_with_three_digits_and_the_right_prefix(watts, text):
    assert f.power(watts, "en") == text.replace(" ", THIN)


def test_writes_german_numbers_with_comma_and_the_symbol_behind():
    assert f.energy(12_360, "de-de") == f"12,4{THIN}kWh"
    assert f.money(123_456_000_000, "EUR", "de") == f"1.234,56{THIN}€"
    assert f.share(0.842, "de") == f"84{THIN}%"


@pytest.mark.parametrize(
    ("micro_cents", "text"),
    [(0, "€0.00"), (499_999, "€0.00"), (-499_999, "€0.00"), (500_000, "€0.01"), (-150_000_000, "−€1.50")],
)
def test_rounds_money_once_to_the_cent(micro_cents, text):
    assert f.money(micro_cents, "EUR", "en") == text


def test_writes_a_currency_without_a_sign_by_its_code():
    assert f.money(150_000_000, "CHF", "en") == f"CHF{THIN}1.50"
    assert f.price(31_200, "SEK", "en") == f"0.3120{THIN}SEK/kWh"


def test_writes_small_hourly_costs_in_cents():
    assert f.money_rate(3_840_000, "EUR", "en") == f"3.8{THIN}ct/h"
    assert f.money_rate(-38_400_000, "EUR", "de") == f"−38{THIN}ct/h"
    assert f.money_rate(138_400_000, "EUR", "en") == "€1.38/h"


def test_writes_prices_per_kilowatt_hour():
    assert f.price(31_216, "EUR", "en") == f"31.2{THIN}ct/kWh"
    assert f.price(-1_500, "EUR", "de") == f"−1,50{THIN}ct/kWh"


def test_says_that_a_figure_is_missing_instead_of_zero():
    texts = {f.power(None, "en"), f.power(math.nan, "en"), f.money(None, "EUR", "en"), f.share(None, "en")}
    assert texts == {"–"}


def test_puts_a_sign_before_a_change():
    assert f.share(0.12, "en", signed=True) == "+12%"
    assert f.share(-0.12, "en", signed=True) == "−12%"
    assert f.share(0.001, "en", signed=True) == "0%"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-3, (0, "s")),
        (59.9, (59, "s")),
        (60, (1, "min")),
        (3_599, (59, "min")),
        (7_200, (2, "h")),
        (200_000, (2, "d")),
    ],
)
def test_tells_an_age_in_its_natural_unit(seconds, expected):
    assert f.age(seconds) == expected


@given(st.floats(min_value=-1e13, max_value=1e13))
def test_never_writes_more_than_three_digits_below_a_thousand_gigawatts(watts):
    digits = sum(c.isdigit() for c in f.power(watts, "en"))
    assert digits <= 3 or abs(watts) >= 999.5e9


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_money_reads_back_within_half_a_cent(micro_cents):
    text = f.money(micro_cents, "EUR", "en").replace("−", "-").replace("€", "").replace(",", "")
    assert abs(round(float(text) * 100) * 1_000_000 - micro_cents) <= 500_000
