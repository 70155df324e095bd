"""Buying from an offer; taking a trade back stands in `reversal`."""

from __future__ import annotations

import uuid
from copy import copy
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from marketplace.models import Account, Offer, SellableEnergy, Trade, Transfer
from marketplace.models.ledger import Asset, TransferKind
from marketplace.models.offers import NOW_SLOT, OfferKind, OfferState, TradeState
from marketplace.rules.prices import part_price
from marketplace.services.deals import accounts_of_deal
from marketplace.services.ledger import (
    HouseholdAccounts,
    Movement,
    UnableToPay,
    ledger_write,
)
from marketplace.services.offers import offer_end
from marketplace.services.reversal import UnableToReverseTrade, trade_reverse
from marketplace.services.sellable import stored_sell
from marketplace.services.sides import lots_of, trade_news, trade_tell
from myhouse import formatting
from myhouse.documents.atomic import atomic
from myhouse.documents.base import uuid7
from myhouse.documents.rows import row_change, rows_find, rows_insert
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import Kind, NotFound, UnableTo
from myhouse.models import CommunityMembership, Household, User
from myhouse.selectors.households import household_require_active
from myhouse.services.notices import people_of

__all__ = ["UnableToBuy", "UnableToBuyNow", "UnableToReverseTrade", "offer_buy", "trade_reverse"]

CAUSE = "trade"


class UnableToBuy(UnableTo):
    """This cannot be bought so."""


class UnableToBuyNow(UnableToBuy):
    """It could be, were it not for what has happened meanwhile: sold, ended, changed, not that much money."""

    kind = Kind.CONFLICT


@dataclass(frozen=True)
class _Deal:
    """Who buys from whom, and the accounts it moves; looked up before anything is locked."""

    trade_id: uuid.UUID
    offer: Offer
    buyer_id: uuid.UUID
    buying: HouseholdAccounts
    selling: HouseholdAccounts
    issuing: Account | None  # of a window nothing is issued before it is metered
    told: list[User]


def offer_buy(
    *,
    offer_id: uuid.UUID,
    household: Household,
    energy_wh: int,
    actor: Actor,
    now: datetime,
    version: int | None = None,
) -> Trade:
    """Buy all or a part of an offer; `version` is that of the offer as the buyer saw it.

    Stored energy is paid at once and becomes the buyer's claim. Of a window the money is reserved until the seller's
    meter has shown what was delivered.
    """
    if type(energy_wh) is not int or energy_wh < 1:
        raise UnableToBuy(_("Buy a whole number of Wh, at least 1."), field="energy_wh")
    deal = _deal(offer_id, household, now)
    return _buy(deal, energy_wh, version, actor, now)


def _deal(offer_id: uuid.UUID, household: Household, now: datetime) -> _Deal:
    """Find the two sides; what is asked here changes rarely and is not what two buyers could fight for."""
    found = rows_find(Offer, pk=offer_id)
    if not found:
        raise _no_such_offer()
    offer = found[0]
    members = rows_find(
        CommunityMembership, household_id__in={household.pk, offer.seller_id}, starts_at__lte=now, ends_at__gt=now
    )
    here = {m.household_id for m in members if m.community_id == offer.community_id}
    if household.pk not in here:
        raise _no_such_offer()
    if household.pk == offer.seller_id:
        raise UnableToBuy(_("This is your own offer. Withdraw it if you need the energy yourself."), field="energy_wh")
    both = [household.pk, offer.seller_id]
    suspended = {one.pk for one in rows_find(Household, pk__in=both) if one.suspended_at is not None}
    if household.pk in suspended:
        household_require_active(household)
    if offer.seller_id in suspended or offer.seller_id not in here:
        raise UnableToBuyNow(_("The seller does not trade at the moment. Choose another offer."))
    trade_id = uuid7()
    issued = Asset.ENERGY if offer.kind == OfferKind.STORED else None
    accounts, issuing = accounts_of_deal(
        households=both, community_id=offer.community_id, issued=issued, for_id=trade_id, now=now
    )
    told = people_of(household=Household(pk=offer.seller_id), now=now)
    return _Deal(trade_id, offer, household.pk, accounts[household.pk], accounts[offer.seller_id], issuing, told)


@atomic
def _buy(deal: _Deal, energy_wh: int, version: int | None, actor: Actor, now: datetime) -> Trade:
    """Everything that belongs to a purchase, or nothing; each guard is an update that must change one row."""
    offer, price = _taken(deal.offer, energy_wh, version, now)
    stored = offer.kind == OfferKind.STORED
    if stored and not stored_sell(household_id=offer.seller_id, energy_wh=energy_wh, now=now):
        _refuse_stored(offer, energy_wh)
    if not offer.left_wh:
        offer_end(offer=offer)
    transfers = _paid(deal, energy_wh, price, stored=stored, now=now)
    trade = _trade(deal, offer, energy_wh, price, now)
    trade.reserve = None if stored else next(iter(transfers), None)
    trade.bought_by_id = actor.user_id
    rows_insert([trade])
    if stored:
        rows_insert(lots_of(trade, energy_wh=energy_wh, money_uct=price, usable_from=now))
    _noted(trade, deal, actor, now)
    return trade


def _taken(offer: Offer, energy_wh: int, version: int | None, now: datetime) -> tuple[Offer, int]:
    """Take the part out of the offer; returns the offer as it is then, and the price of the part.

    First as it was seen before this transaction; had somebody else bought of it meanwhile, then as it is now.
    """
    # Of our own: a store that runs this again after a conflict must find what was seen as it was.
    offer = copy(offer)
    for tries in (1, 2):
        _offer_check(offer, energy_wh, version, now)
        price = part_price(
            total_uct=offer.total_uct, energy_wh=offer.energy_wh, sold_wh=offer.sold_wh, part_wh=energy_wh
        )
        left = offer.left_wh - energy_wh
        state = OfferState.OPEN if left else OfferState.SOLD
        seen = {"pk": offer.pk, "state": OfferState.OPEN, "left_wh": offer.left_wh, "version": offer.version}
        if row_change(Offer, equal=seen, put={"left_wh": left, "state": state}):
            offer.left_wh, offer.state = left, state
            return offer, price
        if tries == 1:
            offer = Offer.objects.get(pk=offer.pk)
    raise UnableToBuyNow(_("The offer changed just now. Look at it again."), field="version")


def _no_such_offer() -> NotFound:
    return NotFound(_("There is no such offer, or it is not one of your community."))


def _offer_check(offer: Offer, energy_wh: int, version: int | None, now: datetime) -> None:
    """Refuse with the reason a buyer can do something about."""
    if version is not None and version != offer.version:
        raise UnableToBuyNow(
            _("The seller changed this offer meanwhile. Look at it again: it is version %(version)d now.")
            % {"version": offer.version},
            field="version",
        )
    if offer.state == OfferState.SOLD:
        raise UnableToBuyNow(_("It is sold out meanwhile: nothing is left of it."), field="energy_wh")
    if offer.state == OfferState.CLOSED or offer.closes_at <= now:
        raise UnableToBuyNow(_("Its window has begun: it can no longer be bought."), field="energy_wh")
    if offer.state != OfferState.OPEN:
        raise UnableToBuyNow(_("The seller withdrew this offer."), field="energy_wh")
    if energy_wh > offer.left_wh:
        raise UnableToBuyNow(
            _("Only %(left)s of it are left. Buy at most that.") % {"left": _energy(offer.left_wh)}, field="energy_wh"
        )


def _refuse_stored(offer: Offer, energy_wh: int) -> None:
    """Say how much of it the battery still holds; the offer's own rest was enough."""
    row = SellableEnergy.objects.filter(household_id=offer.seller_id, slot_start=NOW_SLOT).first()
    can = 0 if row is None else max(min(row.expected_wh - row.sold_wh, offer.left_wh + energy_wh), 0)
    if row is not None and can >= energy_wh:
        raise UnableToBuyNow(
            _("What the seller's battery holds is not known at the moment. Try again later."), field="energy_wh"
        )
    if can:
        message = _("The seller's battery no longer holds that much. Buy at most %(can)s.")
        raise UnableToBuyNow(message % {"can": _energy(can)}, field="energy_wh")
    raise UnableToBuyNow(_("The seller's battery holds nothing more of it. Choose another offer."), field="energy_wh")


def _paid(deal: _Deal, energy_wh: int, price: int, *, stored: bool, now: datetime) -> list[Transfer]:
    """Move money and claim at once, or reserve the money of a window; a price of nothing moves no money."""
    movements = []
    if price:
        movements.append(
            Movement(
                kind=TransferKind.MOVE if stored else TransferKind.RESERVE,
                debit=deal.buying.money,
                credit=deal.selling.money,
                amount=price,
                key=f"trade:{deal.trade_id}:money",
                cause=CAUSE,
                cause_id=deal.trade_id,
            )
        )
    if deal.issuing is not None:
        movements.append(
            Movement(
                kind=TransferKind.MOVE,
                debit=deal.issuing,
                credit=deal.buying.energy,
                amount=energy_wh,
                key=f"trade:{deal.trade_id}:energy",
                cause=CAUSE,
                cause_id=deal.trade_id,
            )
        )
    try:
        return ledger_write(movements=movements, now=now, new=True) if movements else []
    except UnableToPay as refusal:
        raise UnableToBuyNow(
            _("%(missing)s Deposit money or buy less.") % {"missing": refusal.message}, field="energy_wh"
        ) from refusal


def _trade(deal: _Deal, offer: Offer, energy_wh: int, price: int, now: datetime) -> Trade:
    stored = offer.kind == OfferKind.STORED
    return Trade(
        pk=deal.trade_id,
        community_id=offer.community_id,
        offer_id=offer.pk,
        seller_id=offer.seller_id,
        buyer_id=deal.buyer_id,
        kind=offer.kind,
        state=TradeState.DONE if stored else TradeState.RESERVED,
        energy_wh=energy_wh,
        total_uct=price,
        delivered_wh=energy_wh if stored else 0,
        paid_uct=price if stored else 0,
        window_start=offer.window_start,
        window_end=offer.window_end,
        bought_at=now,
        settled_at=now if stored else None,
    )


def _noted(trade: Trade, deal: _Deal, actor: Actor, now: datetime) -> None:
    details = {"energy_wh": trade.energy_wh, "total_uct": trade.total_uct, "offer": str(trade.offer_id)}
    audit_record(
        actor=actor, action="trade.buy", now=now, subject=trade, community_id=trade.community_id, details=details
    )
    currency = deal.buying.money.currency

    def sold(language: str) -> str:
        return _("Sold: %(energy)s for %(money)s.") % {
            "energy": formatting.energy(trade.energy_wh, language),
            "money": formatting.money(trade.total_uct, currency, language),
        }

    trade_tell(trade=trade, household_id=trade.seller_id, text=sold, now=now, people=deal.told)
    trade_news(trade=trade, event="bought", now=now)


def _energy(watt_hours: int) -> str:
    return formatting.energy(watt_hours, get_language())
