"""Axes: round values with their unit at the side, times below, the zero line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from myhouse.charts.model import Tick
from myhouse.charts.scale import Scale
from myhouse.charts.svg import element, per_cent, text
from myhouse.formatting import number

GUTTER = 48  # pixels for the labels at the side
TOP = 26  # room for the unit above the highest label
BELOW = 26  # room for the times


@dataclass(frozen=True)
class AxisUnit:
    """The unit an axis is labelled in: values are divided by `per`."""

    name: str
    per: float


def axis_unit(scale: Scale, units: Sequence[str]) -> AxisUnit:
    """Choose the prefix by the largest value on the axis."""
    top = max(abs(scale.low), abs(scale.high))
    step = 0
    while top >= 1000 and step < len(units) - 1:
        top, step = top / 1000, step + 1
    return AxisUnit(units[step], 1000.0**step)


def side_labels(scale: Scale, unit: AxisUnit, language: str) -> str:
    """Return the labels of the value axis, right-aligned in the gutter, the unit above them."""
    step = scale.step / unit.per
    decimals = 0 if step >= 1 and step == round(step) else (1 if round(step * 10, 6) == round(step * 10) else 2)
    parts = [text(unit.name, x=GUTTER - 8, y=12, text_anchor="end", class_="chart__label chart__unit")]
    for tick in scale.ticks:
        label = number(tick / unit.per, 0 if abs(tick) < scale.step / 1e6 else decimals, language)
        parts.append(text(label, x=GUTTER - 8, y=TOP + scale.y(tick) + 4, text_anchor="end", class_="chart__label"))
    return "".join(parts)


def rules(scale: Scale) -> str:
    """Return the horizontal rules, the zero line drawn stronger."""
    return "".join(
        element(
            "line",
            x1="0",
            x2="100%",
            y1=TOP + scale.y(tick),
            y2=TOP + scale.y(tick),
            class_="chart__zero" if abs(tick) < scale.step / 1e6 else "chart__rule",
        )
        for tick in scale.ticks
    )


def time_labels(ticks: Sequence[Tick], *, y: float) -> str:
    """Return the labels of the time axis; those at the very ends stay inside the plot."""
    parts = []
    for tick in ticks:
        anchor = "start" if tick.at <= 0 else ("end" if tick.at >= 1 else "middle")
        name = "chart__label chart__label--minor" if tick.minor else "chart__label"
        parts.append(text(tick.label, x=per_cent(tick.at), y=y, text_anchor=anchor, class_=name))
    return "".join(parts)


def time_rules(ticks: Sequence[Tick], *, top: float, bottom: float) -> str:
    """Return the short marks where the times stand."""
    return "".join(
        element("line", x1=per_cent(t.at), x2=per_cent(t.at), y1=bottom, y2=bottom + 4, class_="chart__tick")
        for t in ticks
        if top <= bottom and not t.minor
    )
