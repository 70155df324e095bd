"""What a trade leaves behind on both sides: lots for the meter, news for open pages, notices for people."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from django.urls import reverse

from marketplace.models import Lot, Trade
from marketplace.models.offers import Side
from marketplace.news import market_changed
from myhouse.documents.atomic import after_commit
from myhouse.models import Household, User
from myhouse.services.notices import notice_tell


def lots_of(trade: Trade, *, energy_wh: int, money_uct: int, usable_from: datetime) -> list[Lot]:
    """Return the buyer's and the seller's lot of what was delivered, not yet saved."""
    return [
        Lot(
            trade_id=trade.pk,
            household_id=household_id,
            side=side,
            energy_wh=energy_wh,
            money_uct=money_uct,
            usable_from=usable_from,
        )
        for household_id, side in ((trade.buyer_id, Side.IMPORT), (trade.seller_id, Side.EXPORT))
    ]


def trade_news(*, trade: Trade, event: str, now: datetime) -> None:
    """Tell open pages, once it is durable, what became of a trade."""
    payload = {
        "id": trade.pk,
        "offer_id": trade.offer_id,
        "event": event,
        "energy_wh": trade.energy_wh,
        "total_uct": trade.total_uct,
        "delivered_wh": trade.delivered_wh,
        "refunded_uct": trade.refunded_uct,
    }
    households = [trade.buyer_id, trade.seller_id]
    after_commit(
        partial(
            market_changed,
            community_id=trade.community_id,
            households=households,
            kind="trade",
            payload=payload,
            now=now,
        )
    )


def trade_tell(
    *,
    trade: Trade,
    household_id: uuid.UUID,
    text: Callable[[str], str],
    now: datetime,
    people: Sequence[User] | None = None,
) -> None:
    """Tell one side's members (`people`, where they were looked up before) on the page and by mail as they chose."""
    notice_tell(
        text=text,
        now=now,
        household=Household(pk=household_id) if people is None else None,
        users=people or (),
        url=reverse("market-trade", args=[household_id, trade.pk]),
    )
