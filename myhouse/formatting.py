"""How numbers are written: three significant digits, the right prefix, the unit always; English and German.

`static/js/format.js` says the same for live numbers; a browser test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

THIN = "\u202f"  # narrow no-break space between number and unit
MINUS = "\u2212"
MISSING = "–"
ABOUT = "≈"
MICRO_CENTS_PER_CENT = 1_000_000
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}
CENTS = {"EUR": "ct", "USD": "¢", "GBP": "p", "CHF": "Rp."}


@dataclass(frozen=True)
class Language:
    """The marks of a language between digits, and where signs stand."""

    decimal: str
    group: str
    symbol_first: bool
    percent_gap: str


LANGUAGES = {
    "en": Language(decimal=".", group=",", symbol_first=True, percent_gap=""),
    "de": Language(decimal=",", group=".", symbol_first=False, percent_gap=THIN),
}


def language_of(code: str | None) -> Language:
    """Return the marks of a language code such as `de-at`; English for any other."""
    return LANGUAGES.get((code or "en").split("-")[0].lower(), LANGUAGES["en"])


def number(value: float, decimals: int, language: str | None) -> str:
    """Write a number with this many decimals (half away from zero) and groups of three."""
    units = math.floor(abs(value) * 10**decimals + 0.5)
    return ("" if value >= 0 or units == 0 else MINUS) + _digits(units, decimals, language_of(language))


def _digits(units: int, decimals: int, marks: Language) -> str:
    """Write a whole number of the smallest place, e.g. 1234 with 2 decimals as 12.34."""
    text = str(units).rjust(decimals + 1, "0")
    whole, fraction = (text[:-decimals], text[-decimals:]) if decimals else (text, "")
    groups: list[str] = []
    while len(whole) > 3:
        groups.insert(0, whole[-3:])
        whole = whole[:-3]
    return marks.group.join([whole, *groups]) + (marks.decimal + fraction if decimals else "")


def quantity(value: float | None, units: Sequence[str], language: str | None) -> str:
    """Write a value given in the first unit, in the unit of a thousandfold that leaves three digits."""
    if value is None or not math.isfinite(value):
        return MISSING
    step, scaled, decimals = 0, abs(value), 0
    while True:
        # The first unit is the meter's own and stays whole.
        decimals = 0 if step == 0 else _decimals(scaled)
        rounded = math.floor(scaled * 10**decimals + 0.5) / 10**decimals
        if rounded < 1000 or step == len(units) - 1:
            break
        step, scaled = step + 1, scaled / 1000
    return number(math.copysign(scaled, value), decimals, language) + THIN + units[step]


def _decimals(scaled: float) -> int:
    if scaled < 9.995:
        return 2
    return 1 if scaled < 99.95 else 0


def power(watts: float | None, language: str | None) -> str:
    """Write a power: 412 W, 1.24 kW."""
    return quantity(watts, ("W", "kW", "MW", "GW"), language)


def energy(watt_hours: float | None, language: str | None) -> str:
    """Write an energy: 412 Wh, 12.4 kWh."""
    return quantity(watt_hours, ("Wh", "kWh", "MWh", "GWh"), language)


def mass(grams: float | None, language: str | None) -> str:
    """Write a mass of CO2: 412 g, 1.24 kg, 2.08 t."""
    return quantity(grams, ("g", "kg", "t", "kt"), language)


def money(micro_cents: int | None, currency: str, language: str | None) -> str:
    """Write an amount in the currency's own two decimals, rounded half away from zero."""
    if micro_cents is None:
        return MISSING
    cents = (abs(micro_cents) + MICRO_CENTS_PER_CENT // 2) // MICRO_CENTS_PER_CENT
    marks = language_of(language)
    digits = _digits(cents, 2, marks)
    sign = MINUS if micro_cents < 0 and cents else ""
    symbol = SYMBOLS.get(currency, currency)
    if not marks.symbol_first:
        return f"{sign}{digits}{THIN}{symbol}"
    return f"{sign}{symbol}{digits}" if currency in SYMBOLS else f"{sign}{symbol}{THIN}{digits}"


def money_rate(micro_cents_per_hour: int | None, currency: str, language: str | None) -> str:
    """Write what an hour like this costs: below one unit of the currency in its cents."""
    if micro_cents_per_hour is None:
        return MISSING
    cents = micro_cents_per_hour / MICRO_CENTS_PER_CENT
    if abs(cents) >= 99.5 or currency not in CENTS:
        return money(micro_cents_per_hour, currency, language) + "/h"
    return f"{number(cents, 1 if abs(cents) < 9.95 else 0, language)}{THIN}{CENTS[currency]}/h"


def price(micro_cents_per_wh: float | None, currency: str, language: str | None) -> str:
    """Write a price of energy: 31.2 ct/kWh."""
    if micro_cents_per_wh is None:
        return MISSING
    cents = micro_cents_per_wh / 1000
    if currency not in CENTS:
        return f"{number(cents / 100, 4, language)}{THIN}{currency}/kWh"
    return f"{number(cents, _decimals(abs(cents)), language)}{THIN}{CENTS[currency]}/kWh"


def share(rate: float | None, language: str | None, *, signed: bool = False) -> str:
    """Write a rate 0…1 in whole per cent; `signed` puts a plus before a rise."""
    if rate is None or not math.isfinite(rate):
        return MISSING
    text = number(rate * 100, 0, language)
    plus = "+" if signed and rate > 0 and text != "0" else ""
    return f"{plus}{text}{language_of(language).percent_gap}%"


def age(seconds: float) -> tuple[int, str]:
    """Return how old something is as a whole number and its unit: s, min, h or d."""
    whole = max(0, math.floor(seconds))
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (172_800, 3600, "h")):
        if whole < limit:
            return whole // size, unit
    return whole // 86_400, "d"
