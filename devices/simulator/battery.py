"""Home batteries that serve their own home first: store the surplus, cover the need. Whole µWh, so nothing drifts.

What a minute does to the content is s → min(max(s + a, low), high). Such steps compose to one of the same form, so
a whole day is summed up for many days at once, the days are chained, and then all days run side by side: exact, and
a year takes a fraction of a second instead of half a million steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]

_EFFICIENCY_PERCENT = 95  # one way
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Pack:
    """A battery: usable content and limits; `reserve` is never discharged."""

    capacity_wh: int
    charge_w: int
    discharge_w: int
    reserve_percent: int = 5


@dataclass(frozen=True, slots=True)
class BatteryRun:
    """Per day, minute and battery: µWh charged and discharged at the home's side, and the content after it."""

    charge: Whole
    discharge: Whole
    content: Whole


def battery_run(packs: tuple[Pack, ...], surplus: Whole, content: Whole) -> BatteryRun:
    """Run batteries through whole days.

    `surplus` is [day, minute, battery] in µWh per minute (production − consumption), `content` [battery] in µWh at
    the start of the first day.
    """
    low, high, most_in, most_out = _limits(packs)
    taken = np.minimum(np.maximum(surplus, 0), most_in)
    given = np.minimum(np.maximum(-surplus, 0), most_out)
    gain = taken * _EFFICIENCY_PERCENT // 100
    loss = -(-given * 100 // _EFFICIENCY_PERCENT)
    step = gain - loss
    start = _starts(step, content, low, high)
    after = np.empty_like(step)
    now = start
    for minute in range(step.shape[1]):
        now = np.minimum(np.maximum(now + step[:, minute], low), high)
        after[:, minute] = now
    before = np.concatenate([start[:, None], after[:, :-1]], axis=1)
    moved = after - before
    # Stopped short by a limit: only what the change of content takes or gives.
    charge = np.where(moved == gain, taken, -(-np.maximum(moved, 0) * 100 // _EFFICIENCY_PERCENT))
    discharge = np.where(-moved == loss, given, np.maximum(-moved, 0) * _EFFICIENCY_PERCENT // 100)
    return BatteryRun(
        charge=np.where(moved > 0, charge, 0), discharge=np.where(moved < 0, discharge, 0), content=after
    )


def content_at_first(packs: tuple[Pack, ...]) -> Whole:
    """What the batteries hold when the simulation begins: a third."""
    return np.array([pack.capacity_wh * _MICRO // 3 for pack in packs], dtype=np.int64)


def _limits(packs: tuple[Pack, ...]) -> tuple[Whole, Whole, Whole, Whole]:
    low = np.array([pack.capacity_wh * _MICRO * pack.reserve_percent // 100 for pack in packs], dtype=np.int64)
    high = np.array([pack.capacity_wh * _MICRO for pack in packs], dtype=np.int64)
    most_in = np.array([pack.charge_w * _MICRO // 60 for pack in packs], dtype=np.int64)
    most_out = np.array([pack.discharge_w * _MICRO // 60 for pack in packs], dtype=np.int64)
    return low, high, most_in, most_out


def _starts(step: Whole, content: Whole, low: Whole, high: Whole) -> Whole:
    """The content at the start of each day."""
    days = step.shape[0]
    start = np.empty((days, len(content)), dtype=np.int64)
    start[0] = content
    if days == 1:
        return start
    total = step.sum(axis=1)
    floor = np.broadcast_to(low, total.shape)
    ceiling = np.broadcast_to(high, total.shape)
    for minute in range(step.shape[1]):
        now = step[:, minute]
        floor = np.minimum(np.maximum(floor + now, low), high)
        ceiling = np.minimum(np.maximum(ceiling + now, low), high)
    for day in range(1, days):
        before = day - 1
        start[day] = np.minimum(np.maximum(start[before] + total[before], floor[before]), ceiling[before])
    return start
