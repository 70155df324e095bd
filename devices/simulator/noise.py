"""Random numbers without a state: the same seed, stream and index give the same number, in any order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E37_79B9_7F4A_7C15
_MIX_1 = 0xBF58_476D_1CE4_E5B9
_MIX_2 = 0x94D0_49BB_1331_11EB
_TO_UNIT = 2.0**-53


def key_of(*parts: int) -> int:
    """One 64-bit key from several whole numbers (seed, home, purpose …)."""
    key = 0
    for part in parts:
        key = _mix((key ^ (part & _MASK)) + _GOLDEN)
    return key


def uniform(key: int, index: int) -> float:
    """The number in [0, 1) at this index of the stream `key`."""
    return (_mix(key + index * _GOLDEN) >> 11) * _TO_UNIT


def uniforms(key: int, index: npt.NDArray[np.int64]) -> Floats:
    """`uniform` for many indices."""
    z = np.uint64(key & _MASK) + index.astype(np.uint64) * np.uint64(_GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_MIX_1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_MIX_2)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * _TO_UNIT


def wave(key: int, at: float, period: float) -> float:
    """A smooth random curve in [0, 1): a new random height every `period`, eased in between."""
    knot, part = divmod(at / period, 1.0)
    ease = part * part * (3.0 - 2.0 * part)
    low = uniform(key, int(knot))
    return low + (uniform(key, int(knot) + 1) - low) * ease


def waves(key: int, at: Floats, period: float) -> Floats:
    """`wave` for many times."""
    knot, part = np.divmod(at / period, 1.0)
    ease = part * part * (3.0 - 2.0 * part)
    index = knot.astype(np.int64)
    first = int(index.min())
    heights = uniforms(key, np.arange(first, int(index.max()) + 2))
    low = heights[index - first]
    result: Floats = low + (heights[index - first + 1] - low) * ease
    return result


def _mix(z: int) -> int:
    z &= _MASK
    z = ((z ^ (z >> 30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return z ^ (z >> 31)
