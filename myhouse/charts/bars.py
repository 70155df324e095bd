"""Bars of a week, month or year: use by source stacked up, what left the home down, ghosts of another span."""

from __future__ import annotations

from dataclasses import dataclass, field

from myhouse.charts import axis, svg
from myhouse.charts.curve import stack
from myhouse.charts.model import Chart, KeyItem, Layer, Row, Tick
from myhouse.charts.scale import Scale


@dataclass(frozen=True)
class BarInput:
    """What a bar chart is drawn from: one value per bucket in every layer; all values positive."""

    name: str
    title: str
    units: tuple[str, ...]
    language: str
    above: list[Layer]
    below: list[Layer]
    ticks: list[Tick]
    ghost: list[float | None] = field(default_factory=list)  # the other span's total above zero
    estimated: list[bool] = field(default_factory=list)
    keys: list[KeyItem] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    at_rest: str = ""
    height: float = 240
    least: float = 1000.0


def bar_chart(given: BarInput) -> Chart:
    """Draw the bars of a span."""
    up, down = stack(given.above, 1), stack(given.below, -1)
    tops = [value for _layer, edges in (*up, *down) for pair in edges if pair for value in pair]
    ghosts = [value for value in given.ghost if value is not None]
    scale = Scale.around([*tops, *ghosts], height=given.height, least=given.least)
    unit = axis.axis_unit(scale, given.units)
    count = max((len(edges) for _layer, edges in (*up, *down)), default=1)
    bottom = axis.TOP + given.height
    parts = [svg.hatch(f"{given.name}-hatch"), axis.rules(scale)]
    parts += [_ghost(index, value, count, scale) for index, value in enumerate(given.ghost[:count])]
    for layer, edges in (*up, *down):
        for index, pair in enumerate(edges):
            if pair and pair[0] != pair[1]:
                parts.append(_bar(index, pair, count, scale, f"bar bar--{layer.key}"))
    for index, estimated in enumerate(given.estimated):
        extent = _extent(index, up, down)
        if estimated and extent:
            parts.append(_bar(index, extent, count, scale, "bar--hatched", fill=f"url(#{given.name}-hatch)"))
    zero = axis.TOP + scale.y(0)
    parts.append(svg.element("line", x1="0", x2="100%", y1=zero, y2=zero, class_="chart__zero"))
    parts.append(axis.time_labels(given.ticks, y=bottom + axis.BELOW - 8))
    return Chart(
        name=given.name,
        title=given.title,
        unit=unit.name,
        height=round(bottom + axis.BELOW),
        axis=axis.side_labels(scale, unit, given.language),
        plot="".join(parts),
        keys=given.keys,
        columns=given.columns,
        rows=given.rows,
        at_rest=given.at_rest,
        has_estimates=any(given.estimated),
        empty=not any(tops),
    )


def _extent(
    index: int,
    up: list[tuple[Layer, list[tuple[float, float] | None]]],
    down: list[tuple[Layer, list[tuple[float, float] | None]]],
) -> tuple[float, float] | None:
    ends = [edges[index] for _layer, edges in (*up, *down)]
    values = [value for pair in ends if pair for value in pair]
    return (min(values), max(values)) if values and min(values) != max(values) else None


def _bar(index: int, pair: tuple[float, float], count: int, scale: Scale, name: str, **more: str) -> str:
    top, bottom = scale.y(max(pair)), scale.y(min(pair))
    return svg.element(
        "rect",
        x=svg.per_cent((index + 0.18) / count),
        y=axis.TOP + top,
        width=svg.per_cent(0.64 / count),
        height=max(bottom - top, 0.5),
        class_=name,
        **more,
    )


def _ghost(index: int, value: float | None, count: int, scale: Scale) -> str:
    if not value:
        return ""
    return svg.element(
        "rect",
        x=svg.per_cent((index + 0.06) / count),
        y=axis.TOP + scale.y(value),
        width=svg.per_cent(0.88 / count),
        height=scale.y(0) - scale.y(value),
        class_="bar--ghost",
    )
