"""What the market shows on a household's page (settings.DASHBOARD_PANELS)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace.models import Offer
from marketplace.models.offers import OfferState
from marketplace.selectors.accounts import balance_of
from marketplace.selectors.offers import BookQuery, book_page
from myhouse.panels import Panel

if TYPE_CHECKING:
    from myhouse.models import Household

BEST_OF = 3


def household_panel(*, household: Household, now: datetime) -> Panel | None:
    """Show what the household has and offers, and a neighbour's best offer now; nothing outside a community."""
    balance = balance_of(household=household, now=now)
    if balance.community is None:
        return None
    mine = list(Offer.objects.filter(seller_id=household.pk, state=OfferState.OPEN).order_by("-created_at")[:50])
    query = BookQuery(limit=BEST_OF + len(mine))
    lines = book_page(household=household, query=query, now=now, community=balance.community).lines
    context = {
        "household": household,
        "balance": balance,
        "open_offers": len(mine),
        "open_wh": sum(offer.left_wh for offer in mine),
        "best": next((line for line in lines if not line.own and line.deliverable_wh), None),
        "may_trade": household.suspended_at is None,
    }
    return Panel(
        title=_("Market"),
        template="marketplace/panel.html",
        context=context,
        url=reverse("market", args=(household.pk,)),
        order=20,
    )
