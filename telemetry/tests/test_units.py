from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.units import UnknownUnit, canonical, convert, units_known


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1.001, "kWh", "Wh", 1001.0),
        (12345.678, "kWh", "Wh", 12345678.0),
        (0.3, "kW", "W", 300.0),
        (2.5, "m3", "l", 2500.0),
        (3.6, "MJ", "Wh", 1000.0),
        (1.0, "MWh", "kWh", 1000.0),
        (32.0, "degF", "degC", 0.0),
        (293.15, "K", "degC", 20.0),
        (31.5, "ct/kWh", "uct/Wh", 31500.0),
        (95.0, "EUR/MWh", "uct/Wh", 9500.0),
        (500.0, "W", "kW", 0.5),
        (7.0, "°C", "degC", 7.0),
    ],
)
def test_turns_one_unit_into_another(value, source, target, expected):
    assert convert([value], source, target)[0] == pytest.approx(expected, rel=1e-12, abs=1e-9)


@given(st.integers(0, 10**8))
def test_kilowatt_hours_with_three_decimals_become_exact_watt_hours(watt_hours):
    assert convert(watt_hours / 1000, "kWh", "Wh") == watt_hours


def test_an_unknown_unit_is_refused_with_those_that_are_accepted():
    with pytest.raises(UnknownUnit, match="kWh"):
        convert([1], "horsepower", "W")


def test_power_is_not_turned_into_energy():
    with pytest.raises(UnknownUnit, match=r"kW cannot be turned into Wh"):
        convert([1], "kW", "Wh")


@pytest.mark.parametrize("unit", units_known())
def test_every_known_unit_reaches_its_canonical_one_and_back(unit):
    there = convert([17.25], unit, canonical(unit))
    assert convert(there, canonical(unit), unit)[0] == pytest.approx(17.25, rel=1e-9)
