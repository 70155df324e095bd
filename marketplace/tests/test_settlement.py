"""A window's meter decides: delivery in proportion, payment, refund, claims, and who is told."""

from datetime import timedelta

import pytest

from marketplace.models import Account, Allocation, Lot, Trade
from marketplace.models.offers import Side, TradeState
from marketplace.services import settlement
from marketplace.services.offers import offers_close
from marketplace.services.proof import ledger_prove
from marketplace.services.settlement import windows_settle
from marketplace.tests.factories import EURO, traders
from myhouse.documents.models import AuditEntry
from myhouse.models import Notice
from myhouse.tests.factories import NOW

pytestmark = pytest.mark.django_db

START = NOW + timedelta(hours=1)
END = START + timedelta(hours=1)
AFTER = END + timedelta(minutes=1)


def plain(text):
    return text.replace("\u202f", " ")


def settled(trade):
    return Trade.objects.get(pk=trade.pk)


def metered(seller, wh, *, start=START, hours=1):
    seller.measure(start=start, exports=wh, imports=[0] * len(wh))


def sound():
    proof = ledger_prove(now=NOW)
    return proof.sound, proof.finding


def test_what_was_delivered_is_paid_and_the_rest_given_back():
    seller, buyer = traders(money_uct=EURO)
    trade = buyer.buys(seller.offers_window(1_000, 20_000_000, start=START))
    metered(seller, [100, 200, 300.7, 99])

    assert windows_settle(now=AFTER) == 1

    done = settled(trade)
    assert (done.state, done.delivered_wh, done.paid_uct, done.refunded_uct) == (
        TradeState.DONE, 699, 13_980_000, 6_020_000
    )  # fmt: skip
    assert done.settled_at == AFTER
    money = buyer.money()
    assert (money.balance, money.reserved) == (EURO - 13_980_000, 0)
    assert seller.money().balance == EURO + 13_980_000
    assert buyer.energy().balance == 699
    assert sound() == (True, "")


def test_the_buyers_lot_waits_and_the_sellers_has_met_his_meter_in_the_window():
    seller, buyer = traders()
    trade = buyer.buys(seller.offers_window(1_000, 20_000_000, start=START))
    metered(seller, [100, 200, 300, 99])
    windows_settle(now=AFTER)

    lots = {lot.side: lot for lot in Lot.objects.filter(trade=trade)}
    assert (lots[Side.IMPORT].energy_wh, lots[Side.IMPORT].used_wh, lots[Side.IMPORT].open) == (699, 0, True)
    assert (lots[Side.EXPORT].used_wh, lots[Side.EXPORT].open) == (699, False)
    assert {lot.usable_from for lot in lots.values()} == {START}
    rows = Allocation.objects.filter(trade=trade).order_by("slot_start")
    assert [(row.household_id, row.energy_wh, row.alternative_uct) for row in rows] == [
        (seller.household.pk, energy, energy * 8_000) for energy in (100, 200, 300, 99)
    ]
    assert sum(row.money_uct for row in rows) == 13_980_000


def test_a_surplus_delivers_no_more_than_was_sold():
    seller, buyer = traders()
    trade = buyer.buys(seller.offers_window(1_000, 20_000_000, start=START))
    metered(seller, [900, 900, 900, 900])
    windows_settle(now=AFTER)

    assert (settled(trade).delivered_wh, settled(trade).paid_uct, settled(trade).refunded_uct) == (
        1_000,
        20_000_000,
        0,
    )


def test_two_buyers_of_a_window_share_a_shortage_in_proportion():
    seller, first, second = traders(homes=3)
    offer = seller.offers_window(1_500, 30_000_000, start=START)
    trades = [first.buys(offer, 1_000), second.buys(offer, 500)]
    metered(seller, [300, 0, 0, 300])
    windows_settle(now=AFTER)

    assert [settled(trade).delivered_wh for trade in trades] == [400, 200]
    assert sound() == (True, "")


def test_a_window_that_another_run_settles_in_between_is_settled_once(monkeypatch):
    seller, buyer = traders(money_uct=EURO)
    trade = buyer.buys(seller.offers_window(1_000, 20_000_000, start=START))
    metered(seller, [100, 200, 300, 99])
    reserved, others = settlement._reserved, []

    def overtaken(*asked):
        if not others:
            others.append(None)
            others[0] = windows_settle(now=AFTER)
        return reserved(*asked)

    monkeypatch.setattr(settlement, "_reserved", overtaken)

    assert windows_settle(now=AFTER) == 0
    assert others == [1]
    assert (settled(trade).state, settled(trade).delivered_wh) == (TradeState.DONE, 699)
    assert sound() == (True, "")


def test_overlapping_windows_share_what_both_cover_and_are_settled_one_by_one():
    seller, first, second = traders(homes=3)
    early = first.buys(seller.offers_window(1_000, 10_000_000, start=START))
    late = second.buys(seller.offers_window(1_000, 10_000_000, start=START + timedelta(minutes=30)))
    metered(seller, [400, 200, 300, 300])

    assert windows_settle(now=AFTER) == 1
    # 600 in its own half hour; then 400 lacking beside the 1,000 of the later one: 2/7 of 300, and so on.
    taken = settled(early).delivered_wh
    assert 600 < taken < 900
    metered(seller, [50, 70], start=END)
    assert windows_settle(now=END + timedelta(minutes=31)) == 1

    assert settled(late).delivered_wh == 600 - (taken - 600) + 120
    exported = Allocation.objects.filter(side=Side.EXPORT)
    assert max(exported.values_list("energy_wh", flat=True)) <= 400
    assert sound() == (True, "")


def test_a_window_waits_for_its_meter_and_not_longer_than_36_hours():
    seller, buyer = traders()
    trade = buyer.buys(seller.offers_window(1_000, 20_000_000, start=START))
    metered(seller, [100, 200])

    assert windows_settle(now=END + timedelta(hours=35)) == 0
    assert settled(trade).state == TradeState.RESERVED
    assert windows_settle(now=END + timedelta(hours=36)) == 1

    assert (settled(trade).delivered_wh, settled(trade).refunded_uct) == (300, 14_000_000)


def test_nothing_delivered_gives_all_back_and_leaves_no_lot():
    seller, buyer = traders(money_uct=EURO)
    trade = buyer.buys(seller.offers_window(1_000, 20_000_000, start=START))
    metered(seller, [0, 0, 0, 0])
    windows_settle(now=AFTER)

    assert (settled(trade).paid_uct, settled(trade).refunded_uct) == (0, 20_000_000)
    assert buyer.money().available == EURO
    assert not Lot.objects.exists()
    assert sound() == (True, "")


def test_a_gift_is_settled_without_money():
    seller, buyer = traders(money_uct=0)
    trade = buyer.buys(seller.offers_window(400, 0, start=START))
    metered(seller, [100, 100, 100, 50])
    windows_settle(now=AFTER)

    assert (settled(trade).delivered_wh, buyer.energy().balance) == (350, 350)
    assert sound() == (True, "")


def test_settling_again_changes_nothing():
    seller, buyer = traders()
    buyer.buys(seller.offers_window(1_000, 20_000_000, start=START))
    metered(seller, [100, 200, 300, 99])
    windows_settle(now=AFTER)
    before = list(Account.objects.order_by("pk").values())

    assert windows_settle(now=AFTER + timedelta(minutes=1)) == 0
    assert list(Account.objects.order_by("pk").values()) == before
    assert Allocation.objects.count() == 4


def test_a_run_settles_so_many_and_the_next_one_the_rest():
    seller, buyer = traders()
    offer = seller.offers_window(1_000, 20_000_000, start=START)
    for _number in range(5):
        buyer.buys(offer, 200)
    metered(seller, [100, 200, 300, 99])

    assert [windows_settle(now=AFTER, limit=2) for _run in range(4)] == [2, 2, 1, 0]
    assert sum(Trade.objects.values_list("delivered_wh", flat=True)) == 699
    assert sum(Allocation.objects.values_list("energy_wh", flat=True)) == 699
    assert sound() == (True, "")


def test_both_sides_are_told_what_was_delivered():
    seller, buyer = traders()
    buyer.buys(seller.offers_window(1_000, 20_000_000, start=START))
    metered(seller, [100, 200, 300, 99])
    offers_close(now=START)
    windows_settle(now=AFTER)

    texts = {notice.user_id: plain(notice.text) for notice in Notice.objects.order_by("pk")}
    assert texts[buyer.user.pk] == "699 Wh of the 1.00 kWh you bought were delivered; you have €0.06 back."
    assert texts[seller.user.pk] == "You delivered 699 Wh of 1.00 kWh sold and were paid €0.14."
    assert AuditEntry.objects.get(action="trade.settle").details["delivered_wh"] == 699
