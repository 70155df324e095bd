"""What a household bought and sold."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.models import Account, Allocation, Offer, Trade, Transfer
from marketplace.models.ledger import OwnerKind
from marketplace.models.offers import TradeState
from marketplace.rules.prices import price_per_kwh
from myhouse.documents.pages import LIMIT, Page, UnableToPage, page
from myhouse.errors import NotFound
from myhouse.models import Household
from myhouse.selectors.households import neighbour_names

SIDES = ("", "bought", "sold")


@dataclass(frozen=True)
class TradeLine:
    """A trade as one of its two sides sees it; `provisional` while the meter has not had its say."""

    trade: Trade
    side: Literal["bought", "sold"]
    other_name: str
    price_uct_kwh: int
    provisional: bool


@dataclass(frozen=True)
class TradeDetail:
    """A trade with the offer it came from, the quarter-hours it met this household's meter in, and its transfers."""

    trade: Trade
    side: Literal["bought", "sold"]
    other_name: str
    price_uct_kwh: int
    provisional: bool
    offer: Offer
    allocations: list[Allocation]
    transfers: list[Transfer]


def trades_page(
    *,
    household: Household,
    side: str = "",
    cursor: str | None = None,
    limit: int = LIMIT,
    now: datetime | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Page[TradeLine]:
    """List what the household bought and sold within [since, until), the newest first; three queries."""
    if side not in SIDES:
        raise UnableToPage(_("Choose bought, sold or both."), field="side")
    mine = {"bought": Q(buyer_id=household.pk), "sold": Q(seller_id=household.pk)}
    rows = Trade.objects.filter(mine[side] if side else mine["bought"] | mine["sold"])
    if since is not None:
        rows = rows.filter(bought_at__gte=since)
    if until is not None:
        rows = rows.filter(bought_at__lt=until)
    found = page(rows, order="-bought_at", cursor=cursor, limit=limit)
    return Page(_lines(found.items, household, now or timezone.now()), found.next_cursor)


def trade_for(*, household: Household, trade_id: uuid.UUID, now: datetime | None = None) -> TradeDetail:
    """Return a trade of this household, or refuse as if it did not exist; seven queries."""
    own = Q(buyer_id=household.pk) | Q(seller_id=household.pk)
    trade = Trade.objects.filter(own, pk=trade_id).first()
    if trade is None:
        raise NotFound(_("There is no such trade, or it is not yours."))
    line = _lines([trade], household, now or timezone.now())[0]
    accounts = Account.objects.filter(owner_id=household.pk, owner_kind=OwnerKind.HOUSEHOLD)
    mine = list(accounts.values_list("pk", flat=True))
    # Of what the other side's accounts did alone nothing is shown.
    transfers = Transfer.objects.filter(Q(debit_id__in=mine) | Q(credit_id__in=mine), cause_id=trade.pk)
    allocations = Allocation.objects.filter(trade_id=trade.pk, household_id=household.pk)
    return TradeDetail(
        trade=trade,
        side=line.side,
        other_name=line.other_name,
        price_uct_kwh=line.price_uct_kwh,
        provisional=line.provisional,
        offer=Offer.objects.get(pk=trade.offer_id),
        allocations=sorted(allocations, key=lambda one: (one.slot_start, one.pk)),
        transfers=sorted(transfers, key=lambda one: (one.at, one.pk)),
    )


def _lines(trades: Sequence[Trade], household: Household, now: datetime) -> list[TradeLine]:
    others = {trade.pk: trade.seller_id if trade.buyer_id == household.pk else trade.buyer_id for trade in trades}
    names = neighbour_names(household_ids=list(dict.fromkeys(others.values())), now=now) if others else {}
    return [
        TradeLine(
            trade=trade,
            side="bought" if trade.buyer_id == household.pk else "sold",
            other_name=names[others[trade.pk]],
            price_uct_kwh=price_per_kwh(total_uct=trade.total_uct, energy_wh=trade.energy_wh),
            provisional=trade.state == TradeState.RESERVED,
        )
        for trade in trades
    ]
