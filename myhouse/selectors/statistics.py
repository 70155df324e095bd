"""What a household used, made, paid and saved in a span of local time; pages, API and exports all read it here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from myhouse.models import Household
from myhouse.selectors.day import day_curve
from myhouse.selectors.home import Home, home_load
from myhouse.statistics.flows import Meter, flows_of, sub_meter_energy
from myhouse.statistics.gaps import contract_gaps
from myhouse.statistics.ledger import Contract, Ledger, Sums, ledger_of, sums_of
from myhouse.statistics.model import STEPS, Comparison, Span, Statistics, Step, SubMeter, Totals, UnableToReadSpan
from myhouse.tariffs.clock import local_clock, period_edges_ms
from myhouse.tariffs.pricing import looks_back
from telemetry.calendar import day_start_ms, local_edges
from telemetry.model import QUARTER_MS
from telemetry.rounding import whole

__all__ = ["day_curve", "span_has_next", "span_of_day", "statistics"]

Ints = NDArray[np.int64]
BUCKETS_AT_MOST = 4_000
SHORT_DAYS = 31  # of a span no longer than this, what was traded is read together with the period before


@dataclass(frozen=True)
class _Window:
    """What this reader may see, on quarter edges, and how far the clock has come."""

    since_ms: int
    until_ms: int
    now_ms: int

    @property
    def reached_ms(self) -> int:
        """The end of the quarter-hour that is running."""
        return -(-self.now_ms // QUARTER_MS) * QUARTER_MS

    def clip(self, start_ms: int, end_ms: int) -> tuple[int, int]:
        """Cut a run to what may be seen and has happened."""
        start = min(max(start_ms, self.since_ms), end_ms)
        return start, max(start, min(end_ms, self.until_ms, self.reached_ms))


def statistics(
    *,
    household: Household,
    span: Span,
    now: datetime,
    step: str | None = None,
    compare: Iterable[str] = ("previous", "year"),
    since: datetime | None = None,
    until: datetime | None = None,
    home: Home | None = None,
) -> Statistics:
    """Add up a span by buckets of `step`; `since` and `until` are the reader's own time in the household.

    Hand in `home` where one answer needs several spans.
    """
    chosen = _step(span, step)
    edges = local_edges(zone=household.time_zone, start=span.start, end=span.end, step=chosen)
    if len(edges) - 1 > BUCKETS_AT_MOST:
        raise UnableToReadSpan(_("That is too finely cut for so long a span; choose a larger step."), field="step")
    window = _window(now, since, until)
    home = home or home_load(household=household, now=now)
    start, end = window.clip(int(edges[0]), int(edges[-1]))
    if "previous" in compare and span.days <= SHORT_DAYS:
        home.shares_ahead(_span_ms(span.previous(), household.time_zone)[0], int(edges[-1]))
    meters = home.meters(start, end)
    ledger = _ledger(home, start, end, window, subs=True)
    sums = _sums(ledger, edges, window, home)
    return Statistics(
        household_id=household.pk,
        zone=household.time_zone,
        currency=household.currency,
        span=span,
        step=chosen,
        now_ms=window.now_ms,
        edges_ms=edges,
        **sums.energies,
        cost_uct=sums.cost_uct,
        income_uct=sums.income_uct,
        paid_uct=sums.paid_uct,
        earned_uct=sums.earned_uct,
        saving_uct=sums.saving_uct,
        co2_g=sums.co2_g,
        covered_quarters=sums.covered_quarters,
        expected_quarters=sums.expected_quarters,
        estimated_quarters=sums.estimated_quarters,
        totals=sums.totals,
        provisional=bool(edges[-1] > window.now_ms or sums.totals.covered_quarters < sums.totals.expected_quarters),
        has_production=home.has_production,
        has_battery=home.has_battery,
        grid_derived=bool(ledger.flows.grid_derived.any()),
        clipped=bool(window.since_ms > edges[0] or window.until_ms < edges[-1]),
        sub_meters=_sub_meters(home, meters, ledger.flows.starts, edges, sums.totals),
        comparisons=_comparisons(compare, home=home, span=span, ledger=ledger, sums=sums, window=window),
        contract_gaps=contract_gaps(ledger, household.time_zone),
        sources=home.figures.sources(),
        cost_parts=_cost_parts(ledger, sums.totals.cost_uct),
        unpriced_quarters=int(ledger.cost.unpriced.sum() + ledger.income.unpriced.sum()),
    )


def _cost_parts(ledger: Ledger, total_uct: int | None) -> dict[str, int]:
    """Return the net parts, the VAT on them (what the total has more) and what neighbours got; together the total."""
    parts = {name: amount.total() for name, amount in ledger.parts.items()}
    paid = int(ledger.paid.sum())
    vat = 0 if total_uct is None else total_uct - paid - sum(parts.values())
    # Without VAT only the roundings of the parts remain, at most half a micro-cent each.
    found = parts | {"vat": vat} if abs(vat) > len(parts) else parts
    return found | {"community": paid} if paid else found


def _step(span: Span, step: str | None) -> Step:
    if step is None or step == "":
        return span.step
    if step not in STEPS:
        raise UnableToReadSpan(_("The step must be one of %(steps)s.") % {"steps": ", ".join(STEPS)}, field="step")
    return step


def _window(now: datetime, since: datetime | None, until: datetime | None) -> _Window:
    """Cut inwards to whole quarter-hours: a quarter that was partly another's is not shown."""
    begin = 0 if since is None else -(-_ms(since) // QUARTER_MS) * QUARTER_MS
    end = _ms(datetime(9000, 1, 1, tzinfo=UTC)) if until is None else _ms(until) // QUARTER_MS * QUARTER_MS
    return _Window(begin, end, _ms(now))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _ledger(home: Home, start: int, end: int, window: _Window, *, subs: bool = False) -> Ledger:
    """Price a run; what tiers and monthly peaks need from before (and after) it is read along and cut off again."""
    zone = home.household.time_zone
    low, high = _priced_run(home.contracts, start, end, zone, window)
    starts = np.arange(low, high, QUARTER_MS, dtype=np.int64)
    flows = flows_of(starts, home.main_meters(home.meters(low, high, subs=subs)))
    ledger = ledger_of(
        flows=flows,
        contracts=home.contracts,
        shares=home.shares(starts),
        factors=home.figures.emission(home.country, starts),
        zone=zone,
        market=home.figures.market,
    )
    return ledger.part((start - low) // QUARTER_MS, (end - low) // QUARTER_MS)


def _priced_run(contracts: list[Contract], start: int, end: int, zone: str, window: _Window) -> tuple[int, int]:
    """Return from where to where quarter-hours are needed to price [start, end)."""
    low, high = start, end
    if start >= end:
        return low, high
    clock = local_clock(np.array([start, end - QUARTER_MS], np.int64), zone)
    for contract in contracts:
        back = looks_back(contract.terms)
        if back is None or contract.ends_ms <= start or contract.starts_ms >= end:
            continue
        numbers = (clock.month if back == "month" else clock.year) + np.array([0, 1])
        first, last = period_edges_ms(numbers, zone, back).tolist()
        low = min(low, max(first, min(contract.starts_ms, start)))
        high = max(high, min(last, contract.ends_ms, window.reached_ms))
    # A quarter-hour before the reader's own time prices his, but is never shown to him.
    return low, high


def _sums(ledger: Ledger, edges: Ints, window: _Window, home: Home) -> Sums:
    """Add up the buckets; quarter-hours to come are expected of a home that is being measured now."""
    starts = ledger.flows.starts
    cuts = np.searchsorted(starts, edges)
    future = np.zeros(len(edges) - 1, np.int64)
    if home.measured_at(window.now_ms):
        to_come = np.clip(edges, window.reached_ms, max(window.until_ms, window.reached_ms))
        future = np.diff(to_come) // QUARTER_MS
    return sums_of(ledger, cuts, future)


def _sub_meters(home: Home, meters: list[Meter], starts: Ints, edges: Ints, totals: Totals) -> list[SubMeter]:
    """Add up each sub-meter; what is metered below one is taken off its own part."""
    lines = home.sub_points()
    cuts = np.searchsorted(starts, edges)
    energies: dict[object, Ints] = {}
    for line in lines:
        exact = sub_meter_energy(starts, [m for m in meters if m.point_id == line.point.pk])
        energies[line.point.pk] = whole(np.diff(np.concatenate(([0], np.cumsum(exact)))[cuts]))
    result = []
    for line in lines:
        total = int(energies[line.point.pk].sum())
        below = sum(int(energies[child].sum()) for child in line.children)
        result.append(
            SubMeter(
                point_id=line.point.pk,
                name=line.point.name,
                parent_id=line.parent_id,
                depth=line.depth,
                energy_wh=energies[line.point.pk],
                total_wh=total,
                own_wh=total - below,
                share=total / totals.consumption_wh if totals.consumption_wh > 0 else None,
            )
        )
    return result


def _comparisons(
    names: Iterable[str], *, home: Home, span: Span, ledger: Ledger, sums: Sums, window: _Window
) -> dict[str, Comparison]:
    """Compare with other spans; while ours is running both are cut at the same elapsed point."""
    zone = home.household.time_zone
    begin, end = _span_ms(span, zone)
    if begin >= window.now_ms:
        return {}
    cut = window.now_ms // QUARTER_MS * QUARTER_MS
    running = cut < end
    ours = sums.totals
    if running:
        position = int(np.searchsorted(ledger.flows.starts, cut))
        ours = sums_of(ledger, np.array([0, position]), np.zeros(1, np.int64)).totals
    known: dict[Span, Totals] = {}
    result: dict[str, Comparison] = {}
    for name in names:
        other = span.previous() if name == "previous" else span.year_before()
        low, high = _span_ms(other, zone)
        until = min(_same_point(span, other, cut, zone), high) if running else None
        if other not in known:
            first, last = window.clip(low, high if until is None else until)
            theirs = _ledger(home, first, last, window)
            cuts = np.array([0, len(theirs.flows.starts)])
            known[other] = sums_of(theirs, cuts, np.zeros(1, np.int64)).totals
        kind = cast("Literal['previous', 'year']", name)
        quarters = ((high if until is None else until) - low) // QUARTER_MS
        result[name] = Comparison(kind, other, known[other], ours, until, quarters)
    return result


def _span_ms(span: Span, zone: str) -> tuple[int, int]:
    return day_start_ms(zone, span.start), day_start_ms(zone, span.end)


def _same_point(span: Span, other: Span, cut: int, zone: str) -> int:
    """Return the moment of the other span with as many days elapsed and the same clock (in a year: the same date)."""
    local = datetime.fromtimestamp(cut / 1000, ZoneInfo(zone))
    day = other.start + (local.date() - span.start)
    if span.unit == "year":
        leap = (local.month, local.day) == (2, 29)
        day = local.date().replace(year=other.start.year, day=28 if leap else local.day)
    moment = datetime(day.year, day.month, day.day, local.hour, local.minute, tzinfo=ZoneInfo(zone))
    return _ms(moment) // QUARTER_MS * QUARTER_MS


def span_of_day(*, household: Household, now: datetime) -> Span:
    """Return the household's local today."""
    return Span.of("day", now.astimezone(ZoneInfo(household.time_zone)).date())


def span_has_next(*, household: Household, span: Span, now: datetime) -> bool:
    """Whether the span after this one has begun."""
    return span.end <= now.astimezone(ZoneInfo(household.time_zone)).date()
