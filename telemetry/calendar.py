"""The one calendar: local days, weeks, months and years as edges in ms UTC; days have 92, 96 or 100 quarters."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from telemetry.errors import UnableToRead
from telemetry.model import HOUR_MS, QUARTER_MS, Int64s

Step = Literal["quarter", "hour", "day", "week", "month", "year"]
STEPS: tuple[Step, ...] = ("quarter", "hour", "day", "week", "month", "year")
MAX_EDGES = 400_000


def zone_get(name: str) -> ZoneInfo:
    """The time zone of this IANA name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnableToRead(f"{name!r} is not a time zone; give an IANA name such as Europe/Berlin.", "zone") from error


@lru_cache(maxsize=65_536)
def day_start_ms(zone: str, day: date) -> int:
    """When a local day begins: the first instant that is called this day."""
    place = zone_get(zone)
    midnight = datetime.combine(day, time(), place)
    start = int(midnight.timestamp())
    # Where the clock springs forward at midnight, midnight is not there: the day begins at the jump.
    if datetime.fromtimestamp(start, place).date() != day:
        low, high = start - 86_400, start + 86_400
        if datetime.fromtimestamp(start, place).date() < day:
            low = start
        else:
            high = start
        while high - low > 1:
            middle = (low + high) // 2
            if datetime.fromtimestamp(middle, place).date() < day:
                low = middle
            else:
                high = middle
        start = high
    return start * 1000


def period_start(day: date, step: Step) -> date:
    """The first day of the week (Monday), month or year that a day belongs to; the day itself for shorter steps."""
    if step == "week":
        return day - timedelta(days=day.weekday())
    if step == "month":
        return day.replace(day=1)
    if step == "year":
        return day.replace(month=1, day=1)
    return day


def period_add(start: date, step: Step, count: int) -> date:
    """The first day of the period `count` further on (negative: back); `start` is the first day of its own."""
    if step == "week":
        return start + timedelta(weeks=count)
    if step == "month":
        months = start.year * 12 + start.month - 1 + count
        return date(months // 12, months % 12 + 1, 1)
    if step == "year":
        return date(start.year + count, 1, 1)
    return start + timedelta(days=count)


def period_days(day: date, step: Step) -> tuple[date, date]:
    """The half-open [first, next first) of the period a day belongs to."""
    start = period_start(day, step)
    return start, period_add(start, step, 1)


def local_edges(*, zone: str, start: date, end: date, step: Step) -> Int64s:
    """Edges in ms UTC of all steps from local day `start` to local day `end` (excluded).

    Days begin at local midnight. Weeks, months and years are cut off at `start` and `end` where those fall inside.
    Quarters and hours run through the day in real time: a day of 23 hours has 23 (92 quarters), one of 25 has 25.
    """
    if step not in STEPS:
        raise UnableToRead(f"{step!r} is not a step; use one of {', '.join(STEPS)}.", "step")
    if end <= start:
        raise UnableToRead("The end must lie after the start.", "end")
    first, last = day_start_ms(zone, start), day_start_ms(zone, end)
    if step in ("quarter", "hour"):
        size = QUARTER_MS if step == "quarter" else HOUR_MS
        if (last - first) // size > MAX_EDGES:
            raise UnableToRead(f"That is more than {MAX_EDGES} steps; widen the step.", "step")
        edges = np.arange(first, last, size, dtype=np.int64)
        return np.append(edges, np.int64(last))
    days = [start]
    following = period_add(period_start(start, step), step, 1)
    while following < end:
        days.append(following)
        following = period_add(following, step, 1)
    # A day that a zone skipped altogether (a change of the date line) has no length and no edge of its own.
    return np.unique(np.array([day_start_ms(zone, day) for day in [*days, end]], np.int64))


def local_day(*, zone: str, at_ms: int) -> date:
    """The local day an instant belongs to."""
    return datetime.fromtimestamp(at_ms / 1000, zone_get(zone)).date()


def utc_ms(moment: datetime) -> int:
    """An aware datetime as ms since the epoch."""
    if moment.tzinfo is None:
        raise UnableToRead("A time needs its zone; give it in UTC.", "time")
    return int((moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def utc_datetime(at_ms: int) -> datetime:
    """Ms since the epoch as an aware datetime in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
