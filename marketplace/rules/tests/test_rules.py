"""The rules of the market hold for all numbers, not only for nice ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.rules.delivery import Promise, deliver, payment
from marketplace.rules.forecast import battery_content, expected_surplus
from marketplace.rules.lots import Stock, lots_use
from marketplace.rules.prices import part_price, price_per_kwh
from marketplace.rules.shares import largest_remainder, pro_rata

weights = st.lists(st.integers(0, 10**10), max_size=40)
parts = st.lists(st.integers(1, 10**9), min_size=1, max_size=20)
quarter_wh = st.lists(st.integers(0, 5_000), min_size=1, max_size=30)


@st.composite
def promises(draw):
    first = draw(st.integers(0, 25))
    return Promise(first, first + draw(st.integers(1, 10)), draw(st.integers(1, 20_000)))


@st.composite
def stocks(draw):
    energy = draw(st.integers(1, 20_000))
    return Stock(draw(st.integers(0, 25)), energy, draw(st.integers(0, energy)), draw(st.integers(0, 10**14)))


@given(total=st.integers(0, 10**14), bought=parts)
def test_the_prices_of_all_parts_add_up_to_the_total_in_any_cut(total, bought):
    energy = sum(bought)
    before = np.concatenate(([0], np.cumsum(bought)[:-1])).tolist()

    prices = [
        part_price(total_uct=total, energy_wh=energy, sold_wh=sold, part_wh=part)
        for sold, part in zip(before, bought, strict=True)
    ]

    assert sum(prices) == total
    assert all(abs(price * energy - total * part) < energy for price, part in zip(prices, bought, strict=True))


def test_the_price_per_kwh_is_rounded_half_up():
    assert price_per_kwh(total_uct=1, energy_wh=2_000) == 1
    assert price_per_kwh(total_uct=1, energy_wh=2_001) == 0
    assert price_per_kwh(total_uct=10**14, energy_wh=1) == 10**17


@given(total=st.integers(0, 10**12), weights=weights)
def test_a_pro_rata_split_adds_up_and_stays_within_one_of_the_exact_share(total, weights):
    shares, whole = pro_rata(total, weights), sum(weights)

    assert sum(shares) == (total if whole else 0)
    assert all(
        abs(share * whole - total * weight) < max(whole, 1) for share, weight in zip(shares, weights, strict=True)
    )


@given(total=st.integers(0, 10**12), weights=weights)
def test_the_largest_remainder_adds_up_and_stays_within_one_of_the_exact_share(total, weights):
    shares, whole = largest_remainder(total, weights), sum(weights)

    assert sum(shares) == (total if whole else 0)
    assert all(
        abs(share * whole - total * weight) < max(whole, 1) for share, weight in zip(shares, weights, strict=True)
    )


@given(weights=weights, share=st.floats(0, 1))
def test_a_split_of_what_is_free_takes_from_no_slot_more_than_is_free(weights, share):
    wanted = int(sum(weights) * share)

    assert all(part <= free for part, free in zip(largest_remainder(wanted, weights), weights, strict=True))


def test_the_largest_remainder_prefers_the_earlier_slot_where_remainders_are_alike():
    assert largest_remainder(10, [1, 1, 1]) == [4, 3, 3]


@given(export=quarter_wh, promised=st.lists(promises(), max_size=12))
def test_a_delivery_never_exceeds_the_export_of_a_quarter_nor_what_was_sold(export, promised):
    delivered = deliver(export, promised)

    for quarter, exported in enumerate(export):
        assert sum(found.get(quarter, 0) for found in delivered) <= exported
    for promise, found in zip(promised, delivered, strict=True):
        assert sum(found.values()) <= promise.energy_wh
        assert all(promise.first <= quarter < promise.end and wh > 0 for quarter, wh in found.items())


@given(export=quarter_wh, promised=st.lists(promises(), max_size=12))
def test_export_is_left_over_only_where_every_trade_of_that_quarter_is_served_in_full(export, promised):
    delivered = deliver(export, promised)
    short = [p for p, found in zip(promised, delivered, strict=True) if sum(found.values()) < p.energy_wh]

    for quarter, exported in enumerate(export):
        given_out = sum(found.get(quarter, 0) for found in delivered)
        assert given_out == exported or not any(p.first <= quarter < p.end for p in short)


@given(export=quarter_wh, energies=st.lists(st.integers(1, 20_000), min_size=1, max_size=8))
def test_the_trades_of_one_window_deliver_together_what_the_meter_allows(export, energies):
    delivered = deliver(export, [Promise(0, len(export), energy) for energy in energies])

    assert sum(sum(found.values()) for found in delivered) == min(sum(export), sum(energies))


def test_the_trades_of_one_window_share_a_shortage_in_proportion():
    delivered = deliver([300, 300], [Promise(0, 2, 1_000), Promise(0, 2, 500)])

    assert [sum(found.values()) for found in delivered] == [400, 200]


@given(export=quarter_wh, promised=st.lists(promises(), min_size=1, max_size=8))
def test_a_window_that_is_over_is_not_changed_by_what_comes_later(export, promised):
    first = min(promised, key=lambda p: p.end)
    place = promised.index(first)

    whole = deliver(export, promised)[place]
    cut = deliver(export[: first.end], promised)[place]

    assert whole == cut


@given(total=st.integers(0, 10**14), energy=st.integers(1, 10**10), share=st.floats(0, 1))
def test_a_payment_is_the_floor_of_the_delivered_part(total, energy, share):
    delivered = min(int(energy * share), energy)

    assert payment(total_uct=total, energy_wh=energy, delivered_wh=delivered) == total * delivered // energy


@given(found=st.lists(stocks(), max_size=10), metered=quarter_wh)
def test_no_lot_and_no_quarter_is_used_twice_and_the_money_adds_up(found, metered):
    uses = lots_use(found, metered)

    for i, stock in enumerate(found):
        mine = [use for use in uses if use.lot == i]
        used = sum(use.energy_wh for use in mine)
        assert used <= stock.energy_wh - stock.used_wh
        assert all(use.quarter >= stock.first and use.energy_wh > 0 for use in mine)
        reached = stock.used_wh + used
        money = stock.money_uct * reached // stock.energy_wh - stock.money_uct * stock.used_wh // stock.energy_wh
        assert sum(use.money_uct for use in mine) == money
    for quarter, wh in enumerate(metered):
        assert sum(use.energy_wh for use in uses if use.quarter == quarter) <= wh


def test_the_oldest_lot_is_used_first_and_none_before_its_time():
    found = [Stock(1, 100, 40, 1_000), Stock(0, 500, 0, 5_000)]

    uses = [(use.lot, use.quarter, use.energy_wh, use.money_uct) for use in lots_use(found, [50, 100])]

    assert uses == [(1, 0, 50, 500), (0, 1, 60, 600), (1, 1, 40, 400)]


@given(found=st.lists(stocks(), max_size=6), metered=quarter_wh)
def test_nothing_is_left_lying_that_could_be_used(found, metered):
    uses = lots_use(found, metered)

    rest = [s.energy_wh - s.used_wh - sum(u.energy_wh for u in uses if u.lot == i) for i, s in enumerate(found)]
    for quarter, wh in enumerate(metered):
        taken = sum(use.energy_wh for use in uses if use.quarter == quarter)
        assert taken == wh or not any(r > 0 and s.first <= quarter for r, s in zip(rest, found, strict=True))


def test_the_forecast_is_the_mean_of_the_same_quarter_on_the_last_seven_days():
    days = np.repeat(np.arange(10), 96)  # day 0 … 9 exported 0 … 9 Wh per quarter
    expected = expected_surplus(days * 100, np.ones(960, np.bool_), quarters=192)

    assert expected.tolist() == [600] * 192  # days 3 … 9


def test_the_forecast_of_the_day_after_tomorrow_uses_only_days_that_have_been():
    export = np.zeros(8 * 96, np.int64)
    export[5::96] = 700

    expected = expected_surplus(export, np.ones(len(export), np.bool_), quarters=192)

    assert np.flatnonzero(expected).tolist() == [5, 101]
    assert expected[5] == expected[101] == 700


def test_the_forecast_leaves_out_what_was_not_measured_and_expects_nothing_of_nothing():
    export, known = np.full(192, 100, np.int64), np.ones(192, np.bool_)
    export[:96], known[:96] = 9_999, False

    assert expected_surplus(export, known, quarters=4).tolist() == [100] * 4
    assert expected_surplus(np.zeros(0, np.int64), np.zeros(0, np.bool_), quarters=3).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("soc", "wh"), [(50, 5_000), (0, 0), (100, 10_000), (130, 10_000), (-1, 0), (28.999, 2_899)])
def test_a_battery_holds_its_state_of_charge_of_its_capacity(soc, wh):
    assert battery_content(state_of_charge_pct=soc, capacity_wh=10_000) == wh
