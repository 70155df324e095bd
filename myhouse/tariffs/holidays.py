"""Nationwide public holidays by rule: fixed days and days counted from Easter; regional ones are left out."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

NEW_YEAR, LABOUR, CHRISTMAS, BOXING = (1, 1), (5, 1), (12, 25), (12, 26)
EPIPHANY, ASSUMPTION, ALL_SAINTS, IMMACULATE = (1, 6), (8, 15), (11, 1), (12, 8)
GOOD_FRIDAY, EASTER, EASTER_MONDAY, ASCENSION, PENTECOST, WHIT_MONDAY, CORPUS_CHRISTI = -2, 0, 1, 39, 49, 50, 60

# Country: (fixed days, days after Easter Sunday).
RULES: dict[str, tuple[tuple[tuple[int, int], ...], tuple[int, ...]]] = {
    "AT": (
        (NEW_YEAR, EPIPHANY, LABOUR, ASSUMPTION, (10, 26), ALL_SAINTS, IMMACULATE, CHRISTMAS, BOXING),
        (EASTER_MONDAY, ASCENSION, WHIT_MONDAY, CORPUS_CHRISTI),
    ),
    "BE": (
        (NEW_YEAR, LABOUR, (7, 21), ASSUMPTION, ALL_SAINTS, (11, 11), CHRISTMAS),
        (EASTER_MONDAY, ASCENSION, WHIT_MONDAY),
    ),
    "CH": ((NEW_YEAR, (8, 1), CHRISTMAS), (ASCENSION,)),
    "CZ": (
        (NEW_YEAR, LABOUR, (5, 8), (7, 5), (7, 6), (9, 28), (10, 28), (11, 17), (12, 24), CHRISTMAS, BOXING),
        (GOOD_FRIDAY, EASTER_MONDAY),
    ),
    "DE": (
        (NEW_YEAR, LABOUR, (10, 3), CHRISTMAS, BOXING),
        (GOOD_FRIDAY, EASTER_MONDAY, ASCENSION, WHIT_MONDAY),
    ),
    "DK": (
        (NEW_YEAR, CHRISTMAS, BOXING),
        (-3, GOOD_FRIDAY, EASTER, EASTER_MONDAY, ASCENSION, PENTECOST, WHIT_MONDAY),
    ),
    "ES": (
        (NEW_YEAR, EPIPHANY, LABOUR, ASSUMPTION, (10, 12), ALL_SAINTS, (12, 6), IMMACULATE, CHRISTMAS),
        (GOOD_FRIDAY,),
    ),
    "FR": (
        (NEW_YEAR, LABOUR, (5, 8), (7, 14), ASSUMPTION, ALL_SAINTS, (11, 11), CHRISTMAS),
        (EASTER_MONDAY, ASCENSION, WHIT_MONDAY),
    ),
    "IT": (
        (NEW_YEAR, EPIPHANY, (4, 25), LABOUR, (6, 2), ASSUMPTION, ALL_SAINTS, IMMACULATE, CHRISTMAS, BOXING),
        (EASTER, EASTER_MONDAY),
    ),
    "LU": (
        (NEW_YEAR, LABOUR, (5, 9), (6, 23), ASSUMPTION, ALL_SAINTS, CHRISTMAS, BOXING),
        (EASTER_MONDAY, ASCENSION, WHIT_MONDAY),
    ),
    "NL": (
        (NEW_YEAR, (4, 27), CHRISTMAS, BOXING),
        (EASTER, EASTER_MONDAY, ASCENSION, PENTECOST, WHIT_MONDAY),
    ),
    "PL": (
        (NEW_YEAR, EPIPHANY, LABOUR, (5, 3), ASSUMPTION, ALL_SAINTS, (11, 11), CHRISTMAS, BOXING),
        (EASTER, EASTER_MONDAY, PENTECOST, CORPUS_CHRISTI),
    ),
    "PT": (
        (NEW_YEAR, (4, 25), LABOUR, (6, 10), ASSUMPTION, (10, 5), ALL_SAINTS, (12, 1), IMMACULATE, CHRISTMAS),
        (GOOD_FRIDAY, EASTER, CORPUS_CHRISTI),
    ),
}
COUNTRIES = tuple(sorted(RULES))
# Days that became holidays later than others: country, day, first year.
LATER = (("PL", (12, 24), 2025),)


def easter(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar (the anonymous algorithm)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    r = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * r) // 451
    month, day = divmod(h + r - 7 * m + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=500)
def holidays_of(country: str, year: int) -> frozenset[date]:
    """Return the nationwide holidays of a year; of a country without a rule there are none."""
    fixed, moving = RULES.get(country, ((), ()))
    sunday = easter(year)
    fixed += tuple(day for place, day, since in LATER if place == country and year >= since)
    if country == "NL" and date(year, 4, 27).weekday() == 6:
        fixed = tuple((4, 26) if day == (4, 27) else day for day in fixed)  # the king's day is never a Sunday
    return frozenset(
        {date(year, month, day) for month, day in fixed} | {sunday + timedelta(days=days) for days in moving}
    )


def holiday_mask(days: NDArray[np.int64], country: str) -> NDArray[np.bool_]:
    """Tell for days since 1970 which are holidays."""
    if not len(days):
        return np.zeros(0, np.bool_)
    years = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    all_days = [day for year in range(int(years.min()), int(years.max()) + 1) for day in holidays_of(country, year)]
    numbers = np.array([day.toordinal() for day in all_days], np.int64) - date(1970, 1, 1).toordinal()
    return np.isin(days, numbers)
