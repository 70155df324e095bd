"""What a community saved per local day and month, and what its market looks like."""

from datetime import date, timedelta

import pytest

from marketplace.selectors.community import Savings, community_savings, market_state, savings_by_step
from marketplace.services.claims import claims_use
from marketplace.tests.factories import traders
from myhouse.tests.factories import NOW, CommunityFactory

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=13)


@pytest.fixture
def traded():
    """500 Wh used on 15 June and 300 Wh after midnight in Berlin, at 20 ct/kWh instead of 32; 8 ct fed in."""
    seller, buyer = traders(past_export_wh=0)
    buyer.buys(seller.offers_stored(800, 16_000_000))
    for start, energy in ((NOW, 500), (NOW + timedelta(hours=12), 300)):  # the second at midnight
        buyer.measure(start=start, imports=[energy], exports=[0])
        seller.measure(start=start, imports=[0], exports=[energy])
    claims_use(now=LATER)
    return seller.community


def test_both_sides_gain_by_what_the_suppliers_would_have_taken(traded):
    found = community_savings(community=traded, start=NOW - timedelta(days=1), end=LATER)

    assert found == Savings(800, 16_000_000, 9_600_000, 9_600_000)
    assert found.saved_uct == 800 * (32_000 - 8_000)


def test_the_end_of_a_span_does_not_belong_to_it(traded):
    found = community_savings(community=traded, start=NOW, end=NOW + timedelta(hours=12))

    assert found.traded_wh == 500


def test_days_and_months_are_local_ones(traded):
    days = savings_by_step(community=traded, start=date(2026, 6, 14), end=date(2026, 6, 18), step="day")
    months = savings_by_step(community=traded, start=date(2026, 6, 1), end=date(2026, 8, 1), step="month")

    assert [day.savings.traded_wh for day in days] == [0, 500, 300, 0]
    assert days[1].savings == Savings(500, 10_000_000, 6_000_000, 6_000_000)
    assert [month.savings.traded_wh for month in months] == [800, 0]


def test_a_series_takes_one_query(traded, django_assert_num_queries):
    with django_assert_num_queries(1):
        savings_by_step(community=traded, start=date(2025, 6, 18), end=date(2026, 6, 18), step="day")


def test_a_community_without_trade_saved_nothing():
    community = CommunityFactory()

    assert community_savings(community=community, start=NOW, end=LATER) == Savings()
    assert [one.savings for one in savings_by_step(
        community=community, start=date(2026, 6, 1), end=date(2026, 6, 3), step="day"
    )] == [Savings(), Savings()]  # fmt: skip
    state = market_state(community=community, now=NOW)
    assert (state.open_offers, state.offered_wh, state.cheapest_uct_kwh, state.trades_today) == (0, 0, None, 0)


def test_the_state_of_the_market_counts_what_can_be_bought_and_was_traded_today(django_assert_num_queries):
    seller, buyer = traders()
    seller.offers_stored(1_000, 30_000_000)
    window = seller.offers_window(400, 8_000_000, start=NOW + timedelta(hours=1))
    buyer.buys(window, 100)

    with django_assert_num_queries(2):
        state = market_state(community=seller.community, now=NOW)

    assert (state.open_offers, state.offered_wh, state.cheapest_uct_kwh) == (2, 1_300, 20_000_000)
    assert (state.trades_today, state.traded_today_wh) == (1, 100)
    tomorrow = market_state(community=seller.community, now=NOW + timedelta(days=1))
    assert (tomorrow.open_offers, tomorrow.trades_today) == (1, 0)
