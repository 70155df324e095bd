"""Taking a trade back."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn

from django.utils.translation import gettext as _

from marketplace.models import Allocation, Lot, Trade, Transfer
from marketplace.models.ledger import Asset, TransferKind
from marketplace.models.offers import OfferKind, Side, TradeState
from marketplace.services.ledger import (
    Movement,
    UnableToPay,
    accounts_of_household,
    issuing_account,
    ledger_write,
    reverse_movement,
    settle_movements,
)
from marketplace.services.sellable import stored_deliver
from marketplace.services.sides import trade_news, trade_tell
from myhouse import formatting
from myhouse.documents.atomic import atomic
from myhouse.documents.base import uuid7
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import Kind, NotFound, UnableTo

CAUSE_TRADE, CAUSE_USE = "trade", "use"
_REASON_LENGTH = 200


class UnableToReverseTrade(UnableTo):
    """The trade cannot be taken back, or was already."""

    kind = Kind.CONFLICT


@atomic
def trade_reverse(*, trade_id: uuid.UUID, reason: str, actor: Actor, now: datetime) -> Trade:
    """Take a trade back: what it moved goes back, what it counted against the meters is counted no more.

    A window that is not settled yet only frees the buyer's money. The trade keeps what had been delivered, paid and
    refunded. The offer stays as it is: what was sold of it is not offered again, but a battery's content that was
    sold and not yet exported is free for a new offer. The import and export that the trade had covered are the
    supplier's again, or another trade's: `claims_use` looks at those quarter-hours anew.
    """
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= _REASON_LENGTH:
        raise UnableToReverseTrade(
            _("Give the reason, in at most %(most)d characters: both sides read it.") % {"most": _REASON_LENGTH},
            field="reason",
        )
    trade = Trade.objects.filter(pk=trade_id).first()
    if trade is None:
        raise NotFound(_("There is no such trade."))
    before = trade.state
    _mark(trade, reason, now)
    lots = list(Lot.objects.filter(trade_id=trade.pk))
    movements = _freed(trade) if before == TradeState.RESERVED else _returned(trade, lots, reason, now)
    if movements:
        try:
            ledger_write(movements=movements, now=now)
        except UnableToPay as refusal:
            _refuse(trade, refusal)
    for lot in lots:
        _lot_undo(trade, lot, now)
    _noted(trade, before, actor, now)
    return trade


def _mark(trade: Trade, reason: str, now: datetime) -> None:
    """Of two that reverse, or of one that settles meanwhile, only one finds the trade as it was."""
    written = {"state": TradeState.REVERSED, "reversed_at": now, "reason": reason}
    if trade.state == TradeState.RESERVED:
        written["refunded_uct"] = trade.total_uct
    same = Trade.objects.filter(pk=trade.pk, state=trade.state)
    if trade.state == TradeState.REVERSED or same.update(**written) != 1:
        raise UnableToReverseTrade(_("This trade was reversed before."))
    for name, value in written.items():
        setattr(trade, name, value)


def _freed(trade: Trade) -> list[Movement]:
    reserve = trade.reserve
    return [] if reserve is None else settle_movements(reserve=reserve, post=0, key=f"trade:{trade.pk}:reverse")


def _returned(trade: Trade, lots: Sequence[Lot], reason: str, now: datetime) -> list[Movement]:
    """Give the buyer back the claims he used, then take all claims and the money back."""
    moved = [TransferKind.MOVE, TransferKind.POST]
    transfers = Transfer.objects.filter(cause_id=trade.pk, cause=CAUSE_TRADE, kind__in=moved)
    movements = []
    used = sum(lot.used_wh for lot in lots if lot.side == Side.IMPORT)
    if used:
        accounts = accounts_of_household(household=trade.buyer, community=trade.community, now=now)
        issuing = issuing_account(community=trade.community, asset=Asset.ENERGY, for_id=trade.pk, now=now)
        movements.append(
            Movement(
                kind=TransferKind.MOVE,
                debit=issuing,
                credit=accounts.energy,
                amount=used,
                key=f"trade:{trade.pk}:unused",
                cause=CAUSE_USE,
                cause_id=uuid7(),
                note=reason,
            )
        )
    movements.extend(
        reverse_movement(transfer=transfer, key=f"reverse:{transfer.pk}", note=reason)
        for transfer in transfers.order_by("pk")
    )
    return movements


def _lot_undo(trade: Trade, lot: Lot, now: datetime) -> None:
    """Close a lot and balance what it met in each quarter-hour by a negative allocation."""
    counted: dict[datetime, list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in Allocation.objects.filter(lot_id=lot.pk):
        for place, value in enumerate((one.energy_wh, one.money_uct, one.alternative_uct)):
            counted[one.slot_start][place] += value
    Allocation.objects.bulk_create(
        Allocation(
            lot_id=lot.pk,
            trade_id=trade.pk,
            community_id=trade.community_id,
            household_id=lot.household_id,
            side=lot.side,
            slot_start=slot,
            energy_wh=-energy,
            money_uct=-money,
            alternative_uct=-alternative,
            at=now,
        )
        for slot, (energy, money, alternative) in sorted(counted.items())
        if energy
    )
    same = Lot.objects.filter(pk=lot.pk, used_wh=lot.used_wh)
    if same.update(used_wh=0, open=False) != 1:
        raise UnableToReverseTrade(_("Something of it was used just now. Reverse it again."))
    if lot.side == Side.EXPORT and trade.kind == OfferKind.STORED:
        stored_deliver(household_id=lot.household_id, energy_wh=lot.energy_wh - lot.used_wh)


def _refuse(trade: Trade, refusal: UnableToPay) -> NoReturn:
    if refusal.account.owner_id == trade.seller_id:
        message = _("The seller no longer has what he was paid. %(missing)s Let him deposit it first.")
    else:
        message = _("The buyer no longer has what he was given. %(missing)s")
    raise UnableToReverseTrade(message % {"missing": refusal.message}) from refusal


def _noted(trade: Trade, before: str, actor: Actor, now: datetime) -> None:
    details = {"reason": trade.reason, "was": before, "energy_wh": trade.energy_wh, "total_uct": trade.total_uct}
    audit_record(
        actor=actor, action="trade.reverse", now=now, subject=trade, community_id=trade.community_id, details=details
    )
    currency = trade.community.currency
    given = trade.refunded_uct if before == TradeState.RESERVED else trade.paid_uct

    def returned(language: str) -> str:
        return _("Your purchase of %(energy)s was reversed: %(reason)s. You have %(money)s back.") % words(language)

    def taken(language: str) -> str:
        return _("Your sale of %(energy)s was reversed: %(reason)s. %(money)s went back to the buyer.") % words(
            language
        )

    def words(language: str) -> dict[str, str]:
        return {
            "energy": formatting.energy(trade.energy_wh, language),
            "reason": trade.reason.rstrip("."),
            "money": formatting.money(given, currency, language),
        }

    trade_tell(trade=trade, household_id=trade.buyer_id, text=returned, now=now)
    trade_tell(trade=trade, household_id=trade.seller_id, text=taken, now=now)
    trade_news(trade=trade, event="reversed", now=now)
