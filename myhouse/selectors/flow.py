"""The home at this moment: powers, price, CO2, and what of it is out of date."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from myhouse.models import Community, Household, Measurement, MeteringPoint
from myhouse.models.appliances import ApplianceKind
from myhouse.models.metering import PointRole, Quantity
from myhouse.selectors.home import Home, home_load
from myhouse.selectors.households import household_ids_of_community
from myhouse.statistics.ledger import NO_FACTOR
from myhouse.statistics.model import FlowNow, PointFlow
from myhouse.tariffs.pricing import UNKNOWN
from telemetry.live import live_get
from telemetry.model import QUARTER_MS, Reading

# Older than this is said to be old; older than GONE_S is not "now" at all and not shown as a power.
STALE_S = 60
GONE_S = 3_600
# With fewer measured homes a member could work out a single neighbour's power from the sum and his own.
COMMUNITY_HOMES_AT_LEAST = 3
_LIVE = (Quantity.POWER, Quantity.STATE_OF_CHARGE)


@dataclass(frozen=True)
class CommunityNow:
    """What a community's homes give to (+) or take from (−) the grid together."""

    surplus_w: float | None
    homes: int


@dataclass(frozen=True)
class Prices:
    """Gross prices in µct per Wh and the grid's emission factor of one quarter-hour."""

    buy_uct_wh: int | None
    sell_uct_wh: int | None
    co2_g_kwh: float | None


@dataclass(eq=False)
class Wiring:
    """Which series says what about a home now; kept by the live feed, so that a new value costs no query."""

    home: Home
    gauges: list[Measurement]
    windmills: set[uuid.UUID]
    capacities: dict[uuid.UUID, int]
    _prices: tuple[int, Prices] | None = None

    @cached_property
    def points(self) -> dict[uuid.UUID, MeteringPoint]:
        """The home's metering points."""
        return {point.pk: point for point in self.home.points}

    def prices(self, now_ms: int) -> Prices:
        """Return the prices of the running quarter-hour; looked up once in it."""
        quarter = now_ms // QUARTER_MS * QUARTER_MS
        if self._prices is None or self._prices[0] != quarter:
            self._prices = (quarter, _prices(self.home, quarter))
        return self._prices[1]


def wiring_of(*, household: Household, now: datetime, home: Home | None = None) -> Wiring:
    """Find the live series of a household."""
    home = home or home_load(household=household, now=now)
    gauges = [m for m in home.measurements if m.quantity in _LIVE and m.starts_at <= now < m.ends_at]
    points = [point.pk for point in home.points if point.role == PointRole.PRODUCTION]
    windmills = {
        one.metering_point_id
        for one in home.appliances
        if one.kind == ApplianceKind.WINDMILL and one.metering_point_id
    }
    return Wiring(
        home=home,
        gauges=gauges,
        windmills=windmills & set(points),
        capacities=home.capacities,
    )


def flow_now(
    *,
    household: Household,
    now: datetime,
    home: Home | None = None,
    wiring: Wiring | None = None,
    community: CommunityNow | None = None,
) -> FlowNow:
    """Return the flow from the newest values; hand in `wiring` and `community` where they are known already."""
    wiring = wiring or wiring_of(household=household, now=now, home=home)
    if community is None:
        community = community_now(community=wiring.home.community, now=now)
    now_ms = int(now.timestamp() * 1000)
    readings = live_get([gauge.series_id for gauge in wiring.gauges])
    points = _points(wiring, readings, now_ms)
    by_role = {role: [p for p in points if p.role == role] for role in PointRole.values}
    grid_w = _power(by_role[PointRole.GRID])
    battery_w = _power(by_role[PointRole.BATTERY])
    made = by_role[PointRole.PRODUCTION]
    wind_w = _power([p for p in made if p.point_id in wiring.windmills])
    sun_w = _power([p for p in made if p.point_id not in wiring.windmills])
    home_w = _home_power(wiring, by_role, grid_w)
    prices = wiring.prices(now_ms)
    main = [p for p in points if p.role != PointRole.CONSUMER and p.age_s is not None]
    return FlowNow(
        at_ms=now_ms,
        sun_w=sun_w,
        wind_w=wind_w,
        battery_w=battery_w,
        soc_pct=_state_of_charge(wiring, readings, now_ms),
        home_w=home_w,
        grid_w=grid_w,
        community_w=community.surplus_w,
        community_homes=community.homes,
        price_uct_wh=prices.buy_uct_wh,
        feed_in_uct_wh=prices.sell_uct_wh,
        cost_rate_uct_h=_cost_rate(grid_w, prices),
        co2_g_kwh=prices.co2_g_kwh,
        co2_rate_g_h=None if grid_w is None or prices.co2_g_kwh is None else max(grid_w, 0) / 1000 * prices.co2_g_kwh,
        age_s=max((p.age_s for p in main if p.age_s is not None), default=None),
        stale=any(p.stale for p in main),
        stale_points=[p.name for p in points if p.stale],
        points=points,
    )


def _points(wiring: Wiring, readings: dict[uuid.UUID, Reading], now_ms: int) -> list[PointFlow]:
    result = []
    for gauge in wiring.gauges:
        if gauge.quantity != Quantity.POWER:
            continue
        point, reading = wiring.points[gauge.metering_point_id], readings.get(gauge.series_id)
        age = None if reading is None else max(0.0, (now_ms - reading.time_ms) / 1000)
        shown = reading is not None and age is not None and age <= GONE_S
        result.append(
            PointFlow(
                point_id=point.pk,
                name=point.name,
                role=point.role,
                power_w=reading.value if reading is not None and shown else None,
                at_ms=None if reading is None else reading.time_ms,
                age_s=age,
                stale=age is None or age > STALE_S,
            )
        )
    return result


def _power(points: Iterable[PointFlow]) -> float | None:
    """Add up powers; nothing when one of them is not known."""
    values = [point.power_w for point in points]
    known = [value for value in values if value is not None]
    return sum(known) if values and len(known) == len(values) else None


def _home_power(wiring: Wiring, by_role: dict[str, list[PointFlow]], grid_w: float | None) -> float | None:
    """What the home uses: everything that flows in; without a grid meter what the outermost sub-meters draw."""
    if grid_w is None:
        if by_role[PointRole.GRID]:
            return None
        top = {line.point.pk for line in wiring.home.sub_points() if line.depth == 0}
        return _power([p for p in by_role[PointRole.CONSUMER] if p.point_id in top])
    total = grid_w
    for role in (PointRole.PRODUCTION, PointRole.BATTERY):
        if by_role[role]:
            power = _power(by_role[role])
            if power is None:
                return None
            total += power
    return total


def _state_of_charge(wiring: Wiring, readings: dict[uuid.UUID, Reading], now_ms: int) -> float | None:
    """Return the batteries' content in %, weighed by what each can hold."""
    weighed, capacity = 0.0, 0
    for gauge in wiring.gauges:
        reading = readings.get(gauge.series_id)
        if gauge.quantity != Quantity.STATE_OF_CHARGE or reading is None:
            continue
        if now_ms - reading.time_ms > GONE_S * 1000:
            continue
        holds = wiring.capacities.get(gauge.metering_point_id, 1)
        weighed, capacity = weighed + reading.value * holds, capacity + holds
    return weighed / capacity if capacity else None


def _cost_rate(grid_w: float | None, prices: Prices) -> int | None:
    """W times µct per Wh is µct per hour; export earns."""
    if grid_w is None:
        return None
    price = prices.buy_uct_wh if grid_w >= 0 else prices.sell_uct_wh
    return None if price is None else round(grid_w * price)


def _prices(home: Home, quarter_ms: int) -> Prices:
    quarter = np.array([quarter_ms], np.int64)
    buy, sell = (int(home.prices(direction, quarter)[0]) for direction in ("import", "export"))
    factor = int(home.figures.emission(home.country, quarter)[0])
    return Prices(
        buy_uct_wh=None if buy == UNKNOWN else buy,
        sell_uct_wh=None if sell == UNKNOWN else sell,
        co2_g_kwh=None if factor == NO_FACTOR else factor / 1000,
    )


def community_series(*, community: Community, now: datetime) -> list[uuid.UUID]:
    """List the power series at the grid connections of a community's homes (three queries)."""
    households = household_ids_of_community(community=community, start=now, end=now)
    points = list(
        MeteringPoint.objects.filter(household_id__in=households, role=PointRole.GRID).values_list("pk", flat=True)
    )
    return list(
        Measurement.objects.filter(
            metering_point_id__in=points, quantity=Quantity.POWER, starts_at__lte=now, ends_at__gt=now
        ).values_list("series_id", flat=True)
    )


def community_now(
    *, community: Community | None, now: datetime, series_ids: list[uuid.UUID] | None = None
) -> CommunityNow:
    """Add up what the community's homes give now; too few homes, and nothing is said of them."""
    if community is None:
        return CommunityNow(None, 0)
    ids = community_series(community=community, now=now) if series_ids is None else series_ids
    oldest = int(now.astimezone(UTC).timestamp() * 1000) - GONE_S * 1000
    powers = [reading.value for reading in live_get(ids).values() if reading.time_ms >= oldest]
    if len(powers) < COMMUNITY_HOMES_AT_LEAST:
        return CommunityNow(None, len(powers))
    return CommunityNow(-sum(powers), len(powers))
