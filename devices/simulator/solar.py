"""What a roof makes of the sun."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from devices.simulator.noise import Floats
from devices.simulator.weather import Weather

_ALBEDO = 0.2
_LOSSES = 0.82  # dirt, wires, mismatch, inverter
_PER_DEGREE = 0.0037
_HEATING = 0.03  # °C of the cell above the air per W/m²


@dataclass(frozen=True, slots=True)
class Roof:
    """A solar roof: peak power of its modules, slope and direction (degrees, 180 = south), inverter limit."""

    peak_w: int
    panels: int
    tilt: float
    azimuth: float
    inverter_w: int


def solar_power(roof: Roof, weather: Weather) -> Floats:
    """AC power of the roof each minute, in W."""
    sun = weather.sun
    tilt, azimuth = np.radians(roof.tilt), np.radians(roof.azimuth)
    sin_zenith = np.sqrt(np.maximum(1.0 - sun.cos_zenith**2, 0.0))
    facing = sun.cos_zenith * np.cos(tilt) + sin_zenith * np.sin(tilt) * np.cos(sun.azimuth - azimuth)
    # Near the horizon the beam on the horizontal says little about the beam itself: bounded.
    beam = weather.beam * np.clip(np.maximum(facing, 0.0) / np.maximum(sun.cos_zenith, 0.08), 0.0, 5.0)
    sky = weather.diffuse * (1.0 + np.cos(tilt)) / 2.0
    ground = (weather.beam + weather.diffuse) * _ALBEDO * (1.0 - np.cos(tilt)) / 2.0
    irradiance = beam + sky + ground
    cell = weather.temperature + _HEATING * irradiance
    power = roof.peak_w * irradiance / 1000.0 * (1.0 - _PER_DEGREE * (cell - 25.0)) * _LOSSES
    result: Floats = np.clip(power, 0.0, roof.inverter_w)
    return result
