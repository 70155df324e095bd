"""What a register shows of an exact value: its own resolution, the same live and in history."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from devices.drivers.model import Measured
from devices.simulator.noise import Floats

_MICRO = 1_000_000


def energy_number(micro: int, point: Measured, power: int) -> float:
    """The number in the register for this energy in µWh; whole-number registers never run ahead."""
    if point.type.startswith("float"):
        return float(np.float32(micro / (point.scale * _MICRO)))
    return micro // _step(point, power)


def energy_shown(micro: npt.NDArray[np.int64], point: Measured, power: int) -> Floats:
    """What the driver reads, in Wh, when the register stands for these energies in µWh."""
    if point.type.startswith("float"):
        kept = (micro / (point.scale * _MICRO)).astype(np.float32).astype(np.float64)
        return np.asarray(kept * point.scale)
    numbers = (micro // _step(point, power)).astype(np.float64)
    scaled = numbers * float(10**power) if power >= 0 else numbers / float(10**-power)
    return np.asarray(scaled * point.scale)


def _step(point: Measured, power: int) -> int:
    """How many µWh the register counts as one."""
    return round(point.scale * float(10**power) * _MICRO)
