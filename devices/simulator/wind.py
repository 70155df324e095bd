"""What a small windmill makes of the wind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from devices.simulator.noise import Floats
from devices.simulator.weather import Weather

_CUT_IN, _RATED, _CUT_OUT = 3.0, 11.0, 22.0  # m/s


@dataclass(frozen=True, slots=True)
class Mill:
    """A windmill by its rated power."""

    rated_w: int


def wind_power(mill: Mill, weather: Weather) -> Floats:
    """Power each minute, in W: with the cube of the wind up to the rated power, nothing in a storm."""
    cubes = (weather.wind**3 - _CUT_IN**3) / (_RATED**3 - _CUT_IN**3)
    result: Floats = np.where(weather.wind < _CUT_OUT, mill.rated_w * np.clip(cubes, 0.0, 1.0), 0.0)
    return result
