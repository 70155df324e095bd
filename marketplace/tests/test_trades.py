"""Buying: what moves, what is told, and what each refusal says."""

from datetime import timedelta

import pytest
from django.db.models import Sum

from marketplace.models import Account, Lot, Offer, SellableEnergy, Trade, Transfer
from marketplace.models.offers import NOW_SLOT, OfferState, Side, TradeState
from marketplace.selectors.trades import trade_for, trades_page
from marketplace.services import trades
from marketplace.services.offers import offer_change, offer_withdraw
from marketplace.services.trades import UnableToBuy, UnableToBuyNow
from marketplace.tests.factories import EURO, deposit, traders
from myhouse.documents.models import AuditEntry, OutboxMessage
from myhouse.documents.pages import UnableToPage
from myhouse.errors import Kind, NotFound
from myhouse.models import CommunityMembership, Household, Notice
from myhouse.selectors.households import UnableWhileSuspended
from myhouse.tests.factories import NOW

pytestmark = pytest.mark.django_db


def plain(text):
    return text.replace("\u202f", " ")


def sums():
    return dict(Account.objects.values_list("asset").annotate(Sum("balance")))


def test_stored_energy_is_paid_and_claimed_at_once():
    seller, buyer = traders(money_uct=EURO)
    offer = seller.offers_stored(1_000, 20_000_000)

    trade = buyer.buys(offer, 400)

    assert (trade.state, trade.total_uct, trade.paid_uct, trade.delivered_wh) == (
        TradeState.DONE,
        8_000_000,
        8_000_000,
        400,
    )
    assert (buyer.money().balance, seller.money().balance) == (EURO - 8_000_000, EURO + 8_000_000)
    assert (buyer.energy().balance, seller.energy().balance) == (400, 0)
    assert sums() == {"money": 0, "energy": 0}
    row = seller.stored()
    assert (row.offered_wh, row.sold_wh) == (600, 400)
    lots = Lot.objects.filter(trade=trade).values_list("household", "side", "energy_wh", "money_uct", "usable_from")
    assert set(lots) == {
        (buyer.household.pk, Side.IMPORT, 400, 8_000_000, NOW),
        (seller.household.pk, Side.EXPORT, 400, 8_000_000, NOW),
    }
    rest = Offer.objects.get(pk=offer.pk)
    assert (rest.left_wh, rest.state) == (600, OfferState.OPEN)
    assert buyer.buys(offer, 600).total_uct == 12_000_000
    assert Offer.objects.get(pk=offer.pk).state == OfferState.SOLD


def test_the_parts_of_an_offer_add_up_to_its_total():
    seller, *buyers = traders(homes=4)
    offer = seller.offers_stored(1_000, 10_000_001)

    for buyer, energy in zip(buyers, (333, 333, 334), strict=True):
        buyer.buys(offer, energy)

    assert sum(Trade.objects.values_list("total_uct", flat=True)) == 10_000_001


def test_a_window_reserves_the_money_and_moves_nothing_yet():
    seller, buyer = traders(money_uct=EURO)
    offer = seller.offers_window(1_000, 20_000_000)

    trade = buyer.buys(offer, 1_000)

    assert (trade.state, trade.paid_uct, trade.delivered_wh, trade.reserve.amount) == (
        TradeState.RESERVED, 0, 0, 20_000_000
    )  # fmt: skip
    money = buyer.money()
    assert (money.balance, money.reserved, money.available) == (EURO, 20_000_000, EURO - 20_000_000)
    assert seller.money().balance == EURO
    assert not Lot.objects.exists()
    sold = SellableEnergy.objects.filter(household=seller.household, sold_wh__gt=0).exclude(slot_start=NOW_SLOT)
    assert sum(sold.values_list("sold_wh", flat=True)) == 1_000


def test_what_is_given_away_moves_no_money():
    seller, buyer = traders(money_uct=0)

    stored, window = buyer.buys(seller.offers_stored(10, 0)), buyer.buys(seller.offers_window(10, 0))

    assert (stored.total_uct, window.total_uct, window.reserve) == (0, 0, None)
    assert set(Transfer.objects.values_list("asset", "amount")) == {("energy", 10)}


def test_the_sellers_people_are_told_on_the_page_and_by_mail():
    seller, buyer = traders()

    trade = buyer.buys(seller.offers_stored(1_000, 20_000_000))

    notice = Notice.objects.get()
    assert (notice.user, plain(notice.text)) == (seller.user, "Sold: 1.00 kWh for €0.20.")
    assert str(trade.pk) in notice.url
    assert OutboxMessage.objects.get().payload["to"] == seller.user.email


def test_a_purchase_is_audited():
    seller, buyer = traders()

    trade = buyer.buys(seller.offers_stored(1_000, 20_000_000))

    entry = AuditEntry.objects.get(action="trade.buy")
    assert (entry.subject_id, entry.actor_id, entry.community_id) == (trade.pk, buyer.user.pk, buyer.community.pk)


def test_refuses_more_than_is_left_and_says_how_much_that_is():
    seller, buyer = traders()
    offer = seller.offers_stored(1_000)
    buyer.buys(offer, 900)

    with pytest.raises(UnableToBuyNow) as refused:
        buyer.buys(offer, 101)
    assert (refused.value.field, refused.value.kind) == ("energy_wh", Kind.CONFLICT)
    assert "100 Wh" in plain(refused.value.message)
    buyer.buys(offer, 100)
    with pytest.raises(UnableToBuyNow) as refused:
        buyer.buys(offer, 1)
    assert "sold out" in refused.value.message


def test_refuses_a_price_that_changed_while_the_buyer_looked():
    seller, buyer = traders()
    offer = seller.offers_stored(1_000, 20_000_000)
    change = {"household": seller.household, "actor": seller.actor, "now": NOW}
    offer_change(offer_id=offer.pk, energy_wh=1_000, total_uct=90_000_000, version=1, **change)

    with pytest.raises(UnableToBuyNow) as refused:
        buyer.buys(offer, 500, version=1)

    assert refused.value.field == "version"
    assert buyer.buys(offer, 500, version=2).total_uct == 45_000_000


def test_refuses_without_enough_money_and_names_what_is_missing():
    seller, buyer = traders(money_uct=0)
    offer = seller.offers_stored(1_000, 20_000_000)
    deposit(buyer.household, buyer.community, 15_000_000)

    with pytest.raises(UnableToBuyNow) as refused:
        buyer.buys(offer)

    assert "€0.05" in refused.value.message
    row = seller.stored()
    assert (Trade.objects.count(), row.offered_wh, row.sold_wh) == (0, 1_000, 0)
    assert Offer.objects.get().left_wh == 1_000
    assert buyer.buys(offer, 750).total_uct == 15_000_000


def test_refuses_money_that_is_reserved_for_another_window():
    seller, buyer = traders(money_uct=30_000_000)
    buyer.buys(seller.offers_window(1_000, 20_000_000))

    with pytest.raises(UnableToBuyNow):
        buyer.buys(seller.offers_stored(1_000, 20_000_000))


def test_refuses_ones_own_offer_and_that_of_another_community():
    seller, _buyer = traders()
    (stranger,) = traders(homes=1)
    offer = seller.offers_stored()

    with pytest.raises(UnableToBuy) as refused:
        seller.buys(offer, 1)
    assert "own" in refused.value.message
    with pytest.raises(NotFound):
        stranger.buys(offer, 1)


@pytest.mark.parametrize("energy", [0, -1, 1.5, True])
def test_refuses_an_amount_that_is_no_whole_positive_number(energy):
    seller, buyer = traders()
    offer = seller.offers_stored(1_000)
    offer.left_wh = energy

    with pytest.raises(UnableToBuy) as refused:
        buyer.buys(offer, energy)

    assert refused.value.field == "energy_wh"


def test_refuses_a_window_that_has_begun():
    seller, buyer = traders()
    offer = seller.offers_window(start=NOW + timedelta(hours=1))

    with pytest.raises(UnableToBuyNow) as refused:
        buyer.buys(offer, now=NOW + timedelta(hours=1))

    assert "begun" in refused.value.message


def test_refuses_what_the_battery_no_longer_holds_and_says_how_much_it_does():
    seller, buyer = traders(soc_pct=50)
    offer = seller.offers_stored(4_000)
    later = NOW + timedelta(minutes=5)
    seller.charge(10, at=later)

    with pytest.raises(UnableToBuyNow) as refused:
        buyer.buys(offer, 2_000, now=later)

    assert "1.00 kWh" in plain(refused.value.message)
    buyer.buys(offer, 1_000, now=later)
    with pytest.raises(UnableToBuyNow) as refused:
        buyer.buys(offer, 1, now=later)
    assert "nothing more" in refused.value.message


def test_refuses_stored_energy_when_nobody_knows_what_the_battery_holds():
    seller, buyer = traders()
    offer = seller.offers_stored(1_000)

    with pytest.raises(UnableToBuyNow) as refused:
        buyer.buys(offer, now=NOW + timedelta(minutes=16))

    assert "not known" in refused.value.message


def test_a_suspended_household_neither_buys_nor_sells():
    seller, buyer = traders()
    offer = seller.offers_stored()

    Household.objects.filter(pk=buyer.household.pk).update(suspended_at=NOW, suspended_reason="Unpaid")
    with pytest.raises(UnableWhileSuspended):
        buyer.buys(offer, 1)
    Household.objects.filter(pk=buyer.household.pk).update(suspended_at=None)
    Household.objects.filter(pk=seller.household.pk).update(suspended_at=NOW)
    with pytest.raises(UnableToBuyNow):
        buyer.buys(offer, 1)


def test_refuses_the_offer_of_a_seller_who_left_the_community():
    seller, buyer = traders()
    offer = seller.offers_stored()
    CommunityMembership.objects.filter(household=seller.household).update(ends_at=NOW)

    with pytest.raises(UnableToBuyNow):
        buyer.buys(offer, 1)


def test_a_purchase_takes_a_constant_number_of_queries(django_assert_max_num_queries):
    seller, buyer = traders()
    offer = seller.offers_stored(1_000)
    buyer.buys(offer, 10)

    with django_assert_max_num_queries(42):
        buyer.buys(offer, 10)


def test_both_sides_see_the_trade_each_in_its_own_words(django_assert_num_queries):
    seller, buyer = traders()
    for _number in range(3):
        buyer.buys(seller.offers_stored(500), 500)
    trade = buyer.buys(seller.offers_window(500, 10_000_000))

    with django_assert_num_queries(3):
        bought = trades_page(household=buyer.household, now=NOW)
    sold = trades_page(household=seller.household, side="sold", now=NOW)

    assert [line.side for line in bought.items] == ["bought"] * 4
    assert [line.side for line in sold.items] == ["sold"] * 4
    assert bought.items[0].provisional
    assert bought.items[0].price_uct_kwh == 20_000_000
    assert trades_page(household=seller.household, side="bought", now=NOW).items == []
    detail = trade_for(household=buyer.household, trade_id=trade.pk, now=NOW)
    assert [(t.kind, t.amount) for t in detail.transfers] == [("reserve", 10_000_000)]
    (stranger,) = traders(homes=1)
    with pytest.raises(NotFound):
        trade_for(household=stranger.household, trade_id=trade.pk, now=NOW)


def test_refuses_what_is_withdrawn_and_what_is_none():
    seller, buyer = traders()
    offer = seller.offers_stored(1_000)
    offer_withdraw(offer_id=offer.pk, household=seller.household, actor=seller.actor, now=NOW)

    with pytest.raises(UnableToBuyNow) as refused:
        buyer.buys(offer, 1)
    assert "withdrew" in refused.value.message
    offer.pk = seller.household.pk
    with pytest.raises(NotFound):
        buyer.buys(offer, 1)


def test_a_page_of_trades_is_within_the_readers_time_and_of_a_side_that_is_one():
    seller, buyer = traders()
    buyer.buys(seller.offers_stored(500), 500)

    assert trades_page(household=buyer.household, since=NOW, until=NOW + timedelta(hours=1)).items != []
    assert trades_page(household=buyer.household, since=NOW + timedelta(seconds=1)).items == []
    assert trades_page(household=buyer.household, until=NOW).items == []
    with pytest.raises(UnableToPage):
        trades_page(household=buyer.household, side="lent")


def test_a_purchase_that_the_store_runs_again_finds_the_offer_as_it_was(monkeypatch):
    seller, buyer = traders()
    offer = seller.offers_stored(1_000)
    deal = trades._deal(offer.pk, buyer.household, NOW)
    with monkeypatch.context() as patched:
        patched.setattr(trades, "ledger_write", _lost)
        with pytest.raises(ConnectionError):
            trades._buy(deal, 1_000, 1, buyer.actor, NOW)

    trade = trades._buy(deal, 1_000, 1, buyer.actor, NOW)

    assert (trade.energy_wh, Offer.objects.get().left_wh) == (1_000, 0)


def _lost(**_asked):
    raise ConnectionError
