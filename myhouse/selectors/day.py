"""The powers of one local day, for a curve: from power gauges where there are any, else from quarter-hours."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from myhouse.models import Household, Measurement
from myhouse.models.metering import PointRole, Quantity
from myhouse.selectors.home import Home, home_load
from myhouse.statistics.flows import Flows, flows_of
from myhouse.statistics.model import DayCurve, Span, UnableToReadSpan
from myhouse.statistics.sun import night_spans
from myhouse.tariffs.pricing import UNKNOWN
from telemetry import selectors as telemetry
from telemetry.calendar import day_start_ms
from telemetry.model import PARTIAL, PRESENT, QUARTER_MS, Kind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STEPS_S = (60, 120, 300, 600, 900)
_MICRO_WH_PER_QUARTER_TO_W = 4 / 1_000_000


@dataclass(frozen=True, eq=False)
class _Grid:
    """The steps of the day up to the clock; quarters are those the steps lie in."""

    starts: Ints
    step_ms: int
    begin_ms: int
    end_ms: int

    @property
    def quarter(self) -> NDArray[np.intp]:
        """The position of the quarter-hour of each step."""
        return ((self.starts - self.begin_ms) // QUARTER_MS).astype(np.intp)

    @property
    def quarters_end_ms(self) -> int:
        """The end of the last quarter-hour touched."""
        return self.begin_ms + -(-(self.end_ms - self.begin_ms) // QUARTER_MS) * QUARTER_MS


def day_curve(
    *,
    household: Household,
    day: date,
    now: datetime,
    step_s: int = 300,
    since: datetime | None = None,
    until: datetime | None = None,
    home: Home | None = None,
) -> DayCurve:
    """Return the day's powers per step; steps to come and steps without data are `None`."""
    if step_s not in STEPS_S:
        raise UnableToReadSpan(
            _("The step must be one of %(steps)s seconds.") % {"steps": ", ".join(map(str, STEPS_S))}, field="step"
        )
    span, zone, now_ms = Span.of("day", day), household.time_zone, _ms(now)
    start, end = day_start_ms(zone, span.start), day_start_ms(zone, span.end)
    starts = np.arange(start, end, step_s * 1000, dtype=np.int64)
    reached = int(np.clip(now_ms, start, end))
    grid = _Grid(starts[starts < reached], step_s * 1000, start, reached)
    home = home or home_load(household=household, now=now)
    powers = _powers(home, grid)
    hidden = np.zeros(len(grid.starts), np.bool_)
    if since is not None:
        hidden |= grid.starts < _ms(since)
    if until is not None:
        hidden |= grid.starts >= _ms(until)
    shown = {name: _listed(np.where(hidden, np.nan, values), len(starts)) for name, values in powers.lines.items()}
    return DayCurve(
        day=span.start,
        zone=zone,
        step_s=step_s,
        starts_ms=starts.tolist(),
        end_ms=end,
        now_ms=now_ms,
        **shown,
        price_uct_wh=_prices(home, "import", starts),
        feed_in_uct_wh=_prices(home, "export", starts),
        estimated=[*(powers.estimated & ~hidden).tolist(), *[False] * (len(starts) - len(grid.starts))],
        night=night_spans(start, end, zone),
        from_quarters=powers.from_quarters,
        sources=home.figures.sources(),
    )


@dataclass(frozen=True, eq=False)
class _Powers:
    lines: dict[str, Floats]
    estimated: NDArray[np.bool_]
    from_quarters: bool


def _powers(home: Home, grid: _Grid) -> _Powers:
    """Read gauges by role; a role without one is taken from the quarter-hours' energies."""
    nothing = np.full(len(grid.starts), np.nan)
    lines = dict.fromkeys(("home_w", "production_w", "battery_w", "grid_w", "soc_pct"), nothing)
    if not len(grid.starts):
        return _Powers(lines, np.zeros(0, np.bool_), from_quarters=False)
    gauges = {role: _gauge(home, grid, role) for role in (PointRole.GRID, PointRole.PRODUCTION, PointRole.BATTERY)}
    present = {role for role in gauges if any(p.role == role for p in home.points)}
    flows, estimated = None, np.zeros(len(grid.starts), np.bool_)
    from_quarters = any(gauges[role] is None for role in present) or PointRole.GRID not in present
    if from_quarters:
        starts = np.arange(grid.begin_ms, grid.quarters_end_ms, QUARTER_MS, dtype=np.int64)
        flows = flows_of(starts, home.main_meters(home.meters(grid.begin_ms, grid.quarters_end_ms)))
        estimated = flows.estimated[grid.quarter]
    found = {role: _line(gauges[role], flows, role, grid) for role in gauges}
    grid_w, production_w, battery_w = (found[role] for role in gauges)
    home_w = grid_w.copy()
    for role, line in ((PointRole.PRODUCTION, production_w), (PointRole.BATTERY, battery_w)):
        if role in present and np.isfinite(line).any():
            home_w = home_w + line
    soc = _state_of_charge(home, grid)
    lines = {"home_w": home_w, "production_w": production_w, "battery_w": battery_w, "grid_w": grid_w, "soc_pct": soc}
    return _Powers(lines, estimated, from_quarters)


def _gauge(home: Home, grid: _Grid, role: str) -> Floats | None:
    """Add up the power gauges of a role; nothing when one of its points has none."""
    points = [point.pk for point in home.points if point.role == role]
    gauges = [m for m in home.measurements if m.metering_point_id in points and m.quantity == Quantity.POWER]
    gauges = [m for m in gauges if _ms(m.starts_at) < grid.end_ms and _ms(m.ends_at) > grid.begin_ms]
    if not gauges or {m.metering_point_id for m in gauges} != set(points):
        return None
    values = _read(gauges, grid)
    total = np.zeros(len(grid.starts))
    for point in points:
        rows = [values[i] for i, m in enumerate(gauges) if m.metering_point_id == point]
        total = total + _first_known(rows)
    return total if np.isfinite(total).any() else None


def _read(measurements: list[Measurement], grid: _Grid) -> list[Floats]:
    """Read means per step, each within the time its measurement counts."""
    ids = [m.series_id for m in measurements]
    end = grid.begin_ms + len(grid.starts) * grid.step_ms
    mean = telemetry.curve(series_ids=ids, start_ms=grid.begin_ms, end_ms=end, step_ms=grid.step_ms).mean
    known = telemetry.series_get_many(series_ids=ids)
    result = []
    for row, m in enumerate(measurements):
        line, series = mean[row], known[m.series_id]
        if series.kind == Kind.MEAN and series.interval_ms > grid.step_ms:
            line = _held(m.series_id, grid)
        counts = (grid.starts >= _ms(m.starts_at)) & (grid.starts < _ms(m.ends_at))
        result.append(np.where(counts, line, np.nan))
    return result


def _held(series_id: uuid.UUID, grid: _Grid) -> Floats:
    """Let a mean hold for its whole interval, which is longer than a step."""
    found = telemetry.quarters(series_ids=[series_id], start_ms=grid.begin_ms, end_ms=grid.quarters_end_ms)
    there = (found.flags[0] & (PRESENT | PARTIAL)) == PRESENT
    return np.where(there, found.mean[0], np.nan)[grid.quarter]


def _first_known(rows: Iterable[Floats]) -> Floats:
    """Meters that follow each other at one point: each step has the one that counted then."""
    result: Floats | None = None
    for row in rows:
        result = row if result is None else np.where(np.isnan(result), row, result)
    assert result is not None
    return result


def _line(gauge: Floats | None, flows: Flows | None, role: str, grid: _Grid) -> Floats:
    """Return the gauge, else the mean power of each covered quarter-hour; nothing for what the home does not have."""
    if gauge is not None:
        return gauge
    if flows is None:
        return np.full(len(grid.starts), np.nan)
    energy = {
        PointRole.GRID: flows.imported - flows.exported,
        PointRole.PRODUCTION: flows.production,
        PointRole.BATTERY: flows.discharge - flows.charge,
    }[PointRole(role)]
    there = flows.covered if role == PointRole.GRID or energy.any() else np.zeros_like(flows.covered)
    return np.where(there, energy * _MICRO_WH_PER_QUARTER_TO_W, np.nan)[grid.quarter]


def _state_of_charge(home: Home, grid: _Grid) -> Floats:
    """Return the batteries' content in %, weighed by what each can hold."""
    rows = [m for m in home.measurements if m.quantity == Quantity.STATE_OF_CHARGE]
    rows = [m for m in rows if _ms(m.starts_at) < grid.end_ms and _ms(m.ends_at) > grid.begin_ms]
    if not rows:
        return np.full(len(grid.starts), np.nan)
    points = list(dict.fromkeys(m.metering_point_id for m in rows))
    values = _read(rows, grid)
    weights = [home.capacities.get(point, 1) for point in points]
    lines = [_first_known(v for v, m in zip(values, rows, strict=True) if m.metering_point_id == p) for p in points]
    return sum((w * line for w, line in zip(weights, lines, strict=True)), np.zeros(len(grid.starts))) / sum(weights)


def _prices(home: Home, direction: str, starts: Ints) -> list[int | None]:
    """Return the gross price at each step, also of the hours to come as far as they are known."""
    first = int(starts[0]) // QUARTER_MS * QUARTER_MS
    quarters = np.arange(first, int(starts[-1]) + 1, QUARTER_MS, dtype=np.int64)
    found = home.prices(direction, quarters)
    return [None if price == UNKNOWN else price for price in found[(starts - first) // QUARTER_MS].tolist()]


def _listed(values: Floats, count: int) -> list[float | None]:
    listed = [None if np.isnan(value) else round(value, 1) for value in values.tolist()]
    return [*listed, *[None] * (count - len(listed))]


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
