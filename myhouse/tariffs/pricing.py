"""The price of each quarter-hour and what energy costs under a contract's terms; vectorised and exact.

Rounding, all of it: a dynamic price (market × factor + markup) and a gross price are rounded half up to whole µct
per Wh, since a price is a whole number; amounts are rounded once, at the edges of an answer (`Exact.between`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from myhouse.tariffs.clock import QUARTER_MS, LocalClock, local_clock, period_edges_ms
from myhouse.tariffs.exact import MICRO, Exact, Ints
from myhouse.tariffs.holidays import holiday_mask
from myhouse.tariffs.terms import Capacity, Dynamic, Flat, Terms, Tiers, TimeOfUse
from myhouse.tariffs.zones import HOLIDAY, zone_table

# No market price was published for this quarter-hour; never mixed into a sum.
UNKNOWN = np.iinfo(np.int64).min
Unit = Literal["day", "month", "year"]


class Market(Protocol):
    """Looks up a reference series: whole µct per Wh at each start, `UNKNOWN` where there is none."""

    def __call__(self, name: str, starts_ms: Ints, resolution: Literal["quarter", "hour"]) -> Ints:
        """Return one price per start; by hour: the mean of the hour's four quarters."""


def no_market(name: str, starts_ms: Ints, resolution: Literal["quarter", "hour"]) -> Ints:
    """Know no market at all."""
    return np.full(len(starts_ms), UNKNOWN, np.int64)


@dataclass(frozen=True)
class Cost:
    """Whole micro-cents; the parts add up to the total (VAT is what is left between net and gross)."""

    energy_uct: int
    fixed_uct: int
    levies_uct: int
    vat_uct: int
    capacity_uct: int
    total_uct: int


@dataclass(frozen=True)
class Charges:
    """What each quarter-hour costs, exactly; `unpriced` marks energy without a known market price."""

    energy: Exact
    levies: Exact
    fixed: Exact
    capacity: Exact
    gross: Exact
    unpriced: NDArray[np.bool_]

    def cost(self) -> Cost:
        """Add everything up, each part rounded once."""
        parts = [part.total() for part in (self.energy, self.fixed, self.levies, self.capacity)]
        total = self.gross.total()
        return Cost(parts[0], parts[1], parts[2], total - sum(parts), parts[3], total)


def price_per_quarter(
    terms: Terms, starts_ms: Ints, zone: str, market: Market = no_market, *, used_micro_wh: Ints | None = None
) -> Ints:
    """Return the net energy price at each start in µct per Wh (tiers: of what was used before, else the first)."""
    price = terms.price
    if isinstance(price, Flat):
        return np.full(len(starts_ms), price.uct_per_wh, np.int64)
    if isinstance(price, TimeOfUse):
        return _time_of_use(price, local_clock(starts_ms, zone))
    if isinstance(price, Dynamic):
        return _dynamic(price, market(price.reference, starts_ms, price.resolution))
    used = np.zeros(len(starts_ms), np.int64) if used_micro_wh is None else used_micro_wh
    ends = np.array([tier.up_to_wh for tier in price.tiers[:-1]], np.int64) * MICRO
    prices = np.array([tier.uct_per_wh for tier in price.tiers], np.int64)
    found: Ints = prices[np.searchsorted(ends, used, side="right")]
    return found


def gross_price(terms: Terms, net: Ints) -> Ints:
    """Return net prices with levies and VAT in µct per Wh, rounded half up; what the household sees."""
    levies = sum(levy.uct_per_wh for levy in terms.levies)
    known = net != UNKNOWN
    gross = ((np.where(known, net, 0) + levies) * (1000 + terms.vat_per_mille) * 2 + 1000) // 2000
    return np.where(known, gross, UNKNOWN)


def charges(
    terms: Terms,
    starts_ms: Ints,
    energy_micro_wh: Ints,
    zone: str,
    market: Market = no_market,
) -> Charges:
    """Return what each quarter-hour costs.

    `starts_ms` is one unbroken run of quarter-hours. Tiers and the capacity charge count from the first one, so hand
    in the run from where the month (year) or the contract began.
    """
    clock = local_clock(starts_ms, zone)
    count = len(starts_ms)
    unpriced = np.zeros(count, np.bool_)
    if isinstance(terms.price, Tiers):
        energy = _tiered(terms.price, clock, energy_micro_wh)
    elif isinstance(terms.price, Flat):
        energy = Exact.of_product(energy_micro_wh, terms.price.uct_per_wh)
    else:
        prices = price_per_quarter(terms, starts_ms, zone, market)
        missing = prices == UNKNOWN
        unpriced = missing & (energy_micro_wh != 0)
        energy = Exact.of_product(energy_micro_wh, np.where(missing, 0, prices))
    levies = fixed = capacity = Exact(count)
    if terms.levies:
        levies = Exact.of_product(energy_micro_wh, sum(levy.uct_per_wh for levy in terms.levies))
    for unit in sorted({fee.per for fee in terms.fees}):
        amount = sum(fee.uct for fee in terms.fees if fee.per == unit)
        fixed += _spread(amount, unit, starts_ms, clock, zone)
    if terms.capacity is not None:
        capacity = _capacity(terms.capacity, starts_ms, clock, energy_micro_wh, zone)
    gross = (energy + levies + fixed + capacity).with_vat(terms.vat_per_mille)
    return Charges(energy, levies, fixed, capacity, gross, unpriced)


def cost(terms: Terms, starts_ms: Ints, energy_micro_wh: Ints, zone: str, market: Market = no_market) -> Cost:
    """Return what an unbroken run of quarter-hours costs."""
    return charges(terms, starts_ms, energy_micro_wh, zone, market).cost()


def looks_back(terms: Terms) -> Literal["month", "year"] | None:
    """Tell from where on quarter-hours are needed to price one of them: its month, its year, or only itself."""
    if isinstance(terms.price, Tiers) and terms.price.period == "year":
        return "year"
    if isinstance(terms.price, Tiers) or terms.capacity is not None:
        return "month"
    return None


def _time_of_use(price: TimeOfUse, clock: LocalClock) -> Ints:
    day = clock.weekday
    if price.knows_holidays:
        day = np.where(holiday_mask(clock.day, price.country), HOLIDAY, day)
    prices = np.array([zone.uct_per_wh for zone in price.zones], np.int64)
    found: Ints = prices[zone_table(price)[clock.month % 12, day, clock.quarter]]
    return found


def _dynamic(price: Dynamic, market: Ints) -> Ints:
    known = market != UNKNOWN
    scaled = (np.where(known, market, 0) * price.factor_per_mille * 2 + 1000) // 2000 + price.markup_uct_per_wh
    if price.floor_uct_per_wh is not None:
        scaled = np.maximum(scaled, price.floor_uct_per_wh)
    if price.cap_uct_per_wh is not None:
        scaled = np.minimum(scaled, price.cap_uct_per_wh)
    return np.where(known, scaled, UNKNOWN)


def _tiered(price: Tiers, clock: LocalClock, energy: Ints) -> Exact:
    period = clock.month if price.period == "month" else clock.year
    running = np.cumsum(energy)
    first = np.searchsorted(period, period, side="left")  # where each quarter's period begins
    after = running - np.concatenate(([0], running))[first]
    before = after - energy
    result, low = Exact(len(energy)), 0
    for tier in price.tiers:
        high = np.iinfo(np.int64).max if tier.up_to_wh is None else tier.up_to_wh * MICRO
        inside = np.clip(after, low, high) - np.clip(before, low, high)
        result += Exact.of_product(inside, tier.uct_per_wh)
        low = high
    return result


def _spread(uct: int, unit: Unit, starts_ms: Ints, clock: LocalClock, zone: str) -> Exact:
    """Give each quarter-hour its part of the period's fee: whole µct that add up to the fee over the whole period."""
    runs = _Runs.of({"day": clock.day, "month": clock.month, "year": clock.year}[unit])
    amounts = np.full(len(runs.numbers), uct, np.int64)
    return Exact.of_whole(_parts(amounts, runs, starts_ms=starts_ms, zone=zone, unit=unit))


@dataclass(frozen=True, eq=False)
class _Runs:
    """Days, months or years that follow each other: their numbers, and how many quarter-hours each has here."""

    numbers: Ints
    firsts: NDArray[np.intp]
    lengths: NDArray[np.intp]

    @classmethod
    def of(cls, numbers: Ints) -> _Runs:
        """Find where a rising row of numbers changes."""
        firsts = np.concatenate(([0], np.flatnonzero(np.diff(numbers)) + 1)) if len(numbers) else np.zeros(0, np.intp)
        return cls(numbers[firsts], firsts, np.diff(np.append(firsts, len(numbers))))


def _parts(amounts: Ints, runs: _Runs, *, starts_ms: Ints, zone: str, unit: Unit) -> Ints:
    """Split one amount per period over the quarter-hours of the whole period."""
    begins = period_edges_ms(runs.numbers, zone, unit)
    ends = period_edges_ms(runs.numbers + 1, zone, unit)
    parts = []
    for amount, begin, end, first, length in zip(
        amounts.tolist(), begins.tolist(), ends.tolist(), runs.firsts.tolist(), runs.lengths.tolist(), strict=True
    ):
        count = (end - begin) // QUARTER_MS
        position = (int(starts_ms[first]) - begin) // QUARTER_MS
        reached = amount * np.arange(position, position + length + 1, dtype=np.int64) // count
        parts.append(np.diff(reached))
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _capacity(capacity: Capacity, starts_ms: Ints, clock: LocalClock, energy: Ints, zone: str) -> Exact:
    """Charge each month's highest quarter-hour (mean W, rounded half up) and spread it over the month."""
    runs = _Runs.of(clock.month)
    peaks = np.maximum.reduceat(energy, runs.firsts) if len(energy) else energy
    watts = np.maximum((peaks * 4 * 2 + MICRO) // (2 * MICRO), capacity.minimum_w)
    amounts = watts * capacity.uct_per_w_month
    return Exact.of_whole(_parts(amounts, runs, starts_ms=starts_ms, zone=zone, unit="month"))
