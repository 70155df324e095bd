"""From values to places: round axis steps and where a value lies."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def nice_step(extent: float, steps: int) -> float:
    """Return the round step (1, 2, 2.5 or 5 times a power of ten) that needs at most `steps` steps."""
    rough = extent / steps
    if rough < 1e-300:  # nothing, or too small for its power of ten to be a number
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in STEPS if step * power >= rough * 0.999_999)


@dataclass(frozen=True)
class Scale:
    """A vertical axis from `low` to `high` in round steps, on `height` pixels with y = 0 at the top."""

    low: float
    high: float
    step: float
    height: float

    @classmethod
    def around(cls, values: Iterable[float | None], *, height: float, steps: int = 6, least: float = 1.0) -> Scale:
        """Return the axis that holds zero and all values, and at least up to `least`."""
        known = [value for value in values if value is not None and math.isfinite(value)]
        low, high = min([0.0, *known]), max([0.0, *known])
        # A hair below zero is no axis of its own either.
        high = max(high, least) if high > 0 or low > -1e-9 else high
        step = nice_step(high - low, steps)
        return cls(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step, height)

    def y(self, value: float) -> float:
        """Return the place of a value in pixels from the top."""
        return (self.high - value) / (self.high - self.low) * self.height

    @property
    def ticks(self) -> list[float]:
        """The round values from low to high."""
        count = round((self.high - self.low) / self.step)
        return [self.low + index * self.step for index in range(count + 1)]
