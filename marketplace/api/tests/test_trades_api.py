"""Trades by API: bought and sold, and the quarter-hours and movements behind each."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketplace.api.tests.asking import Program
from marketplace.models import Allocation, Lot
from marketplace.models.offers import Side
from marketplace.tests.factories import EURO, traders
from myhouse.models import Membership
from myhouse.tests.factories import NOW

pytestmark = pytest.mark.django_db
# Token and household four, community two, the trades and two for the neighbours' names.
TRADES_QUERIES = 9


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def market():
    return traders()


def test_each_side_sees_its_own_view_of_a_trade(market):
    seller, buyer = market
    trade = buyer.buys(seller.offers_stored(2_000, EURO), 500)

    (bought,) = Program(buyer).read("trades")["results"]
    (sold,) = Program(seller).read("trades")["results"]

    assert (bought["id"], bought["side"], sold["side"]) == (str(trade.pk), "bought", "sold")
    assert (bought["total"], bought["paid"], bought["refunded"]) == ("0.25", "0.25", "0.00")
    assert bought["counterpart"].startswith("Neighbour ")
    assert Program(buyer).read("trades", side="sold")["results"] == []


def test_a_window_s_trade_stays_reserved_until_it_is_metered(market):
    seller, buyer = market
    buyer.buys(seller.offers_window(1_000, EURO))

    (trade,) = Program(buyer).read("trades")["results"]

    assert (trade["state"], trade["paid"], trade["settled_at"]) == ("reserved", "0.00", None)
    assert trade["window"] == {"start": "2026-06-15T11:00:00.000Z", "end": "2026-06-15T12:00:00.000Z"}


def test_a_trade_opens_to_its_quarter_hours_and_movements(market):
    seller, buyer = market
    trade = buyer.buys(seller.offers_stored(2_000, EURO), 1_000)
    lot = Lot.objects.get(trade=trade, side=Side.IMPORT)
    shape = {"trade": trade, "community": buyer.community, "household": buyer.household, "side": Side.IMPORT}
    Allocation.objects.create(
        lot=lot, slot_start=NOW, energy_wh=200, money_uct=EURO // 10, alternative_uct=EURO // 8, at=NOW, **shape
    )

    found = Program(buyer).read(f"trades/{trade.pk}")

    assert found["allocations"] == [
        {
            "start": "2026-06-15T10:00:00.000Z",
            "side": "import",
            "energy_wh": 200,
            "money": "0.10",
            "alternative": "0.125",
        }
    ]
    assert {(one["asset"], one["amount"]) for one in found["transfers"]} == {("money", "0.50"), ("energy", 1_000)}
    assert Program(seller).read(f"trades/{trade.pk}")["allocations"] == []


def test_a_stranger_finds_no_trade(market):
    seller, buyer = market
    trade = buyer.buys(seller.offers_stored())
    (stranger,) = traders(homes=1, community=buyer.community)

    assert Program(stranger).get(f"trades/{trade.pk}").status_code == 404
    assert Program(stranger).read("trades")["results"] == []


def test_a_new_occupant_sees_nothing_of_the_former_one(market, time_machine):
    seller, buyer = market
    trade = buyer.buys(seller.offers_stored())
    program = Program(buyer)
    Membership.objects.filter(user=buyer.user).update(starts_at=NOW + timedelta(minutes=1))
    time_machine.move_to(NOW + timedelta(minutes=2), tick=False)

    assert program.read("trades")["results"] == []
    assert program.get(f"trades/{trade.pk}").status_code == 404


def test_many_trades_come_page_by_page_with_the_same_few_queries(market, django_assert_num_queries):
    seller, buyer = market
    offer = seller.offers_stored(2_000, EURO)
    made = [str(buyer.buys(offer, 100 + number).pk) for number in range(5)]
    program = Program(buyer)

    with django_assert_num_queries(TRADES_QUERIES):
        first = program.read("trades", limit=3)
    rest = program.read("trades", limit=3, cursor=first["next_cursor"])

    assert [one["id"] for one in first["results"] + rest["results"]] == made[::-1]
    assert rest["next_cursor"] is None
