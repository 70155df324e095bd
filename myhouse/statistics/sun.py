"""Where the sun stands, and where a time zone lies: enough to shade the night of a chart."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

# The sun's upper edge on the horizon, with the usual refraction.
HORIZON_DEG = -0.833
MINUTE_MS = 60_000
_PLACE = re.compile(r"([+-])(\d{2})(\d{2})(\d{2})?([+-])(\d{3})(\d{2})(\d{2})?")


def elevation_deg(times_ms: NDArray[np.int64], latitude: float, longitude: float) -> NDArray[np.float64]:
    """Return the sun's height above the horizon (NOAA's low-accuracy formulas, good to about 0.1 degree)."""
    days = times_ms / 86_400_000 + 2_440_587.5 - 2_451_545.0  # since noon of 2000-01-01, UTC
    anomaly = np.radians((357.528 + 0.985_600_3 * days) % 360)
    longitude_sun = (280.46 + 0.985_647_4 * days) % 360
    ecliptic = np.radians(longitude_sun + 1.915 * np.sin(anomaly) + 0.02 * np.sin(2 * anomaly))
    tilt = np.radians(23.439 - 4e-7 * days)
    declination = np.arcsin(np.sin(tilt) * np.sin(ecliptic))
    ascension = np.degrees(np.arctan2(np.cos(tilt) * np.sin(ecliptic), np.cos(ecliptic)))
    sidereal = (280.460_618_37 + 360.985_647_366_29 * days) % 360
    hour_angle = np.radians(sidereal + longitude - ascension)
    phi = np.radians(latitude)
    height = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    elevation: NDArray[np.float64] = np.degrees(np.arcsin(np.clip(height, -1, 1)))
    return elevation


def night_spans(start_ms: int, end_ms: int, zone: str) -> list[tuple[int, int]]:
    """Return the spans of [start, end) with the sun down, to the minute, at the chief city of the time zone."""
    latitude, longitude, _country = place_of_zone(zone)
    times = np.arange(start_ms, end_ms, MINUTE_MS, dtype=np.int64)
    dark = elevation_deg(times, latitude, longitude) < HORIZON_DEG
    edges = np.flatnonzero(np.diff(np.concatenate(([False], dark, [False])).astype(np.int8)))
    instants = [int(times[i]) if i < len(times) else end_ms for i in edges]
    return list(zip(instants[::2], instants[1::2], strict=True))


def country_of_zone(zone: str) -> str:
    """Return the country a time zone lies in (of several the one it is named in)."""
    return place_of_zone(zone)[2]


@lru_cache(maxsize=1)
def _places() -> dict[str, tuple[float, float, str]]:
    """Read the table of zones that comes with the time zone data."""
    table: dict[str, tuple[float, float, str]] = {}
    for line in files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        country, place, zone = line.split("\t")[:3]
        found = _PLACE.fullmatch(place)
        assert found is not None
        north, east = (_degrees(found.groups()[i : i + 4]) for i in (0, 4))
        table[zone] = (north, east, country)
    return table


def _degrees(parts: tuple[str | None, ...]) -> float:
    sign, degrees, minutes, seconds = parts
    value = int(degrees or 0) + int(minutes or 0) / 60 + int(seconds or 0) / 3600
    return -value if sign == "-" else value


def place_of_zone(zone: str) -> tuple[float, float, str]:
    """Return latitude, longitude and country of a time zone's chief city; of an unknown zone the middle of Europe."""
    return _places().get(zone, (50.0, 10.0, "DE"))
