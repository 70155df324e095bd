"""Local clocks for many quarter-hours at once: which local day, month and quarter of the day each one is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from telemetry.calendar import day_start_ms

Ints = NDArray[np.int64]
QUARTER_MS = 900_000
DAY_MS = 86_400_000
_FIRST = date(1970, 1, 1)


@dataclass(frozen=True)
class LocalClock:
    """Per quarter-hour: days since 1970-01-01, months since January 1970, years, weekday (Monday 0), quarter 0…95."""

    day: Ints
    month: Ints
    year: Ints
    weekday: Ints
    quarter: Ints


def local_clock(starts_ms: Ints, zone: str) -> LocalClock:
    """Read the wall clock of a zone at every start; an unbroken run asked for again is remembered."""
    count = len(starts_ms)
    if count and int(starts_ms[-1]) - int(starts_ms[0]) == (count - 1) * QUARTER_MS:
        return _clock_of_run(int(starts_ms[0]), count, zone)
    return _clock_of(starts_ms, zone)


@lru_cache(maxsize=6)
def _clock_of_run(start_ms: int, count: int, zone: str) -> LocalClock:
    return _clock_of(start_ms + np.arange(count, dtype=np.int64) * QUARTER_MS, zone)


def _clock_of(starts_ms: Ints, zone: str) -> LocalClock:
    local = starts_ms + offsets_ms(starts_ms, zone)
    day = local // DAY_MS
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return LocalClock(
        day=day,
        month=month,
        year=month // 12 + 1970,
        weekday=(day + 3) % 7,
        quarter=(local - day * DAY_MS) // QUARTER_MS,
    )


def offsets_ms(starts_ms: Ints, zone: str) -> Ints:
    """Return local time less UTC at every instant."""
    if not len(starts_ms):
        return np.zeros(0, np.int64)
    years = range(_year(int(starts_ms.min())), _year(int(starts_ms.max())) + 1)
    parts = [_changes(zone, year) for year in years]
    instants = np.concatenate([instants for instants, _offsets in parts])
    offsets = np.concatenate([offsets for _instants, offsets in parts])
    found: Ints = offsets[np.searchsorted(instants, starts_ms, side="right") - 1]
    return found


def period_edges_ms(numbers: Ints, zone: str, unit: str) -> Ints:
    """Return the instants of local midnight at which these days, months or years (as in `LocalClock`) begin."""
    if unit == "day":
        days = numbers
    elif unit == "month":
        days = numbers.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    else:
        days = (numbers - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    return np.array([day_start_ms(zone, _FIRST + timedelta(days=int(day))) for day in days], np.int64)


def _year(instant_ms: int) -> int:
    return datetime.fromtimestamp(instant_ms / 1000, UTC).year


def _offset_ms(instant_ms: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(instant_ms / 1000, zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds() * 1000)


@lru_cache(maxsize=1000)
def _changes(zone: str, year: int) -> tuple[Ints, Ints]:
    """Return from when which offset holds within a UTC year, found day by day and then to the quarter-hour."""
    place = ZoneInfo(zone)
    begin = round(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)
    end = round(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp() * 1000)
    offset = _offset_ms(begin, place)
    instants, offsets = [begin], [offset]
    for day in range(begin, end, DAY_MS):
        if _offset_ms(day + DAY_MS, place) == offset:
            continue
        for instant in range(day, day + DAY_MS + 1, QUARTER_MS):
            at = _offset_ms(instant, place)
            if at != offset:
                instants.append(instant)
                offsets.append(at)
                offset = at
    return np.array(instants, np.int64), np.array(offsets, np.int64)
