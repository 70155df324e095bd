"""Dynamic prices, emission factors and energy from neighbours in the statistics of a home."""

from datetime import date

import numpy as np
import pytest

from myhouse.documents.services import SYSTEM
from myhouse.models.metering import Quantity
from myhouse.selectors.day import day_curve
from myhouse.selectors.statistics import statistics
from myhouse.services.reference import reference_register, reference_write
from myhouse.statistics.model import Span
from myhouse.statistics.sources import EnergyShare
from myhouse.statistics.tests.measured import FLAT, contract_of, full_home, moment, ms
from myhouse.views.parts import given_parts, used_parts
from telemetry.model import HOUR_MS, QUARTER_MS

pytestmark = pytest.mark.django_db
LATER = moment("2026-12-31T12:00+01:00")
DAY = Span.of("day", "2026-06-15")
START = ms("2026-06-15T00:00+02:00")


def series_of(kind, name, values, *, first=START, interval_ms=QUARTER_MS, country="DE", demo=False):
    series = reference_register(
        kind=kind,
        name=name,
        source=f"Source of {name}",
        country=country,
        actor=SYSTEM,
        now=LATER,
        interval_ms=interval_ms,
        demo=demo,
    )
    times = first + np.arange(len(values), dtype=np.int64) * interval_ms
    reference_write(series=series, times_ms=times, values=values, actor=SYSTEM, now=LATER)
    return series


def dynamic(**terms):
    return {"price": {"kind": "dynamic", "reference": "Spot", **terms}}


def day_of(household, **options):
    return statistics(household=household, span=DAY, now=LATER, compare=(), **options)


def test_a_dynamic_contract_pays_each_quarter_hour_its_market_price():
    prices = [10_000 + 37 * i for i in range(96)]
    series_of("price", "Spot", prices, demo=True)
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: [100 + i for i in range(96)]})
    contract_of(household, dynamic(markup_uct_per_wh=500))

    result = day_of(household)

    assert result.totals.cost_uct == sum((100 + i) * (prices[i] + 500) for i in range(96))
    assert [(s.name, s.source, s.demo) for s in result.sources] == [("Spot", "Source of Spot", True)]


def test_an_hourly_contract_on_quarter_hour_prices_pays_the_mean_of_the_hour():
    series_of("price", "Spot", [1, 2, 3, 5] * 24)
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: [100] * 96})
    contract_of(household, dynamic(resolution="hour"))

    assert day_of(household).totals.cost_uct == 9_600 * 3  # 2.75, half up


def test_an_hourly_price_holds_for_its_four_quarter_hours():
    series_of("price", "Spot", [100 * hour for hour in range(24)], interval_ms=HOUR_MS)
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: [10] * 96})
    contract_of(household, dynamic())

    result = day_of(household, step="hour")

    assert result.cost_uct == tuple(40 * 100 * hour for hour in range(24))
    assert result.unpriced_quarters == 0


def test_hours_without_a_market_price_are_counted_and_not_taken_as_free():
    series_of("price", "Spot", [1000] * 90)
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: [10] * 96})
    contract_of(household, dynamic())

    result = day_of(household)

    assert result.unpriced_quarters == 6
    assert result.totals.cost_uct == 900 * 1000


def test_co2_follows_the_grid_factor_of_the_hour_and_own_use_avoids_it():
    series_of("emission", "Mix", [400.0] * 48 + [100.0] * 48)
    flows = {Quantity.IMPORT: [1_000] * 96, Quantity.PRODUCTION: [500] * 96}
    household = full_home("2026-06-15T00:00+02:00", flows)

    totals = day_of(household).totals

    assert totals.co2_grid_g == totals.co2_g == 48 * 400 + 48 * 100
    assert totals.co2_avoided_g == (48 * 400 + 48 * 100) // 2
    assert totals.co2_own_g == 0


def test_without_a_factor_of_the_country_co2_is_unknown():
    series_of("emission", "French mix", [50.0] * 96, country="FR")
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: [1_000] * 96})

    result = day_of(household)

    assert result.totals.co2_g is None
    assert set(result.co2_g) == {None}


def neighbours(*, household, starts_ms):
    """A neighbour sells 40 Wh in each quarter-hour for 400,000 µct; we sell 10 Wh for 90,000 µct."""
    count = len(starts_ms)
    return [
        EnergyShare("offers", "import", np.full(count, 40_000_000), np.full(count, 400_000)),
        EnergyShare("offers", "export", np.full(count, 10_000_000), np.full(count, 90_000)),
    ]


def test_energy_from_neighbours_costs_no_supplier_tariff_and_sold_energy_earns_no_feed_in(settings):
    settings.ENERGY_SOURCES = [f"{__name__}.neighbours"]
    series_of("emission", "Mix", [400.0] * 96)
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: [100] * 96, Quantity.EXPORT: [25] * 96})
    contract_of(household)
    contract_of(household, {"price": {"kind": "flat", "uct_per_wh": 8_000}}, direction="export")

    totals = day_of(household).totals

    assert (totals.community_wh, totals.supplier_wh) == (3_840, 5_760)
    assert totals.cost_uct == 96 * (60 * 30_000 + 400_000)
    assert totals.income_uct == 96 * (15 * 8_000 + 90_000)
    assert totals.co2_g == 96 * 60 * 400 // 1000
    assert totals.saving_uct == 96 * 100 * 30_000 - totals.cost_uct + totals.income_uct


def test_what_neighbours_got_and_paid_is_told_apart_and_is_no_tax(settings):
    settings.ENERGY_SOURCES = [f"{__name__}.neighbours"]
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: [100] * 96, Quantity.EXPORT: [25] * 96})
    contract_of(household)
    contract_of(household, {"price": {"kind": "flat", "uct_per_wh": 8_000}}, direction="export")

    answer = day_of(household)

    assert (sum(answer.paid_uct), sum(answer.earned_uct)) == (96 * 400_000, 96 * 90_000)
    assert answer.cost_parts["community"] == 96 * 400_000
    assert "vat" not in answer.cost_parts
    assert sum(answer.cost_parts.values()) == answer.totals.cost_uct
    assert answer.totals.sold_wh == 96 * 10
    shown = [(part.key, part.energy, part.money) for part in used_parts(answer)]
    assert [(key, plain(energy), plain(money)) for key, energy, money in shown] == [
        ("community", "≈ 3.84 kWh", "€0.38"),
        ("grid-import", "≈ 5.76 kWh", "€1.73"),
    ]
    assert [(part.key, plain(part.energy)) for part in given_parts(answer)] == [
        ("community", "≈ 960 Wh"),
        ("grid-export", "≈ 1.44 kWh"),
    ]


def plain(text):
    return text.replace("\u202f", " ")


def test_two_contracts_in_a_month_price_their_own_days():
    household = full_home("2026-06-01T00:00+02:00", {Quantity.IMPORT: [100] * 96 * 30})
    contract_of(household, ends_on=date(2026, 6, 11))
    contract_of(household, FLAT | {"price": {"kind": "flat", "uct_per_wh": 20_000}}, starts_on=date(2026, 6, 11))

    result = statistics(household=household, span=Span.of("month", "2026-06"), now=LATER, compare=())

    assert result.cost_uct[9:11] == (9_600 * 30_000, 9_600 * 20_000)
    assert result.totals.cost_uct == 10 * 9_600 * 30_000 + 20 * 9_600 * 20_000


def test_the_day_curve_shows_gross_prices_and_the_night():
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: [100] * 96})
    contract_of(household, FLAT | {"vat_per_mille": 190})

    curve = day_curve(household=household, day=DAY.start, now=LATER, step_s=900)

    assert set(curve.price_uct_wh) == {35_700}
    assert set(curve.feed_in_uct_wh) == {None}
    assert set(curve.grid_w) == set(curve.home_w) == {400.0}
    assert curve.from_quarters
    assert [(end - start) // 60_000 for start, end in curve.night] == pytest.approx([284, 148], abs=3)


def test_the_price_shown_under_tiers_follows_what_was_used_since_the_month_began():
    household = full_home("2026-06-01T00:00+02:00", {Quantity.IMPORT: [100] * 96 * 20})
    tiers = [{"uct_per_wh": 10_000, "up_to_wh": 14 * 9_600 + 4_800}, {"uct_per_wh": 20_000}]
    contract_of(household, {"price": {"kind": "tiers", "tiers": tiers}})

    curve = day_curve(household=household, day=DAY.start, now=LATER, step_s=900)

    assert curve.price_uct_wh == [10_000] * 48 + [20_000] * 48
