"""What was bought from neighbours shows in the statistics: energy, money and saving agree with the trades."""

from datetime import timedelta

import numpy as np
import pytest

from marketplace.models import Allocation, Lot
from marketplace.models.offers import Side
from marketplace.services.claims import claims_use
from marketplace.services.trades import trade_reverse
from marketplace.sources import energy_sources
from marketplace.tests.factories import traders
from myhouse.documents.services import SYSTEM
from myhouse.selectors.statistics import statistics
from myhouse.statistics.model import Span
from myhouse.tests.factories import NOW
from telemetry.calendar import utc_ms
from telemetry.model import QUARTER_MS

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)
DAY = Span.of("day", NOW.date())
STARTS = utc_ms(NOW) + np.arange(4) * QUARTER_MS


@pytest.fixture
def traded():
    """500 of 1,000 Wh imported were bought at 20 ct/kWh; 400 of 600 Wh exported were sold."""
    seller, buyer = traders(past_export_wh=0)
    trade = buyer.buys(seller.offers_stored(500, 10_000_000))
    buyer.measure(start=NOW, imports=[400, 300, 200, 100], exports=[0] * 4)
    seller.measure(start=NOW, imports=[0] * 4, exports=[250, 150, 0, 200])
    Lot.objects.filter(side=Side.EXPORT).update(energy_wh=400, money_uct=8_000_000)
    claims_use(now=LATER)
    return seller, buyer, trade


def read(trader, **fields):
    return statistics(household=trader.household, span=DAY, now=LATER, compare=(), **fields)


def test_shares_are_told_per_quarter_hour_in_micro_wh(traded):
    seller, buyer, _trade = traded

    (bought,) = energy_sources(household=buyer.household, starts_ms=STARTS)
    (sold,) = energy_sources(household=seller.household, starts_ms=STARTS[1:])

    assert (bought.name, bought.direction, sold.direction) == ("neighbours", "import", "export")
    assert bought.energy.tolist() == [400_000_000, 100_000_000, 0, 0]
    assert bought.money_uct.tolist() == [8_000_000, 2_000_000, 0, 0]
    assert sold.energy.tolist() == [150_000_000, 0, 0]


def test_there_are_no_shares_where_nothing_was_traded(traded):
    _seller, buyer, _trade = traded

    assert energy_sources(household=buyer.household, starts_ms=STARTS + 86_400_000) == []
    assert energy_sources(household=buyer.household, starts_ms=STARTS[:0]) == []


def test_the_buyers_statistics_show_what_came_from_neighbours(traded):
    _seller, buyer, _trade = traded

    totals = read(buyer).totals

    assert (totals.import_wh, totals.community_wh, totals.supplier_wh) == (1_000, 500, 500)
    assert totals.cost_uct == 500 * 32_000 + 10_000_000
    assert totals.saving_uct == 1_000 * 32_000 - totals.cost_uct
    noted = Allocation.objects.filter(side=Side.IMPORT)
    assert totals.saving_uct == sum(row.alternative_uct - row.money_uct for row in noted)


def test_the_sellers_statistics_show_what_the_neighbours_paid_instead_of_the_feed_in_tariff(traded):
    seller, _buyer, _trade = traded

    totals = read(seller).totals

    assert totals.export_wh == 600
    assert totals.income_uct == 200 * 8_000 + 8_000_000


def test_the_buckets_add_up_to_the_total(traded):
    _seller, buyer, _trade = traded

    found = read(buyer, step="quarter")

    assert found.community_wh.sum() == found.totals.community_wh == 500
    assert sum(cost for cost in found.cost_uct if cost is not None) == found.totals.cost_uct


def test_a_reversed_trade_is_gone_from_the_statistics(traded):
    _seller, buyer, trade = traded
    trade_reverse(trade_id=trade.pk, reason="A fault", actor=SYSTEM, now=LATER)

    totals = read(buyer).totals

    assert (totals.community_wh, totals.supplier_wh, totals.cost_uct) == (0, 1_000, 32_000_000)


def test_a_meter_corrected_to_less_is_never_exceeded(traded):
    _seller, buyer, _trade = traded
    buyer.measure(start=NOW, imports=[300, 0, 0, 0])

    totals = read(buyer).totals

    assert (totals.import_wh, totals.community_wh, totals.supplier_wh) == (300, 300, 0)


def test_a_year_is_read_with_one_query(traded, django_assert_num_queries):
    _seller, buyer, _trade = traded
    starts = utc_ms(NOW - timedelta(days=364)) + np.arange(365 * 96) * QUARTER_MS

    with django_assert_num_queries(1):
        (share,) = energy_sources(household=buyer.household, starts_ms=starts)

    assert share.energy.sum() == 500_000_000
