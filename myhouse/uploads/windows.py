"""Which time a file's readings may take at a metering point, where other meters measured before or after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
QUARTER_MS = 900_000
BEGINNING_MS = 0
END_MS = 1 << 53


@dataclass(frozen=True)
class Window:
    """A time [start, end) that nothing else measures."""

    start_ms: int
    end_ms: int

    def holds(self, times: IntArray) -> BoolArray:
        """Which of the times lie in it."""
        return np.asarray((times >= self.start_ms) & (times < self.end_ms))


def window_around(period: tuple[int, int], others: Sequence[tuple[int, int]]) -> Window:
    """How far a period may be stretched until it meets another."""
    start = max((end for _start, end in others if end <= period[0]), default=BEGINNING_MS)
    end = min((start for start, _end in others if start >= period[1]), default=END_MS)
    return Window(start, end)


def windows_between(periods: Sequence[tuple[int, int]]) -> list[Window]:
    """The gaps that periods leave, the time before the first and after the last of them included."""
    found = []
    begin = BEGINNING_MS
    for start, end in sorted(periods):
        if start > begin:
            found.append(Window(begin, start))
        begin = max(begin, end)
    if begin < END_MS:
        found.append(Window(begin, END_MS))
    return found


def span_of(times: IntArray, interval_ms: int) -> tuple[int, int]:
    """From the first reading to the end of the last one's interval, on a quarter-hour's edge."""
    end = int(times[-1]) + max(interval_ms, 1)
    return int(times[0]), -(-end // QUARTER_MS) * QUARTER_MS
