"""Curves of a day: stacked areas above and below zero, lines, night, gaps, estimates, a price band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from myhouse.charts import axis, svg
from myhouse.charts.model import Chart, KeyItem, Layer, Row, Tick
from myhouse.charts.scale import Scale

BAND = 40  # pixels of the price band
BAND_GAP = 14


@dataclass(frozen=True)
class Band:
    """A second figure as steps in a band of its own under the plot, with its lowest and highest value in words."""

    label: str
    values: list[float | None]
    lowest: str
    highest: str


@dataclass(frozen=True)
class CurveInput:
    """What a curve chart is drawn from; all lists have one value per equal step of time.

    `spans` of night are fractions of the width. Layers above zero are given positive, layers below zero positive too.
    """

    name: str
    title: str
    units: tuple[str, ...]
    language: str
    above: list[Layer]
    below: list[Layer] = field(default_factory=list)
    lines: list[Layer] = field(default_factory=list)
    night: list[tuple[float, float]] = field(default_factory=list)
    estimated: list[bool] = field(default_factory=list)
    now_at: float | None = None
    ticks: list[Tick] = field(default_factory=list)
    band: Band | None = None
    keys: list[KeyItem] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    at_rest: str = ""
    height: float = 220
    least: float = 100.0
    top: float | None = None
    steps: int = 6


def curve_chart(given: CurveInput) -> Chart:
    """Draw the curves of a day."""
    stacks_up, stacks_down = stack(given.above, 1), stack(given.below, -1)
    tops = [value for _layer, edges in (*stacks_up, *stacks_down) for pair in edges if pair for value in pair]
    tops += [value for line in given.lines for value in line.values if value is not None]
    scale = Scale.around(
        tops if given.top is None else [given.top], height=given.height, steps=given.steps, least=given.least
    )
    unit = axis.axis_unit(scale, given.units)
    bottom = axis.TOP + given.height
    total = bottom + (BAND_GAP + BAND if given.band else 0) + axis.BELOW
    plot = [
        svg.hatch(f"{given.name}-hatch"),
        _shade(given.night, bottom),
        axis.rules(scale),
        _curves(given, scale, stacks_up, stacks_down),
        _estimates(given, bottom),
        svg.element(
            "line", x1="0", x2="100%", y1=axis.TOP + scale.y(0), y2=axis.TOP + scale.y(0), class_="chart__zero"
        ),
        _now(given.now_at, total - axis.BELOW),
        _band(given.band, bottom + BAND_GAP),
        axis.time_rules(given.ticks, top=axis.TOP, bottom=total - axis.BELOW),
        axis.time_labels(given.ticks, y=total - 8),
    ]
    side = axis.side_labels(scale, unit, given.language) + _band_labels(given.band, bottom + BAND_GAP)
    return Chart(
        name=given.name,
        title=given.title,
        unit=unit.name,
        height=round(total),
        axis=side,
        plot="".join(plot),
        keys=given.keys,
        columns=given.columns,
        rows=given.rows,
        at_rest=given.at_rest,
        has_estimates=any(given.estimated),
        empty=not tops,
    )


Edges = list[tuple[float, float] | None]


def stack(layers: Sequence[Layer], sign: int) -> list[tuple[Layer, Edges]]:
    """Put layers on one another away from zero; where all are unknown there is a gap, one unknown counts as zero."""
    count = max((len(layer.values) for layer in layers), default=0)
    known = [any(layer.values[i] is not None for layer in layers) for i in range(count)]
    base = [0.0] * count
    stacked: list[tuple[Layer, Edges]] = []
    for layer in layers:
        edges: Edges = []
        for i in range(count):
            inner = base[i]
            base[i] += sign * max(layer.values[i] or 0.0, 0.0)
            edges.append((inner, base[i]) if known[i] else None)
        stacked.append((layer, edges))
    return stacked


def runs(present: Sequence[bool]) -> list[tuple[int, int]]:
    """Return the half-open index spans in which values are present."""
    found: list[tuple[int, int]] = []
    start: int | None = None
    for index, here in enumerate([*present, False]):
        if here and start is None:
            start = index
        elif not here and start is not None:
            found.append((start, index))
            start = None
    return found


def _points(start: int, values: Sequence[float], scale: Scale) -> list[str]:
    """Return the corners of a run: the middle of each step, and its two outer edges."""
    xs = [10.0 * start, *(10 * (start + i) + 5 for i in range(len(values))), 10.0 * (start + len(values))]
    ys = [values[0], *values, values[-1]]
    return [f"{svg.place(x)} {svg.place(scale.y(y))}" for x, y in zip(xs, ys, strict=True)]


def _curves(
    given: CurveInput,
    scale: Scale,
    up: list[tuple[Layer, Edges]],
    down: list[tuple[Layer, Edges]],
) -> str:
    parts: list[str] = []
    count = 1
    for layer, edges in (*up, *down):
        count = max(count, len(edges))
        if not any(pair and pair[0] != pair[1] for pair in edges):
            continue
        path = []
        for start, end in runs([pair is not None for pair in edges]):
            pairs = [pair for pair in edges[start:end] if pair]
            outer = _points(start, [pair[1] for pair in pairs], scale)
            inner = _points(start, [pair[0] for pair in pairs], scale)
            path.append("M" + "L".join(outer) + "L" + "L".join(reversed(inner)) + "Z")
        parts.append(svg.element("path", d="".join(path), class_=f"area area--{layer.key}"))
    for line in given.lines:
        count = max(count, len(line.values))
        path = []
        for start, end in runs([value is not None for value in line.values]):
            values = [value for value in line.values[start:end] if value is not None]
            path.append("M" + "L".join(_points(start, values, scale)))
        parts.append(svg.element("path", d="".join(path), class_=f"line line--{line.key}"))
    return svg.stretched("".join(parts), width=10 * count, height=given.height, y=axis.TOP)


def _shade(spans: Sequence[tuple[float, float]], bottom: float) -> str:
    return "".join(
        svg.element(
            "rect",
            x=svg.per_cent(start),
            y=axis.TOP,
            width=svg.per_cent(end - start),
            height=bottom - axis.TOP,
            class_="chart__night",
        )
        for start, end in spans
    )


def _estimates(given: CurveInput, bottom: float) -> str:
    count = len(given.estimated)
    return "".join(
        svg.element(
            "rect",
            x=svg.per_cent(start / count),
            y=axis.TOP,
            width=svg.per_cent((end - start) / count),
            height=bottom - axis.TOP,
            fill=f"url(#{given.name}-hatch)",
        )
        for start, end in runs(given.estimated)
    )


def _now(at: float | None, bottom: float) -> str:
    if at is None:
        return ""
    return svg.element("line", x1=svg.per_cent(at), x2=svg.per_cent(at), y1=axis.TOP, y2=bottom, class_="chart__now")


def _band(band: Band | None, top: float) -> str:
    known = [value for value in band.values if value is not None] if band else []
    if band is None or not known:
        return ""
    low, high = min(0.0, *known), max(0.0, *known)
    scale = Scale(low, high if high > low else low + 1, 1, BAND)
    parts: list[str] = []
    for start, end in runs([value is not None for value in band.values]):
        d = f"M{10 * start} {svg.place(scale.y(0))}"
        previous: float | None = None
        for index in range(start, end):
            value = band.values[index]
            if value is None or value == previous:
                continue
            d += f"H{10 * index}V{svg.place(scale.y(value))}"
            previous = value
        parts.append(d + f"H{10 * end}V{svg.place(scale.y(0))}Z")
    path = svg.element("path", d="".join(parts), class_="chart__band")
    return svg.stretched(path, width=10 * len(band.values), height=BAND, y=top)


def _band_labels(band: Band | None, top: float) -> str:
    if band is None or not any(value is not None for value in band.values):
        return ""
    x = axis.GUTTER - 8
    high = svg.text(band.highest, x=x, y=top + 8, text_anchor="end", class_="chart__label")
    low = svg.text(band.lowest, x=x, y=top + BAND, text_anchor="end", class_="chart__label")
    return high + (low if band.lowest != band.highest else "")
