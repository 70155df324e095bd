"""Local days of the community: where their midnight lies, weekends and public holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_FIXED = {(1, 1), (5, 1), (10, 3), (12, 25), (12, 26)}
_AFTER_EASTER = {-2, 1, 39, 50}  # Good Friday, Easter Monday, Ascension, Whit Monday


@lru_cache(maxsize=64)
def midnight_minute(day: date, zone: str) -> int:
    """The local midnight at which this day begins, in minutes since 1970 UTC."""
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return int(start.astimezone(UTC).timestamp()) // 60


@lru_cache(maxsize=1024)
def is_free(day: date) -> bool:
    """Whether nobody has to work: weekends and the nationwide holidays of Germany."""
    if day.weekday() >= 5 or (day.month, day.day) in _FIXED:
        return True
    return (day - _easter(day.year)).days in _AFTER_EASTER


def day_number(day: date) -> int:
    """Days since 1970."""
    return day.toordinal() - date(1970, 1, 1).toordinal()


def day_of_number(number: int) -> date:
    """The date of that many days since 1970."""
    return date(1970, 1, 1) + timedelta(days=number)


def _easter(year: int) -> date:
    """Easter Sunday by the method of Meeus, Jones and Butcher."""
    golden, century, rest = year % 19, year // 100, year % 100
    leap, left = divmod(century, 4)
    moon = (19 * golden + century - leap - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * left + 2 * (rest // 4) - moon - rest % 4) % 7
    shift = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * shift + 114, 31)
    return date(year, month, day + 1)
