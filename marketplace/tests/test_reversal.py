"""A trade taken back: money, claims and quarter-hours as if it had not been; refused where that cannot be."""

from datetime import timedelta

import pytest
from django.db.models import Sum

from marketplace.models import Allocation, Lot, Offer, Trade
from marketplace.models.offers import OfferState, Side, TradeState
from marketplace.services.cash import payout_request
from marketplace.services.claims import claims_use
from marketplace.services.proof import ledger_prove
from marketplace.services.settlement import windows_settle
from marketplace.services.trades import UnableToReverseTrade, trade_reverse
from marketplace.tests.factories import EURO, traders
from myhouse.documents.models import AuditEntry
from myhouse.errors import Kind, NotFound
from myhouse.models import Notice
from myhouse.tests.factories import NOW, actor_of, home

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def operator():
    return actor_of(home()[0])


def reverse(trade, operator, reason="A fault of the meter", now=LATER):
    return trade_reverse(trade_id=trade.pk, reason=reason, actor=operator, now=now)


def sound():
    return ledger_prove(now=LATER).finding


def test_an_unused_trade_is_taken_back_whole(operator):
    seller, buyer = traders(money_uct=EURO)
    trade = buyer.buys(seller.offers_stored(1_000, 20_000_000))

    undone = reverse(trade, operator)

    assert (undone.state, undone.reversed_at, undone.reason) == (TradeState.REVERSED, LATER, "A fault of the meter")
    assert (buyer.money().balance, seller.money().balance) == (EURO, EURO)
    assert buyer.energy().balance == 0
    assert set(Lot.objects.values_list("open", "used_wh")) == {(False, 0)}
    assert sound() == ""


def test_what_was_used_and_delivered_counts_no_more_and_other_lots_take_its_place(operator):
    seller, buyer = traders(money_uct=EURO)
    first = buyer.buys(seller.offers_stored(1_000, 20_000_000))
    second = buyer.buys(seller.offers_stored(500, 5_000_000))
    buyer.measure(start=NOW, imports=[400, 100, 0, 0], exports=[0] * 4)
    seller.measure(start=NOW, imports=[0] * 4, exports=[300, 0, 0, 0])
    claims_use(now=LATER)

    reverse(first, operator)
    sums = Allocation.objects.filter(trade=first).aggregate(Sum("energy_wh"), Sum("money_uct"), Sum("alternative_uct"))
    assert set(sums.values()) == {0}
    assert buyer.energy().balance == 500
    assert seller.stored().sold_wh == 500
    assert sound() == ""

    claims_use(now=LATER)
    rows = Allocation.objects.filter(trade=second).values_list("side", "energy_wh")
    assert sorted(rows) == [(Side.EXPORT, 300), (Side.IMPORT, 100), (Side.IMPORT, 400)]
    assert buyer.energy().balance == 0
    assert sound() == ""


def test_a_window_not_settled_yet_only_frees_the_money(operator):
    seller, buyer = traders(money_uct=EURO)
    trade = buyer.buys(seller.offers_window(1_000, 20_000_000))

    undone = reverse(trade, operator)

    assert (undone.refunded_uct, undone.paid_uct) == (20_000_000, 0)
    assert buyer.money().available == EURO
    seller.measure(start=NOW + timedelta(hours=1), exports=[500] * 4, imports=[0] * 4)
    assert windows_settle(now=NOW + timedelta(hours=3)) == 0
    assert sound() == ""


def test_a_settled_window_is_taken_back_with_its_delivery(operator):
    seller, buyer = traders(money_uct=EURO)
    trade = buyer.buys(seller.offers_window(1_000, 20_000_000, start=NOW + timedelta(hours=1)))
    seller.measure(start=NOW + timedelta(hours=1), exports=[200] * 4, imports=[0] * 4)
    buyer.measure(start=NOW + timedelta(hours=1), imports=[50] * 4, exports=[0] * 4)
    end = NOW + timedelta(hours=2)
    windows_settle(now=end)
    claims_use(now=end)
    assert buyer.energy().balance == 600

    undone = reverse(trade, operator, now=end)

    assert (undone.delivered_wh, undone.paid_uct, undone.refunded_uct) == (800, 16_000_000, 4_000_000)
    assert (buyer.money().balance, seller.money().balance, buyer.energy().balance) == (EURO, EURO, 0)
    assert set(Allocation.objects.values_list("side").annotate(Sum("energy_wh"))) == {("import", 0), ("export", 0)}
    assert sound() == ""


def test_a_gift_is_taken_back_too(operator):
    seller, buyer = traders(money_uct=0)
    trades = [buyer.buys(seller.offers_stored(10, 0)), buyer.buys(seller.offers_window(10, 0))]

    assert [reverse(trade, operator).state for trade in trades] == [TradeState.REVERSED] * 2
    assert buyer.energy().balance == 0


def test_what_was_sold_is_not_offered_again(operator):
    seller, buyer = traders()
    offer = seller.offers_stored(1_000)
    trade = buyer.buys(offer, 1_000)
    reverse(trade, operator)

    assert (Offer.objects.get().state, Offer.objects.get().left_wh) == (OfferState.SOLD, 0)
    assert (seller.stored().offered_wh, seller.stored().sold_wh) == (0, 0)


def test_refuses_when_the_seller_has_spent_it_and_names_what_he_lacks(operator):
    seller, buyer = traders(money_uct=EURO)
    trade = buyer.buys(seller.offers_stored(1_000, 20_000_000))
    payout_request(
        household=seller.household, amount_uct=EURO + 5_000_000, note="My bank", actor=seller.actor, now=NOW
    )

    with pytest.raises(UnableToReverseTrade) as refused:
        reverse(trade, operator)

    assert refused.value.kind == Kind.CONFLICT
    assert "seller" in refused.value.message
    assert "€0.05" in refused.value.message
    assert Trade.objects.get().state == TradeState.DONE
    assert buyer.energy().balance == 1_000
    assert sound() == ""


def test_refuses_a_second_time_a_missing_reason_and_a_trade_that_is_none(operator):
    seller, buyer = traders()
    offer = seller.offers_stored(1_000)
    trade = buyer.buys(offer)
    for reason in ("", "x" * 201):
        with pytest.raises(UnableToReverseTrade) as refused:
            reverse(trade, operator, reason)
        assert refused.value.field == "reason"
    reverse(trade, operator)

    with pytest.raises(UnableToReverseTrade):
        reverse(trade, operator)
    trade.pk = offer.pk
    with pytest.raises(NotFound):
        reverse(trade, operator)


def test_it_is_audited_with_its_reason_and_both_sides_are_told(operator):
    seller, buyer = traders()
    trade = buyer.buys(seller.offers_stored(1_000, 20_000_000))
    Notice.objects.all().delete()

    reverse(trade, operator, "A  fault.")

    entry = AuditEntry.objects.get(action="trade.reverse")
    assert (entry.actor_id, entry.details["reason"], entry.details["was"]) == (operator.user_id, "A fault.", "done")
    texts = {notice.user_id: notice.text for notice in Notice.objects.all()}
    assert set(texts) == {buyer.user.pk, seller.user.pk}
    assert all("A fault." in text and "€0.20" in text for text in texts.values())
