"""Where a household's energy came from and went to, in Wh and money, per bucket of a span."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from myhouse.models import Household
from myhouse.selectors.statistics import statistics
from myhouse.statistics.model import Span, Statistics
from myhouse.statistics.sources import shares_of
from telemetry.model import QUARTER_MS

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """So much of one source or to one taker: whole Wh, and the µct paid or earned; None: no contract says."""

    energy_wh: int
    money_uct: int | None


@dataclass(frozen=True)
class Usage:
    """One bucket, or the whole span. The four sources add up to the consumption, the two takers to the export."""

    start_ms: int
    end_ms: int
    own: Part
    battery: Part
    bought: Part
    supplier: Part
    sold: Part
    fed_in: Part
    saving_uct: int | None  # against everything from the supplier


@dataclass(frozen=True)
class EnergySources:
    """A span's usage by buckets and in total; `statistics` is what it rests on."""

    statistics: Statistics
    total: Usage
    buckets: list[Usage]


def energy_sources_of(
    *,
    household: Household,
    span: Span,
    now: datetime,
    step: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> EnergySources:
    """Split what was used (own, battery, neighbours, supplier) and given away (neighbours, grid)."""
    found = statistics(household=household, span=span, now=now, step=step, compare=(), since=since, until=until)
    paid, sold, earned = _traded(household, _quarters(found, since, until), found.edges_ms)
    buckets = [_bucket(found, i, paid[i], sold[i], earned[i]) for i in range(len(paid))]
    return EnergySources(found, _total(found, buckets), buckets)


def _quarters(found: Statistics, since: datetime | None, until: datetime | None) -> Ints:
    """Return the span's quarter-hours that lie wholly in the reader's time."""
    first, end = int(found.edges_ms[0]), int(found.edges_ms[-1])
    if since is not None:
        first = max(first, -(-int(since.timestamp() * 1000) // QUARTER_MS) * QUARTER_MS)
    if until is not None:
        end = min(end, int(until.timestamp() * 1000) // QUARTER_MS * QUARTER_MS)
    return np.arange(first, end, QUARTER_MS, dtype=np.int64)


def _traded(household: Household, starts: Ints, edges: Ints) -> tuple[list[int], list[int], list[int]]:
    """Return µct paid to neighbours, Wh sold to them and µct earned by it, per bucket."""
    paid, sold, earned = (np.zeros(len(starts), np.int64) for _line in range(3))
    for share in shares_of(household=household, starts_ms=starts):
        if share.direction == "import":
            paid += share.money_uct
        else:
            sold += share.energy
            earned += share.money_uct
    cuts = np.searchsorted(starts, edges)
    sums = [np.diff(np.concatenate(([0], np.cumsum(line)))[cuts]).tolist() for line in (paid, sold, earned)]
    return sums[0], [energy // 1_000_000 for energy in sums[1]], sums[2]


def _bucket(found: Statistics, i: int, paid: int, sold: int, earned: int) -> Usage:
    cost, income = found.cost_uct[i], found.income_uct[i]
    battery, bought = int(found.battery_use_wh[i]), int(found.community_wh[i])
    exported = int(found.export_wh[i])
    sold = min(sold, exported)  # should the meter have been corrected to less
    return Usage(
        start_ms=int(found.edges_ms[i]),
        end_ms=int(found.edges_ms[i + 1]),
        own=Part(int(found.own_use_wh[i]) - battery, 0),
        battery=Part(battery, 0),
        bought=Part(bought, paid),
        supplier=Part(int(found.supplier_wh[i]), None if cost is None else cost - paid),
        sold=Part(sold, earned),
        fed_in=Part(exported - sold, None if income is None else income - earned),
        saving_uct=found.saving_uct[i],
    )


def _total(found: Statistics, buckets: list[Usage]) -> Usage:
    def added(name: str) -> Part:
        parts: list[Part] = [getattr(bucket, name) for bucket in buckets]
        money = [part.money_uct for part in parts if part.money_uct is not None]
        return Part(sum(part.energy_wh for part in parts), sum(money) if money else None)

    return Usage(
        start_ms=int(found.edges_ms[0]),
        end_ms=int(found.edges_ms[-1]),
        own=added("own"),
        battery=added("battery"),
        bought=added("bought"),
        supplier=added("supplier"),
        sold=added("sold"),
        fed_in=added("fed_in"),
        saving_uct=found.totals.saving_uct,
    )
