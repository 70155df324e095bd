"""Voltage and frequency at the homes: the feeder's own swing, lifted by feeding in, pressed by drawing."""

from __future__ import annotations

import numpy as np

from devices.simulator.noise import Floats, key_of, wave, waves

_VOLT, _VOLT_PHASE, _HERTZ = 42, 43, 44
_FEEDER_MIN, _OWN_MIN, _HERTZ_MIN = 190.0, 11.0, 3.0


def voltage(seed: int, home: int, phase: int, minutes: float, grid_w: float) -> float:
    """The voltage of a phase at an instant (minutes since 1970), with this power drawn from the grid."""
    feeder = wave(key_of(seed, _VOLT), minutes, _FEEDER_MIN)
    own = wave(key_of(seed, _VOLT_PHASE, home, phase), minutes, _OWN_MIN)
    return 229.5 + 4.5 * feeder + 1.6 * (own - 0.5) - _impedance(home) * grid_w


def voltages(seed: int, home: int, phase: int, minutes: Floats, grid_w: Floats) -> Floats:
    """`voltage` at many instants."""
    feeder = waves(key_of(seed, _VOLT), minutes, _FEEDER_MIN)
    own = waves(key_of(seed, _VOLT_PHASE, home, phase), minutes, _OWN_MIN)
    return np.asarray(229.5 + 4.5 * feeder + 1.6 * (own - 0.5) - _impedance(home) * grid_w)


def frequency(seed: int, minutes: float) -> float:
    """The frequency of the grid: within some hundredths of 50 Hz."""
    return 49.96 + 0.08 * wave(key_of(seed, _HERTZ), minutes, _HERTZ_MIN)


def frequencies(seed: int, minutes: Floats) -> Floats:
    """`frequency` at many instants."""
    return np.asarray(49.96 + 0.08 * waves(key_of(seed, _HERTZ), minutes, _HERTZ_MIN))


def _impedance(home: int) -> float:
    """Volts lost per watt drawn; homes at the end of the feeder feel more of it."""
    return 0.28 * (1 + home % 4) / 3000.0
