"""Prices and costs against a slow oracle of fractions."""

from datetime import UTC, date, datetime
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myhouse.tariffs.clock import QUARTER_MS, local_clock
from myhouse.tariffs.exact import Exact
from myhouse.tariffs.pricing import UNKNOWN, charges, cost, gross_price, looks_back, price_per_quarter
from myhouse.tariffs.terms import terms_read
from myhouse.tariffs.tests import oracle

BERLIN = "Europe/Berlin"
TOU = {
    "kind": "tou",
    "country": "DE",
    "zones": [
        {
            "name": "high",
            "uct_per_wh": 34_125,
            "windows": [{"from": "06:00", "until": "22:00", "days": ["mon", "tue", "wed", "thu", "fri"]}],
        },
        {
            "name": "low",
            "uct_per_wh": 21_007,
            "windows": [
                {"from": "22:00", "until": "06:00", "days": ["mon", "tue", "wed", "thu", "fri"]},
                {"from": "00:00", "until": "24:00", "days": ["sat", "sun", "holiday"]},
            ],
        },
    ],
}
FLAT = {"kind": "flat", "uct_per_wh": 31_234}
TIERS = {
    "kind": "tiers",
    "period": "month",
    "tiers": [
        {"uct_per_wh": 20_000, "up_to_wh": 1500},
        {"uct_per_wh": 30_000, "up_to_wh": 9000},
        {"uct_per_wh": 45_000},
    ],
}


def starts(first, quarters):
    begin = int(datetime.fromisoformat(first).astimezone(UTC).timestamp() * 1000)
    return begin + np.arange(quarters, dtype=np.int64) * QUARTER_MS


energies_of = st.lists(st.integers(0, 12_000_000_000), min_size=1, max_size=120)
first_days = st.sampled_from(
    ["2026-03-28T22:00+01:00", "2026-10-24T23:30+02:00", "2026-12-31T12:00+01:00", "2026-05-01T00:00+02:00"]
)


@settings(max_examples=60, deadline=None)
@given(
    price=st.sampled_from([FLAT, TOU, TIERS]),
    energies=energies_of,
    first=first_days,
    vat=st.integers(0, 270),
    levy=st.integers(-500, 12_000),
)
def test_costs_what_the_oracle_of_fractions_says(price, energies, first, vat, levy):
    data = {"price": price, "levies": [{"name": "grid", "uct_per_wh": levy}], "vat_per_mille": vat}
    at = starts(first, len(energies))
    holidays = {date(2026, 5, 1), date(2027, 1, 1)}

    result = cost(terms_read(data), at, np.array(energies, np.int64), BERLIN)

    exact = oracle.energy(data, at.tolist(), energies, BERLIN, holidays=holidays)
    assert result.total_uct == oracle.half_up(exact * (1000 + vat) / 1000)
    parts = result.energy_uct + result.fixed_uct + result.levies_uct + result.vat_uct + result.capacity_uct
    assert parts == result.total_uct


@settings(max_examples=60, deadline=None)
@given(
    energies=st.lists(st.integers(0, 12_000_000_000), min_size=2, max_size=80),
    market=st.integers(-500_000, 4_000_000),
    factor=st.integers(0, 3000),
    markup=st.integers(-5000, 30_000),
    cuts=st.lists(st.integers(0, 80), max_size=6),
)
def test_buckets_of_a_dynamic_price_add_up_to_the_whole(energies, market, factor, markup, cuts):
    at = starts("2026-10-25T00:00+02:00", len(energies))
    values = market + (np.arange(len(energies), dtype=np.int64) * 7919) % 10_007
    data = {
        "price": {
            "kind": "dynamic",
            "reference": "spot",
            "factor_per_mille": factor,
            "markup_uct_per_wh": markup,
            "cap_uct_per_wh": 900_000,
            "floor_uct_per_wh": -100,
        },
        "vat_per_mille": 190,
    }
    expected = [
        min(max(oracle.half_up(Fraction(int(v) * factor, 1000)) + markup, -100), 900_000) for v in values.tolist()
    ]
    edges = np.array(sorted({0, len(energies), *[cut for cut in cuts if cut < len(energies)]}))

    found = charges(terms_read(data), at, np.array(energies, np.int64), BERLIN, lambda *_: values)

    exact = oracle.energy(data, at.tolist(), energies, BERLIN, prices=expected)
    assert sum(found.gross.between(edges)) == oracle.half_up(exact * 1190 / 1000)


@pytest.mark.parametrize(
    ("day", "quarters"),
    [("2026-03-29T00:00+01:00", 92), ("2026-10-25T00:00+02:00", 100), ("2026-06-01T00:00+02:00", 96)],
)
def test_a_daily_fee_is_paid_once_on_days_of_23_24_and_25_hours(day, quarters):
    terms = terms_read({"price": FLAT, "fees": [{"name": "meter", "uct": 1_234_567, "per": "day"}]})

    result = cost(terms, starts(day, quarters), np.zeros(quarters, np.int64), BERLIN)

    assert result.fixed_uct == 1_234_567


def test_a_monthly_fee_is_paid_once_in_a_month_with_a_clock_change_and_in_part_for_a_part():
    terms = terms_read({"price": FLAT, "fees": [{"name": "base", "uct": 1_200_000_001, "per": "month"}]})
    month = starts("2026-10-01T00:00+02:00", 31 * 96 + 4)
    nothing = np.zeros(len(month), np.int64)

    whole = cost(terms, month, nothing, BERLIN)
    first_part, second_part = (cost(terms, m, nothing[: len(m)], BERLIN) for m in (month[:1000], month[1000:]))

    assert whole.fixed_uct == 1_200_000_001
    assert first_part.fixed_uct + second_part.fixed_uct == 1_200_000_001
    assert first_part.fixed_uct == 1_200_000_001 * 1000 // 2980


def test_the_capacity_charge_follows_the_highest_quarter_hour_of_the_month():
    terms = terms_read({"price": FLAT, "capacity": {"uct_per_w_month": 1000, "minimum_w": 2500}})
    month = starts("2026-06-01T00:00+02:00", 30 * 96)
    quiet = np.full(len(month), 50_000_000, np.int64)  # 200 W
    busy = quiet.copy()
    busy[77] = 1_500_000_000  # 6 kW

    assert cost(terms, month, quiet, BERLIN).capacity_uct == 2500 * 1000
    assert cost(terms, month, busy, BERLIN).capacity_uct == 6000 * 1000


def test_tiers_begin_again_with_each_local_month():
    terms = terms_read({"price": TIERS})
    at = starts("2026-06-30T23:45+02:00", 2)

    result = charges(terms, at, np.array([2_000_000_000, 1_000_000_000], np.int64), BERLIN)

    assert result.energy.between(np.array([0, 1, 2])) == [1500 * 20_000 + 500 * 30_000, 1000 * 20_000]


def test_an_hour_shown_twice_has_the_zone_of_its_clock_both_times():
    at = starts("2026-10-25T02:00+02:00", 8)

    clock = local_clock(at, BERLIN)

    assert clock.quarter.tolist() == [8, 9, 10, 11, 8, 9, 10, 11]


def test_a_missing_market_price_marks_the_energy_and_is_not_a_price_of_zero():
    terms = terms_read({"price": {"kind": "dynamic", "reference": "spot"}})
    at = starts("2026-06-01T00:00+02:00", 3)
    values = np.array([30_000, UNKNOWN, UNKNOWN], np.int64)

    found = charges(terms, at, np.array([10, 10, 0], np.int64) * 10**6, BERLIN, lambda *_: values)

    assert found.unpriced.tolist() == [False, True, False]
    assert price_per_quarter(terms, at, BERLIN, lambda *_: values)[1] == UNKNOWN
    assert gross_price(terms, values)[1] == UNKNOWN


def test_a_holiday_has_the_price_of_its_own_kind_of_day():
    terms = terms_read({"price": TOU})
    noon = starts("2026-10-02T12:00+02:00", 97)  # a Friday, then German Unity Day, a Saturday
    whit_monday = starts("2026-05-25T12:00+02:00", 1)

    prices = price_per_quarter(terms, noon, BERLIN)

    assert (prices[0], prices[-1]) == (34_125, 21_007)
    assert price_per_quarter(terms, whit_monday, BERLIN).tolist() == [21_007]


def test_a_gross_price_holds_levies_and_vat_and_is_rounded_half_up():
    terms = terms_read({"price": FLAT, "levies": [{"name": "grid", "uct_per_wh": 7}], "vat_per_mille": 190})

    assert gross_price(terms, np.array([31_234], np.int64)).tolist() == [oracle.half_up(Fraction(31_241 * 1190, 1000))]


def test_amounts_beyond_whole_int64_of_a_micro_product_stay_exact():
    energy = np.full(35_040, 10_750_000_000_001, np.int64)

    total = Exact.of_product(energy, 9_999_999).total()

    assert total == oracle.half_up(Fraction(35_040 * 10_750_000_000_001 * 9_999_999, 10**6))


@pytest.mark.parametrize(("price", "back"), [(FLAT, None), (TIERS, "month"), (TIERS | {"period": "year"}, "year")])
def test_tells_how_far_back_a_price_must_look(price, back):
    assert looks_back(terms_read({"price": price})) == back
