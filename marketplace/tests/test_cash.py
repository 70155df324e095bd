"""Deposits and payouts: asked for, decided once, booked only then."""

import re

import pytest

from marketplace.models import CashOrder, Transfer
from marketplace.services.cash import (
    UnableToDecide,
    UnableToOrder,
    cash_cancel,
    cash_confirm,
    cash_refuse,
    deposit_request,
    payout_request,
)
from marketplace.services.ledger import UnableToPay
from marketplace.tests.ledgers import EURO, fresh, village
from myhouse.documents.services import SYSTEM
from myhouse.models import AuditEntry, Notice, OutboxMessage
from myhouse.selectors.households import UnableWhileSuspended
from myhouse.tests.factories import NOW, actor_of, home

pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    return village()


def deposit(place, amount=5 * EURO):
    neighbour = place[0]
    return deposit_request(household=neighbour.household, amount_uct=amount, actor=actor_of(neighbour.user), now=NOW)


def payout(place, amount=4 * EURO):
    neighbour = place[0]
    return payout_request(
        household=neighbour.household, amount_uct=amount, note="My account", actor=actor_of(neighbour.user), now=NOW
    )


def held(account):
    account = fresh(account)
    return account.balance, account.reserved


def test_a_deposit_is_booked_when_it_is_confirmed(place):
    order = deposit(place)
    assert held(place[0].money) == (10 * EURO, 0)
    confirmed = cash_confirm(order=order, actor=SYSTEM, now=NOW)
    assert (confirmed.state, confirmed.decided_at) == ("confirmed", NOW)
    assert held(place[0].money) == (15 * EURO, 0)
    assert Transfer.objects.filter(cause="deposit", cause_id=order.pk).count() == 1


def test_a_payout_is_reserved_at_once_and_leaves_when_it_is_confirmed(place):
    order = payout(place)
    assert held(place[0].money) == (10 * EURO, 4 * EURO)
    cash_confirm(order=order, actor=SYSTEM, now=NOW)
    assert held(place[0].money) == (6 * EURO, 0)


def test_a_refused_or_cancelled_payout_is_free_again(place):
    cash_refuse(order=payout(place), reason="No such bank account", actor=SYSTEM, now=NOW)
    assert held(place[0].money) == (10 * EURO, 0)
    cash_cancel(order=payout(place), actor=actor_of(place[0].user), now=NOW)
    assert held(place[0].money) == (10 * EURO, 0)


def test_refuses_a_payout_of_more_than_is_available(place):
    payout(place, 7 * EURO)
    with pytest.raises(UnableToPay) as refusal:
        payout(place, 4 * EURO)
    assert refusal.value.field == "amount"
    assert CashOrder.objects.count() == 1


@pytest.mark.parametrize("decide", [
    lambda order: cash_confirm(order=order, actor=SYSTEM, now=NOW),
    lambda order: cash_refuse(order=order, reason="Twice", actor=SYSTEM, now=NOW),
    lambda order: cash_cancel(order=order, actor=SYSTEM, now=NOW),
])  # fmt: skip
def test_an_order_is_decided_once(place, decide):
    order = payout(place)
    cash_confirm(order=order, actor=SYSTEM, now=NOW)
    with pytest.raises(UnableToDecide, match="Confirmed"):
        decide(order)
    assert held(place[0].money) == (6 * EURO, 0)


def test_the_members_are_told_what_was_decided(place):
    place[0].user.language = "de"
    place[0].user.save()
    cash_refuse(order=payout(place), reason="No such bank account", actor=SYSTEM, now=NOW)
    notice = Notice.objects.get(user=place[0].user)
    assert re.search(r"4,00\u202f€.*No such bank account", notice.text)
    assert notice.url == f"/households/{place[0].household.pk}/balance/"
    assert OutboxMessage.objects.filter(topic="mail").count() == 1


def test_references_are_short_and_hard_to_misread(place):
    orders = [deposit(place) for _number in range(20)]
    assert all(re.fullmatch(r"MH-[3-9A-Y]{4}-[3-9A-Y]{4}", order.reference) for order in orders)
    assert not set("".join(order.reference[3:] for order in orders)) & set("0O1IL2Z5S8BUV")
    assert len({order.reference for order in orders}) == 20


def test_a_household_has_at_most_twenty_orders_waiting(place):
    orders = [deposit(place) for _number in range(20)]
    with pytest.raises(UnableToOrder, match="20 orders"):
        deposit(place)
    cash_cancel(order=orders[0], actor=SYSTEM, now=NOW)
    assert deposit(place).state == "requested"


@pytest.mark.parametrize("amount", [0, -EURO, EURO // 100 - 1, EURO + 1, 100_000 * EURO + EURO // 100, 1.5, True])
def test_an_amount_is_whole_cents_within_bounds(place, amount):
    with pytest.raises(UnableToOrder) as refusal:
        deposit(place, amount)
    assert refusal.value.field == "amount"


def test_a_refusal_needs_its_reason(place):
    with pytest.raises(UnableToOrder) as refusal:
        cash_refuse(order=deposit(place), reason="  ", actor=SYSTEM, now=NOW)
    assert refusal.value.field == "reason"


def test_a_suspended_household_neither_deposits_nor_is_paid_out(place):
    type(place[0].household).objects.update(suspended_at=NOW, suspended_reason="Unpaid bills")
    with pytest.raises(UnableWhileSuspended):
        deposit(place)
    with pytest.raises(UnableWhileSuspended):
        payout(place)


def test_a_household_without_a_community_has_no_money():
    user, household = home()
    with pytest.raises(UnableToOrder, match="join one first"):
        deposit_request(household=household, amount_uct=EURO, actor=actor_of(user), now=NOW)


def test_every_step_is_in_the_audit_log(place):
    order = payout(place)
    cash_refuse(order=order, reason="No such bank account", actor=SYSTEM, now=NOW)
    cash_cancel(order=deposit(place), actor=SYSTEM, now=NOW)
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["payout.request", "payout.refuse", "deposit.request", "deposit.cancel"]
    assert AuditEntry.objects.get(action="payout.refuse").details["reason"] == "No such bank account"
