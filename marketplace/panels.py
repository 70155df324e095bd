"""What the market shows on a household's page (settings.DASHBOARD_PANELS)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Count, Min, Q, Sum
from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace.models import Offer
from marketplace.models.offers import OfferState
from marketplace.selectors.accounts import balance_of
from myhouse.panels import Panel

if TYPE_CHECKING:
    from myhouse.models import Community, Household


def household_panel(*, household: Household, community: Community | None, now: datetime) -> Panel | None:
    """Show what the household has and offers, and a neighbour's best offer now; nothing outside a community."""
    if community is None:
        return None
    balance = balance_of(household=household, now=now, community=community)
    own = Q(seller_id=household.pk)
    here = Offer.objects.filter(community_id=community.pk, state=OfferState.OPEN, closes_at__gt=now)
    book = here.aggregate(
        mine=Count("pk", filter=own),
        mine_wh=Sum("left_wh", filter=own),
        best=Min("price_uct_kwh", filter=~own),
        others_wh=Sum("left_wh", filter=~own),
    )
    context = {
        "household": household,
        "balance": balance,
        "open_offers": book["mine"],
        "open_wh": book["mine_wh"] or 0,
        "best_uct_kwh": book["best"],
        "others_wh": book["others_wh"] or 0,
        "may_trade": household.suspended_at is None,
    }
    return Panel(
        title=_("Market"),
        template="marketplace/panel.html",
        context=context,
        url=reverse("market", args=(household.pk,)),
        order=20,
    )
