"""Statistics of measured homes: balance, sums, clock changes, money, privacy, comparison."""

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myhouse.documents.services import SYSTEM
from myhouse.models.metering import PointRole, Quantity
from myhouse.selectors.statistics import statistics
from myhouse.services.metering import measurement_swap
from myhouse.services.tariffs import contract_change
from myhouse.statistics.model import Span, UnableToReadSpan
from myhouse.statistics.tests.measured import (
    FLAT,
    contract_of,
    fill,
    full_home,
    household_of,
    measured,
    moment,
    ms,
    point_of,
)
from telemetry.model import QUARTER_MS, Kind

pytestmark = pytest.mark.django_db

LATER = moment("2026-12-31T12:00+01:00")
DAY = Span.of("day", "2026-06-15")
LINES = ("import_wh", "export_wh", "production_wh", "charge_wh", "discharge_wh", "consumption_wh", "own_use_wh")


def day_of(household, day=DAY, now=LATER, **options):
    return statistics(household=household, span=day, now=now, compare=(), **options)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), day=st.sampled_from(["2026-03-29", "2026-10-25", "2026-06-15"]))
def test_energies_balance_and_buckets_add_up_on_days_of_any_length(seed, day):
    random = np.random.default_rng(seed)
    span = Span.of("day", day)
    count = {"2026-03-29": 92, "2026-10-25": 100}.get(day, 96)
    production, charge = random.uniform(0, 900, count), random.uniform(0, 300, count)
    discharge = random.uniform(0, 300, count)
    used = random.uniform(0, 700, count)
    net = used + charge - production - discharge
    flows = {
        Quantity.IMPORT: np.maximum(net, 0).round(3),
        Quantity.EXPORT: np.maximum(-net, 0).round(3),
        Quantity.PRODUCTION: production.round(3),
        Quantity.CHARGE: charge.round(3),
        Quantity.DISCHARGE: discharge.round(3),
    }
    household = full_home(ms(f"{day}T00:00+0{1 if count == 92 else 2}:00"), flows)

    result = day_of(household, span)

    assert result.totals.covered_quarters == result.totals.expected_quarters == count
    assert not result.provisional
    balance = result.import_wh + result.production_wh + result.discharge_wh - result.export_wh - result.charge_wh
    assert (result.consumption_wh == balance).all()
    assert (result.own_use_wh == result.consumption_wh - result.import_wh).all()
    assert (result.battery_use_wh <= np.maximum(result.own_use_wh, 0)).all()
    for line in LINES:
        assert int(getattr(result, line).sum()) == getattr(result.totals, line)
    for quantity, line in (
        (Quantity.IMPORT, "import_wh"),
        (Quantity.EXPORT, "export_wh"),
        (Quantity.PRODUCTION, "production_wh"),
    ):
        exact = sum(Fraction(str(value)) for value in flows[quantity].tolist())
        assert getattr(result.totals, line) == (exact + Fraction(1, 2)).__floor__()


def test_own_use_and_battery_part_follow_the_rule_per_quarter_hour():
    flows = {
        Quantity.IMPORT: [100, 0, 0, 50],
        Quantity.EXPORT: [0, 200, 0, 0],
        Quantity.PRODUCTION: [0, 500, 0, 0],
        Quantity.CHARGE: [0, 250, 0, 0],
        Quantity.DISCHARGE: [0, 0, 80, 30],
    }
    household = full_home("2026-06-15T00:00+02:00", flows)

    totals = day_of(household, step="quarter").totals

    assert (totals.consumption_wh, totals.own_use_wh, totals.battery_use_wh) == (310, 160, 110)
    assert totals.self_consumption_rate == pytest.approx(160 / 500)
    assert totals.self_sufficiency_rate == pytest.approx(160 / 310)


def test_a_day_is_provisional_until_every_quarter_hour_is_there():
    wh = np.full(96, 100.0)
    wh[40] = np.nan
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: wh})

    result = day_of(household, step="hour")

    assert result.provisional
    assert (result.totals.covered_quarters, result.totals.expected_quarters) == (95, 96)
    assert np.flatnonzero(result.bucket_provisional).tolist() == [10]


def test_a_running_day_is_provisional_and_expects_what_is_to_come():
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: np.full(40, 100.0)})

    result = day_of(household, now=moment("2026-06-15T10:00+02:00"))

    assert result.provisional
    assert (result.totals.covered_quarters, result.totals.expected_quarters) == (40, 96)
    assert result.bucket_provisional.tolist() == [False] * 10 + [True] * 14


def test_a_swapped_meter_counts_until_and_from_the_moment_of_the_swap():
    household = household_of()
    point = point_of(household)
    measured(point, Quantity.IMPORT, "2026-06-15T00:00+02:00", [100] * 50)
    second = measurement_swap(
        metering_point=point,
        quantity=Quantity.IMPORT,
        at=moment("2026-06-15T12:00+02:00"),
        kind=Kind.INTERVAL,
        interval_ms=QUARTER_MS,
    )
    fill(second, "2026-06-15T12:00+02:00", [7] * 48)

    result = day_of(household)

    assert result.totals.import_wh == 48 * 100 + 48 * 7
    assert result.totals.covered_quarters == 96


def test_sub_meters_nest_and_no_part_is_counted_twice():
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: [400] * 96})
    kitchen = point_of(household, PointRole.CONSUMER, "Kitchen")
    stove = point_of(household, PointRole.CONSUMER, "Stove", parent=kitchen)
    measured(kitchen, Quantity.CONSUMPTION, "2026-06-15T00:00+02:00", [200.4] * 96)
    measured(stove, Quantity.CONSUMPTION, "2026-06-15T00:00+02:00", [150.2] * 96)

    result = day_of(household)

    assert result.totals.consumption_wh == 400 * 96
    lines = [(m.name, m.depth, m.total_wh, m.own_wh) for m in result.sub_meters]
    assert lines == [("Kitchen", 0, 19_238, 4_819), ("Stove", 1, 14_419, 14_419)]
    assert sum(m.own_wh for m in result.sub_meters) == 19_238


def test_without_a_grid_meter_import_and_export_follow_from_consumption_and_roof():
    household = household_of()
    house = point_of(household, PointRole.CONSUMER, "House")
    roof = point_of(household, PointRole.PRODUCTION, "Roof")
    measured(house, Quantity.CONSUMPTION, "2026-06-15T00:00+02:00", [300.4, 100.3] * 48)
    measured(roof, Quantity.PRODUCTION, "2026-06-15T00:00+02:00", [100, 250] * 48)

    result = day_of(household)

    assert result.grid_derived
    assert result.totals.consumption_wh == 19_234  # 48 × 400.7 rounded once
    assert (result.totals.export_wh, result.totals.import_wh) == (7_186, 9_620)


def test_export_without_a_meter_on_the_roof_never_makes_consumption_negative():
    flows = {Quantity.IMPORT: [0, 100], Quantity.EXPORT: [300, 0]}
    household = full_home("2026-06-15T12:00+02:00", flows)

    result = day_of(household)

    assert result.totals.consumption_wh == 100
    assert result.totals.production_wh == 300
    assert result.totals.estimated_quarters == 1


def test_a_signed_power_alone_gives_import_and_export_marked_estimated():
    household = household_of()
    measured(point_of(household), Quantity.POWER, "2026-06-15T00:00+02:00", [400, -800] * 48, kind=Kind.MEAN)

    result = day_of(household)

    assert (result.totals.import_wh, result.totals.export_wh) == (4_800, 9_600)
    assert result.totals.estimated_quarters == 96


def test_costs_are_exact_and_a_changed_past_price_reprices_the_past():
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: [250.5] * 96, Quantity.EXPORT: [100.25] * 96})
    contract = contract_of(household)
    contract_of(household, {"price": {"kind": "flat", "uct_per_wh": 8_000}}, direction="export")

    before = day_of(household)
    change = FLAT | {"price": {"kind": "flat", "uct_per_wh": 33_333}, "vat_per_mille": 190}
    contract_change(
        contract=contract,
        supplier_name="Stadtwerke",
        name="Dear",
        starts_on=contract.starts_on,
        ends_on=None,
        terms=change,
        actor=SYSTEM,
        now=LATER,
    )
    after = day_of(household)

    assert before.totals.cost_uct == 24_048 * 30_000
    assert before.totals.income_uct == 9_624 * 8_000
    assert after.totals.cost_uct == (Fraction(24_048 * 33_333 * 1190, 1000) + Fraction(1, 2)).__floor__()
    assert sum(after.cost_uct) == after.totals.cost_uct
    assert "vat" not in before.cost_parts
    assert after.cost_parts["vat"] == after.totals.cost_uct - 24_048 * 33_333
    assert sum(after.cost_parts.values()) == after.totals.cost_uct


def test_days_without_a_contract_have_no_cost_and_are_named():
    household = full_home("2026-06-14T00:00+02:00", {Quantity.IMPORT: [100] * 96 * 3})
    contract_of(household, starts_on=date(2026, 6, 15))

    result = day_of(household, Span.of("range", "2026-06-14", "2026-06-17"), step="day")

    assert result.cost_uct == (None, 9_600 * 30_000, 9_600 * 30_000)
    assert [(g.direction, g.start, g.end) for g in result.contract_gaps] == [
        ("import", date(2026, 6, 14), date(2026, 6, 15))
    ]
    assert result.totals.income_uct is None


def test_saving_is_what_the_supplier_would_have_charged_for_everything_less_what_was_paid():
    flows = {Quantity.IMPORT: [100] * 4, Quantity.EXPORT: [50] * 4, Quantity.PRODUCTION: [300] * 4}
    household = full_home("2026-06-15T12:00+02:00", flows)
    contract_of(household, FLAT | {"fees": [{"name": "base", "uct": 500_000_000, "per": "month"}]})
    contract_of(household, {"price": {"kind": "flat", "uct_per_wh": 8_000}}, direction="export")

    totals = day_of(household).totals

    assert totals.saving_uct == (1_400 - 400) * 30_000 + 200 * 8_000


def test_the_capacity_charge_of_a_day_follows_the_peak_of_its_whole_month():
    wh = np.full(96 * 30, 50.0)
    wh[96 * 20 + 5] = 2_000.0  # 8 kW on the 21st
    household = full_home("2026-06-01T00:00+02:00", {Quantity.IMPORT: wh})
    contract_of(household, {"price": {"kind": "flat", "uct_per_wh": 0}, "capacity": {"uct_per_w_month": 3_000}})

    month = day_of(household, Span.of("month", "2026-06"), step="day")
    day = day_of(household, Span.of("day", "2026-06-03"))

    assert month.totals.cost_uct == 8_000 * 3_000
    assert abs(day.totals.cost_uct - 8_000 * 3_000 // 30) <= 1


def test_tiers_of_a_day_count_what_was_used_since_the_month_began():
    household = full_home("2026-06-01T00:00+02:00", {Quantity.IMPORT: [100] * 96 * 20})
    tiers = [{"uct_per_wh": 10, "up_to_wh": 100_000}, {"uct_per_wh": 20}]
    contract_of(household, {"price": {"kind": "tiers", "tiers": tiers}})

    assert day_of(household, Span.of("day", "2026-06-02")).totals.cost_uct == 9_600 * 10
    assert day_of(household).totals.cost_uct == 9_600 * 20


def test_a_member_sees_only_his_own_time():
    household = full_home("2026-06-01T00:00+02:00", {Quantity.IMPORT: [100] * 96 * 30})
    contract_of(household)

    result = day_of(
        household,
        Span.of("month", "2026-06"),
        since=moment("2026-06-10T00:07+02:00"),
        until=moment("2026-06-12T00:00+02:00"),
    )

    assert result.clipped
    assert result.totals.import_wh == 100 * (96 * 2 - 1)
    assert result.totals.expected_quarters == 96 * 2 - 1
    assert result.totals.cost_uct == result.totals.import_wh * 30_000


def test_a_running_month_is_compared_up_to_the_same_elapsed_point():
    household = full_home("2026-05-01T00:00+02:00", {Quantity.IMPORT: [100] * 96 * 31 + [200] * (96 * 9 + 48)})
    now = moment("2026-06-10T12:00+02:00")

    result = statistics(household=household, span=Span.of("month", "2026-06"), now=now)

    previous, year = result.comparisons["previous"], result.comparisons["year"]
    assert previous.like_for_like
    assert previous.until_ms == ms("2026-05-10T12:00+02:00")
    assert previous.totals.import_wh == 100 * (96 * 9 + 48)
    assert previous.delta("import_wh") == previous.totals.import_wh
    assert previous.change("import_wh") == pytest.approx(1.0)
    assert not year.known
    assert year.delta("import_wh") is None


def test_a_finished_day_is_compared_whole():
    household = full_home("2026-06-14T00:00+02:00", {Quantity.IMPORT: [100] * 96 + [300] * 96})

    result = statistics(household=household, span=DAY, now=LATER)

    previous = result.comparisons["previous"]
    assert (previous.until_ms, previous.totals.import_wh, previous.delta("import_wh")) == (None, 9_600, 19_200)


def test_every_step_adds_up_to_the_same_year():
    household = full_home("2026-01-01T00:00+01:00", {Quantity.IMPORT: np.full(96 * 365, 33.337)})
    contract_of(household)
    year = Span.of("year", "2026")

    results = [day_of(household, year, now=moment("2027-02-01T00:00+01:00"), step=s) for s in ("month", "week", "day")]

    assert len({r.totals.import_wh for r in results}) == 1
    assert len({r.totals.cost_uct for r in results}) == 1
    assert len(results[0].edges_ms) == 13


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("day", "2026-13-01"), "start"),
        (("day", "1999-12-31"), "start"),
        (("decade", "2026-01-01"), "unit"),
        (("range", "2026-01-02", "2026-01-02"), "end"),
        (("range", "2026-01-02"), "end"),
        (("range", "2000-01-02", "2020-01-01"), "end"),
    ],
)
def test_refuses_a_span_naming_the_field(arguments, field):
    with pytest.raises(UnableToReadSpan) as caught:
        Span.of(*arguments)
    assert caught.value.field == field


def test_refuses_a_step_too_fine_for_the_span():
    with pytest.raises(UnableToReadSpan) as caught:
        day_of(household_of(), Span.of("year", "2026"), step="quarter")
    assert caught.value.field == "step"


def test_a_home_without_meters_has_empty_statistics():
    result = day_of(household_of())
    assert result.empty
    assert result.totals.cost_uct is None
    assert result.totals.self_sufficiency_rate is None


def test_spans_step_back_and_forth_and_to_the_year_before():
    assert Span.of("month", "2026-03").previous() == Span.of("month", "2026-02-17")
    assert Span.of("year", "2026").next() == Span.of("year", "2027-05-05")
    assert Span.of("day", "2028-02-29").year_before() == Span.of("day", "2027-02-28")
    assert Span.of("week", "2026-11-21").year_before().start == date(2025, 11, 17)
    assert Span.of("range", "2026-01-05", "2026-01-08").previous().start == date(2026, 1, 2)


def test_reading_a_household_page_takes_few_queries(django_assert_max_num_queries):
    household = full_home("2026-06-15T00:00+02:00", {Quantity.IMPORT: [100] * 96})
    contract_of(household)
    # One of each of the three spans asks what was traded with neighbours.
    with django_assert_max_num_queries(10):
        statistics(household=household, span=DAY, now=LATER)


def test_a_span_measured_in_small_part_is_not_compared_with():
    household = full_home("2026-05-25T00:00+02:00", {Quantity.IMPORT: [100] * 96 * 37})

    result = statistics(household=household, span=Span.of("month", "2026-06"), now=LATER)

    previous = result.comparisons["previous"]
    assert previous.totals.import_wh == 9_600 * 7
    assert not previous.known
    assert previous.delta("import_wh") is None
