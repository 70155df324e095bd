"""Many parts to one: sorted by time, each time once, the later part wins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telemetry.model import Columns


def merge(parts: Sequence[Columns]) -> Columns:
    """One run of readings from parts in the order they were written; times inside a part may repeat, in any order."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return Columns.empty()
    if len(parts) == 1:
        times, values, quality = parts[0].times, parts[0].values, parts[0].quality
    else:
        times = np.concatenate([part.times for part in parts])
        values = np.concatenate([part.values for part in parts])
        quality = np.concatenate([part.quality for part in parts])
    if len(times) == 1 or bool((times[1:] > times[:-1]).all()):
        return Columns(times, values, quality)
    order = np.argsort(times, kind="stable")
    times = times[order]
    last = np.empty(len(times), np.bool_)
    np.not_equal(times[1:], times[:-1], out=last[:-1])
    last[-1] = True
    order = order[last]
    return Columns(times[last], values[order], quality[order])
