"""The words of statistics: a span of local time and what is said about it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from myhouse.statistics.span import STEPS, UNITS, Span, Step, UnableToReadSpan, Unit

__all__ = [
    "STEPS",
    "UNITS",
    "Comparison",
    "ContractGap",
    "DayCurve",
    "Expected",
    "ExpectedItem",
    "FlowNow",
    "PointFlow",
    "Source",
    "Span",
    "Statistics",
    "Step",
    "SubMeter",
    "Totals",
    "UnableToReadSpan",
    "Unit",
]


# So much of another span must be measured to compare with it.
COMPARABLE_SHARE = 0.9


@dataclass(frozen=True)
class Totals:
    """One span added up. Energies whole Wh, money whole micro-cents (1e8 = one euro), CO2 whole grams.

    `None` means unknown, never zero: no contract (money), no emission factors (CO2), nothing to divide by (rates).
    """

    import_wh: int = 0
    export_wh: int = 0
    production_wh: int = 0
    charge_wh: int = 0
    discharge_wh: int = 0
    consumption_wh: int = 0
    own_use_wh: int = 0
    battery_use_wh: int = 0  # the part of own use that came out of the battery
    community_wh: int = 0  # bought from neighbours (part of import)
    supplier_wh: int = 0  # import that the supplier delivered
    sold_wh: int = 0  # sold to neighbours (part of export)
    cost_uct: int | None = None
    income_uct: int | None = None
    saving_uct: int | None = None  # against everything from the supplier
    co2_g: int | None = None
    co2_grid_g: int | None = None
    co2_own_g: int | None = None
    co2_community_g: int | None = None
    co2_avoided_g: int | None = None
    self_consumption_rate: float | None = None  # 0…1, own use of what was produced
    self_sufficiency_rate: float | None = None  # 0…1, own use of what was consumed
    covered_quarters: int = 0
    expected_quarters: int = 0
    estimated_quarters: int = 0

    @property
    def net_uct(self) -> int | None:
        """Cost less income; nothing when neither is known."""
        if self.cost_uct is None and self.income_uct is None:
            return None
        return (self.cost_uct or 0) - (self.income_uct or 0)


@dataclass(frozen=True)
class Comparison:
    """The same sums of another span; `until_ms` is set when both were cut at the same elapsed point."""

    name: Literal["previous", "year"]
    span: Span
    totals: Totals
    now_totals: Totals  # ours, cut at the same point
    until_ms: int | None
    quarters: int  # how many quarter-hours theirs has

    @property
    def like_for_like(self) -> bool:
        """Whether both sides were cut because ours is still running."""
        return self.until_ms is not None

    @property
    def known(self) -> bool:
        """Whether the other span was measured nearly throughout: with less, a difference would say nothing."""
        return self.quarters > 0 and self.totals.covered_quarters >= COMPARABLE_SHARE * self.quarters

    def delta(self, name: str) -> int | None:
        """Ours less theirs for a field of `Totals`; unknown when either side is."""
        ours, theirs = getattr(self.now_totals, name), getattr(self.totals, name)
        return None if ours is None or theirs is None or not self.known else ours - theirs

    def change(self, name: str) -> float | None:
        """The delta as a share of theirs (0.1 = ten per cent more)."""
        delta, theirs = self.delta(name), getattr(self.totals, name)
        return None if delta is None or not theirs else delta / abs(theirs)


@dataclass(frozen=True)
class SubMeter:
    """What a metered part of the home drew; `own_wh` is without the parts that are metered below it."""

    point_id: uuid.UUID
    name: str
    parent_id: uuid.UUID | None
    depth: int
    energy_wh: NDArray[np.int64]
    total_wh: int
    own_wh: int
    share: float | None  # of the home's consumption, 0…1


@dataclass(frozen=True)
class ContractGap:
    """Local days [start, end) on which energy flowed and no contract held."""

    direction: Literal["import", "export"]
    start: date
    end: date


@dataclass(frozen=True)
class Source:
    """A named figure that went into the answer (market price, emission factor) and who publishes it."""

    name: str
    kind: str
    source: str
    demo: bool


@dataclass(frozen=True)
class Statistics:
    """What a household used, made, paid and saved: per bucket [edges_ms[i], edges_ms[i+1]) and in total.

    Per bucket: energies int64 whole Wh, CO2 int64 g, money a tuple of whole micro-cents or `None` (no contract).
    The buckets of each line add up to its total exactly.
    """

    household_id: uuid.UUID
    zone: str
    currency: str
    span: Span
    step: Step
    now_ms: int
    edges_ms: NDArray[np.int64]
    import_wh: NDArray[np.int64]
    export_wh: NDArray[np.int64]
    production_wh: NDArray[np.int64]
    charge_wh: NDArray[np.int64]
    discharge_wh: NDArray[np.int64]
    consumption_wh: NDArray[np.int64]
    own_use_wh: NDArray[np.int64]
    battery_use_wh: NDArray[np.int64]
    community_wh: NDArray[np.int64]
    supplier_wh: NDArray[np.int64]
    sold_wh: NDArray[np.int64]
    cost_uct: tuple[int | None, ...]
    income_uct: tuple[int | None, ...]
    paid_uct: tuple[int, ...]  # the part of cost that neighbours got
    earned_uct: tuple[int, ...]  # the part of income that neighbours paid
    saving_uct: tuple[int | None, ...]
    co2_g: tuple[int | None, ...]
    covered_quarters: NDArray[np.int64]
    expected_quarters: NDArray[np.int64]
    estimated_quarters: NDArray[np.int64]
    totals: Totals
    provisional: bool
    has_production: bool
    has_battery: bool
    grid_derived: bool  # no meter at the grid connection: import and export follow from the others
    clipped: bool  # the reader may see a part of the span only
    sub_meters: list[SubMeter] = field(default_factory=list)
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    contract_gaps: list[ContractGap] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    # Energy, levies, fixed, capacity net; vat; what neighbours got (community, only where there is any); micro-cents.
    cost_parts: dict[str, int] = field(default_factory=dict)
    unpriced_quarters: int = 0  # energy flowed and the market price is missing: cost and income lack it

    @property
    def empty(self) -> bool:
        """Whether not a single quarter-hour is known."""
        return self.totals.covered_quarters == 0 and self.totals.estimated_quarters == 0

    @property
    def estimated_share(self) -> float:
        """The share of known quarters that are estimated, 0…1."""
        known = self.totals.covered_quarters
        return self.totals.estimated_quarters / known if known else 0.0

    @property
    def bucket_provisional(self) -> NDArray[np.bool_]:
        """Which buckets may still change: not yet over, or not wholly measured."""
        running: NDArray[np.bool_] = self.edges_ms[1:] > self.now_ms
        return running | (self.covered_quarters < self.expected_quarters)


@dataclass(frozen=True)
class DayCurve:
    """Powers of a local day in W per step (`None` = gap), signed from the home's bus bar: into the home is positive.

    battery_w: positive = discharging. grid_w: positive = import. price_uct_wh: gross price of a Wh at that time.
    """

    day: date
    zone: str
    step_s: int
    starts_ms: list[int]
    end_ms: int
    now_ms: int
    home_w: list[float | None]
    production_w: list[float | None]
    battery_w: list[float | None]
    grid_w: list[float | None]
    soc_pct: list[float | None]
    price_uct_wh: list[int | None]
    feed_in_uct_wh: list[int | None]
    estimated: list[bool]
    night: list[tuple[int, int]]  # spans in ms between sunset and sunrise, clipped to the day
    from_quarters: bool  # no power gauges: mean powers of the quarter-hours
    sources: list[Source] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(v is not None for v in (*self.home_w, *self.production_w, *self.grid_w))


@dataclass(frozen=True)
class PointFlow:
    """The last power of one metering point; a sub-meter's is what it draws."""

    point_id: uuid.UUID
    name: str
    role: str
    power_w: float | None
    at_ms: int | None
    age_s: float | None
    stale: bool


@dataclass(frozen=True)
class FlowNow:
    """The home at this moment, W; `None` = not measured. battery_w > 0 discharges, grid_w > 0 imports."""

    at_ms: int
    sun_w: float | None
    wind_w: float | None
    battery_w: float | None
    soc_pct: float | None
    home_w: float | None
    grid_w: float | None
    community_w: float | None  # sum of what the community's homes give (+) or lack (-) now
    community_homes: int
    price_uct_wh: int | None
    feed_in_uct_wh: int | None
    cost_rate_uct_h: int | None  # > 0 costs, < 0 earns, per hour at this power
    co2_g_kwh: float | None  # grid factor now
    co2_rate_g_h: float | None
    age_s: float | None  # of the oldest value shown
    stale: bool
    stale_points: list[str]
    points: list[PointFlow]

    def as_json(self) -> dict[str, Any]:
        """The same names as fields of a JSON object; powers in whole W."""
        plain: dict[str, Any] = {}
        for name, value in self.__dict__.items():
            plain[name] = round(value, 1) if isinstance(value, float) else value
        plain["points"] = [
            {**point.__dict__, "point_id": str(point.point_id), "power_w": _rounded(point.power_w)}
            for point in self.points
        ]
        plain["stale_s"] = _rounded(self.age_s)
        return plain


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


@dataclass(frozen=True)
class ExpectedItem:
    """What one kind of appliance (or one own appliance) is expected to use or make on a day."""

    kind: str
    name: str
    count: int
    consumption_wh_day: int
    production_wh_day: int
    metered: bool  # the meter's own figure replaces the estimate
    appliance_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Expected:
    """What the home's appliances make us expect of an average day, Wh."""

    consumption_wh_day: int
    production_wh_day: int
    items: list[ExpectedItem]

    @property
    def self_sufficiency_limit(self) -> float | None:
        """The share of consumption that production could cover at most, 0…1."""
        if not self.consumption_wh_day:
            return None
        return min(1.0, self.production_wh_day / self.consumption_wh_day)
