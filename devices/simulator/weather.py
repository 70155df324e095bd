"""The sky above the community: sun by real formulas, clouds, temperature and wind as correlated random curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from devices.simulator.noise import Floats, key_of, waves

MINUTES = 1440
_J2000_DAY = 10_957.5  # 2000-01-01 12:00 UTC in days since 1970
_CLOUD, _CLOUD_MID, _CLOUD_FAST, _TEMP, _WIND, _WIND_MID, _GUST = range(101, 108)


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the sun stands each minute: cosine of its zenith distance and its azimuth (0 = north, eastwards)."""

    cos_zenith: Floats
    azimuth: Floats


@dataclass(frozen=True, slots=True)
class Weather:
    """One UTC day in minutes: irradiance on the horizontal (W/m²), temperature (°C), wind (m/s)."""

    sun: Sun
    cover: Floats
    beam: Floats
    diffuse: Floats
    temperature: Floats
    daily_temperature: float
    wind: Floats


def minutes_of(day: int) -> Floats:
    """The middles of the minutes of a UTC day, in minutes since 1970."""
    return np.arange(MINUTES, dtype=np.float64) + (day * MINUTES + 0.5)


def sun_at(days: Floats, *, latitude: float, longitude: float) -> Sun:
    """The sun's place by the low-precision formulas of the Astronomical Almanac (within 0.01° until 2050)."""
    n = days - _J2000_DAY
    mean_longitude = np.radians((280.460 + 0.985_647_4 * n) % 360.0)
    anomaly = np.radians((357.528 + 0.985_600_3 * n) % 360.0)
    ecliptic = mean_longitude + np.radians(1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly))
    obliquity = np.radians(23.439 - 0.000_000_4 * n)
    ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    sidereal = np.radians((280.460_618_37 + 360.985_647_366_29 * n + longitude) % 360.0)
    hour = sidereal - ascension
    lat = np.radians(latitude)
    cos_zenith = np.sin(lat) * np.sin(declination) + np.cos(lat) * np.cos(declination) * np.cos(hour)
    east = -np.cos(declination) * np.sin(hour)
    north = np.cos(lat) * np.sin(declination) - np.sin(lat) * np.cos(declination) * np.cos(hour)
    return Sun(cos_zenith=cos_zenith, azimuth=np.arctan2(east, north))


def weather_of(day: int, *, seed: int, latitude: float, longitude: float) -> Weather:
    """The weather of a UTC day (days since 1970), each minute at its middle."""
    minute = minutes_of(day)
    sun = sun_at(minute / MINUTES, latitude=latitude, longitude=longitude)
    season = np.cos(2.0 * np.pi * ((day - 15) % 365.2425) / 365.2425)  # +1 in mid January
    cover, passing = _clouds(seed, minute, float(season))
    clear = _clear_sky(sun.cos_zenith)
    temperature, daily = _temperature(seed, minute, float(season), cover, longitude)
    return Weather(
        sun=sun,
        cover=cover,
        beam=clear * 0.88 * passing,
        diffuse=clear * (0.12 + 0.35 * cover - 0.27 * cover * cover),
        temperature=temperature,
        daily_temperature=daily,
        wind=_wind(seed, minute, float(season)),
    )


def _clear_sky(cos_zenith: Floats) -> Floats:
    """Global irradiance on the horizontal without clouds, after Haurwitz (1945)."""
    cosine = np.maximum(cos_zenith, 1e-3)
    result: Floats = np.where(cos_zenith > 0.0, 1098.0 * cosine * np.exp(-0.057 / cosine), 0.0)
    return result


def _clouds(seed: int, minute: Floats, season: float) -> tuple[Floats, Floats]:
    """How much of the sky is covered, and how much of the sun's beam passes (flickers in a broken sky)."""
    slow = waves(key_of(seed, _CLOUD), minute, 2160.0)
    middle = waves(key_of(seed, _CLOUD_MID), minute, 210.0)
    fast = waves(key_of(seed, _CLOUD_FAST), minute, 7.0)
    cover = np.clip((0.66 * slow + 0.34 * middle - 0.5) * 2.3 + 0.56 + 0.17 * season, 0.0, 1.0)
    broken = 4.0 * cover * (1.0 - cover)
    passing = np.clip(1.0 - cover + broken * (fast - 0.5) * 1.1, 0.0, 1.0)
    return cover, passing


def _temperature(seed: int, minute: Floats, season: float, cover: Floats, longitude: float) -> tuple[Floats, float]:
    slow = waves(key_of(seed, _TEMP), minute, 5760.0)
    level = 10.2 - 9.3 * season + (slow - 0.5) * 11.0
    solar_hour = (minute % MINUTES) / 60.0 + longitude / 15.0
    swing = (5.0 - 2.5 * season) * (1.0 - 0.6 * cover) * np.cos(2.0 * np.pi * (solar_hour - 15.0) / 24.0)
    return level + swing, float(level[MINUTES // 2])


def _wind(seed: int, minute: Floats, season: float) -> Floats:
    slow = waves(key_of(seed, _WIND), minute, 1500.0)
    middle = waves(key_of(seed, _WIND_MID), minute, 200.0)
    gust = waves(key_of(seed, _GUST), minute, 3.0)
    speed = 11.5 * (0.7 * slow + 0.3 * middle) ** 1.6 * (1.0 + 0.2 * season)
    result: Floats = speed * (0.85 + 0.3 * gust)
    return result
