"""Supplier contracts of the demo homes, and the made-up market behind the dynamic ones."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from devices.simulator.community import Spec
from devices.simulator.noise import key_of, waves
from devices.simulator.weather import MINUTES, minutes_of, weather_of

PRICE_NAME = "Day-ahead price (demo)"
EMISSION_NAME = "Emission factor of the grid (demo)"
SOURCE = "Made up for the demo, not a market result"
QUARTER_MS = 900_000
_QUARTERS = 96
_MARKET, _WIND_PARK, _GRID_MIX = 51, 52, 53
_EURO = 100_000_000  # micro-cents

_LEVIES = [{"name": "Grid fee", "uct_per_wh": 9_400}, {"name": "Electricity tax and levies", "uct_per_wh": 4_700}]
_DAYTIME = ("mon", "tue", "wed", "thu", "fri")
_ALL_DAYS = (*_DAYTIME, "sat", "sun")


def contracts_of(home: int, *, starts_on: date) -> list[dict[str, Any]]:
    """The contracts of a home: direction, supplier, name, first and last day, terms."""
    switched = starts_on + timedelta(days=182)
    kinds = ("dynamic", "flat", "tou")
    contracts = [_import(kinds[home % 3], starts_on, None)]
    if home == 0:  # changed its supplier half a year ago: history keeps the old prices
        contracts = [_import("flat", starts_on, switched), _import("dynamic", switched, None)]
    contracts.append(
        {
            "direction": "export",
            "supplier_name": "Demo grid operator",
            "name": "Feed-in tariff",
            "starts_on": starts_on,
            "ends_on": None,
            "terms": {"price": {"kind": "flat", "uct_per_wh": 7_940}},
        }
    )
    return contracts


def _import(kind: str, starts_on: date, ends_on: date | None) -> dict[str, Any]:
    name = {"flat": "Steady", "tou": "Day and night", "dynamic": "Quarter-hour"}[kind]
    price = {"flat": _flat, "tou": _time_of_use, "dynamic": _dynamic}[kind]()
    monthly = {"flat": 10 * _EURO, "tou": 11 * _EURO, "dynamic": 9 * _EURO}[kind]
    return {
        "direction": "import",
        "supplier_name": "Demo supplier",
        "name": name,
        "starts_on": starts_on,
        "ends_on": ends_on,
        "terms": {
            "price": price,
            "fees": [{"name": "Basic price", "uct": monthly, "per": "month"}],
            "levies": _LEVIES,
            "vat_per_mille": 190,
        },
    }


def _flat() -> dict[str, Any]:
    return {"kind": "flat", "uct_per_wh": 13_900}


def _dynamic() -> dict[str, Any]:
    return {"kind": "dynamic", "reference": PRICE_NAME, "resolution": "quarter", "markup_uct_per_wh": 1_900}


def _time_of_use() -> dict[str, Any]:
    night = [{"from": "22:00", "until": "06:00", "days": list(_ALL_DAYS)}]
    weekend = {"from": "06:00", "until": "22:00", "days": ["sat", "sun"]}
    return {
        "kind": "tou",
        "zones": [
            {"name": "Night", "uct_per_wh": 10_400, "windows": night},
            {
                "name": "Day",
                "uct_per_wh": 14_200,
                "windows": [{"from": "06:00", "until": "17:00", "days": list(_DAYTIME)}, weekend],
            },
            {
                "name": "Evening",
                "uct_per_wh": 18_600,
                "windows": [{"from": "17:00", "until": "22:00", "days": list(_DAYTIME)}],
            },
        ],
    }


def market_days(
    spec: Spec, first: int, until: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Quarter-hours of UTC days [first, until): start in ms, price in µct/Wh, grid emission in g/kWh.

    Plausible, not real: dear in the morning and evening, cheap (at times below zero) under sun and wind.
    """
    times, prices, factors = [], [], []
    for day in range(first, until):
        price, factor = _market_day(spec, day)
        times.append(day * 86_400_000 + np.arange(_QUARTERS, dtype=np.int64) * QUARTER_MS)
        prices.append(price)
        factors.append(factor)
    return np.concatenate(times), np.concatenate(prices), np.concatenate(factors)


def _market_day(spec: Spec, day: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    minute = minutes_of(day)
    weather = weather_of(day, seed=spec.seed, latitude=spec.latitude, longitude=spec.longitude)
    sun = (weather.beam + weather.diffuse) / 900.0
    wind = waves(key_of(spec.seed, _WIND_PARK), minute, 1700.0)
    level = waves(key_of(spec.seed, _MARKET), minute, 14_400.0)
    hour = ((minute % MINUTES) / 60.0 + 1.0) % 24.0
    morning, evening = np.exp(-(((hour - 8.0) / 1.8) ** 2)), np.exp(-(((hour - 19.0) / 2.2) ** 2))
    weekend = 0.82 if (day + 3) % 7 >= 5 else 1.0  # day 0 was a Thursday
    demand = weekend * (0.75 + 0.35 * morning + 0.5 * evening)
    price = 9_500.0 * (0.75 + 0.5 * level) * demand - 8_500.0 * sun - 5_500.0 * (wind - 0.4)
    mix = waves(key_of(spec.seed, _GRID_MIX), minute, 4_000.0)
    factor = 430.0 + 70.0 * (mix - 0.5) + 60.0 * (demand - 1.0) - 230.0 * sun - 190.0 * (wind - 0.3)
    quarterly = [values.reshape(_QUARTERS, -1).mean(axis=1) for values in (price, factor)]
    return np.rint(np.clip(quarterly[0], -2_000, 45_000)), np.rint(np.clip(quarterly[1], 60, 750))
