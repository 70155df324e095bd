"""Money in and out: a member asks, an operator decides, and only then does money enter or leave the ledger."""

from __future__ import annotations

import secrets
from datetime import datetime
from functools import partial

from django.utils.translation import gettext as _

from marketplace.models import CashOrder, Transfer
from marketplace.models.ledger import Asset, CashDirection, CashState, TransferKind
from marketplace.news import market_changed
from marketplace.rules.references import reference_make
from marketplace.services.ledger import (
    Movement,
    accounts_of_household,
    issuing_account,
    ledger_write,
    reservation_settle,
)
from myhouse import formatting
from myhouse.documents.atomic import after_commit, atomic, guard
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import Kind, UnableTo
from myhouse.models import Community, Household
from myhouse.selectors.households import community_of, household_require_active
from myhouse.services.notices import Text, notice_tell

CENT = formatting.MICRO_CENTS_PER_CENT
AMOUNT_AT_LEAST = CENT
AMOUNT_AT_MOST = 100_000 * 100 * CENT
OPEN_AT_MOST = 20
_TEXT_AT_MOST = 200


class UnableToOrder(UnableTo):
    """This deposit or payout cannot be asked for."""


class UnableToDecide(UnableTo):
    """The order was decided or cancelled before."""

    kind = Kind.CONFLICT


@atomic
def deposit_request(*, household: Household, amount_uct: int, actor: Actor, now: datetime) -> CashOrder:
    """Announce a bank transfer to the community; the order's reference is what it has to name."""
    community = _order_check(household, amount_uct, "", now)
    order = CashOrder.objects.create(
        community=community,
        household=household,
        direction=CashDirection.DEPOSIT,
        amount_uct=amount_uct,
        reference=_reference_free(),
        requested_by_id=actor.user_id,
        requested_at=now,
    )
    _noted(order, "deposit.request", actor, now)
    return order


@atomic
def payout_request(*, household: Household, amount_uct: int, note: str, actor: Actor, now: datetime) -> CashOrder:
    """Ask for money to be paid out; it is reserved at once. The note says where to, in the member's own words."""
    note = " ".join(note.split())
    community = _order_check(household, amount_uct, note, now)
    order = CashOrder(
        community=community,
        household=household,
        direction=CashDirection.PAYOUT,
        amount_uct=amount_uct,
        reference=_reference_free(),
        note=note,
        requested_by_id=actor.user_id,
        requested_at=now,
    )
    order.reserve = _reserve(order, household, community, now)
    order.save(force_insert=True)
    _noted(order, "payout.request", actor, now)
    return order


@atomic
def cash_confirm(*, order: CashOrder, actor: Actor, now: datetime) -> CashOrder:
    """Book what arrived at, or left, the community's bank account."""
    order = _decided(order, CashState.CONFIRMED, now)
    if order.direction == CashDirection.DEPOSIT:
        money = accounts_of_household(household=order.household, community=order.community, now=now).money
        outside = issuing_account(community=order.community, asset=Asset.MONEY, for_id=order.pk, now=now)
        movement = Movement(
            kind=TransferKind.MOVE,
            debit=outside,
            credit=money,
            amount=order.amount_uct,
            key=f"deposit:{order.pk}",
            cause="deposit",
            cause_id=order.pk,
        )
        ledger_write(movements=[movement], now=now)
    else:
        _reserve_close(order, post=order.amount_uct, now=now)
    _noted(order, f"{order.direction}.confirm", actor, now)
    _tell(order, now)
    return order


@atomic
def cash_refuse(*, order: CashOrder, reason: str, actor: Actor, now: datetime) -> CashOrder:
    """Decide that nothing is booked, with the reason the members read."""
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= _TEXT_AT_MOST:
        raise UnableToOrder(
            _("Give the reason, in at most %(most)d characters.") % {"most": _TEXT_AT_MOST}, field="reason"
        )
    order = _decided(order, CashState.REFUSED, now, reason=reason)
    _reserve_close(order, post=0, now=now)
    _noted(order, f"{order.direction}.refuse", actor, now, reason=reason)
    _tell(order, now)
    return order


@atomic
def cash_cancel(*, order: CashOrder, actor: Actor, now: datetime) -> CashOrder:
    """Take an order back while nobody has decided on it."""
    order = _decided(order, CashState.CANCELLED, now)
    _reserve_close(order, post=0, now=now)
    _noted(order, f"{order.direction}.cancel", actor, now)
    return order


def _order_check(household: Household, amount_uct: int, note: str, now: datetime) -> Community:
    """Return the community whose ledger it is, or refuse."""
    guard("cash orders", household.pk)
    household_require_active(household)
    community = community_of(household=household, now=now)
    if community is None:
        raise UnableToOrder(_("Money is kept by a community. Let this household join one first."))
    if type(amount_uct) is not int or not AMOUNT_AT_LEAST <= amount_uct <= AMOUNT_AT_MOST:
        raise UnableToOrder(_("Give an amount from 0.01 to 100000 in the currency of the community."), field="amount")
    if amount_uct % CENT:
        raise UnableToOrder(_("Give whole cents: a bank transfers nothing smaller."), field="amount")
    if len(note) > _TEXT_AT_MOST:
        raise UnableToOrder(_("Write at most %(most)d characters.") % {"most": _TEXT_AT_MOST}, field="note")
    waiting = CashOrder.objects.filter(household_id=household.pk, state=CashState.REQUESTED).count()
    if waiting >= OPEN_AT_MOST:
        raise UnableToOrder(
            _("%(count)d orders of this household wait for a decision. Cancel one first.") % {"count": waiting}
        )
    return community


def _reference_free() -> str:
    """Return a reference no order has; of 78 thousand millions the first one nearly always is free."""
    while True:
        reference = reference_make(secrets.choice)
        if not CashOrder.objects.filter(reference=reference).exists():
            return reference


def _reserve(order: CashOrder, household: Household, community: Community, now: datetime) -> Transfer:
    movement = Movement(
        kind=TransferKind.RESERVE,
        debit=accounts_of_household(household=household, community=community, now=now).money,
        credit=issuing_account(community=community, asset=Asset.MONEY, for_id=order.pk, now=now),
        amount=order.amount_uct,
        key=f"payout:{order.pk}",
        cause="payout",
        cause_id=order.pk,
    )
    return ledger_write(movements=[movement], now=now)[0]


def _reserve_close(order: CashOrder, *, post: int, now: datetime) -> None:
    if order.reserve is not None:
        reservation_settle(reserve=order.reserve, post=post, key=f"payout:{order.pk}", now=now)


def _decided(order: CashOrder, state: CashState, now: datetime, *, reason: str = "") -> CashOrder:
    """Give an open order its last state; of two who decide at the same moment one wins."""
    won = CashOrder.objects.filter(pk=order.pk, state=CashState.REQUESTED).update(
        state=state, reason=reason, decided_at=now
    )
    current = CashOrder.objects.get(pk=order.pk)
    if won != 1:
        raise UnableToDecide(_("This order was decided before: %(state)s.") % {"state": current.get_state_display()})
    return current


def _noted(order: CashOrder, action: str, actor: Actor, now: datetime, **details: str) -> None:
    """Write the audit entry, and let open pages of the household read their balance again once it is durable."""
    audit_record(
        actor=actor,
        action=action,
        now=now,
        subject=order,
        community_id=order.community_id,
        details={"household": str(order.household_id), "amount_uct": order.amount_uct, **details},
    )
    after_commit(
        partial(
            market_changed,
            community_id=order.community_id,
            households=[order.household_id],
            kind="balance",
            payload={"id": order.pk},
            now=now,
        )
    )


def _tell(order: CashOrder, now: datetime) -> None:
    """Tell the members what was decided, in the language of each."""
    currency = order.community.currency

    def text(language: str) -> str:
        amount = formatting.money(order.amount_uct, currency, language)
        said = {"amount": amount, "reference": order.reference, "reason": order.reason}
        if order.direction == CashDirection.DEPOSIT:
            if order.state == CashState.CONFIRMED:
                return _("Your deposit of %(amount)s (%(reference)s) is on the account.") % said
            return _("Your deposit of %(amount)s (%(reference)s) was refused: %(reason)s") % said
        if order.state == CashState.CONFIRMED:
            return _("Your payout of %(amount)s (%(reference)s) is on its way to your bank.") % said
        return _("Your payout of %(amount)s (%(reference)s) was refused: %(reason)s") % said

    told: Text = text
    notice_tell(household=order.household, text=told, url=f"/households/{order.household_id}/balance/", now=now)
