"""What was bought and sold, and one trade with its delivery, its refund, its quarter-hours and its transfers."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _

from marketplace.selectors.trades import trade_for, trades_page
from marketplace.views.frame import is_part, place_open
from myhouse.errors import NotFound

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

LINES = 25


@login_required
def trades(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """List the household's trades, the newest first, all or of one side."""
    place = place_open(request, household_id)
    side = request.GET.get("side", "")
    side = side if side in {"bought", "sold"} else ""
    cursor = request.GET.get("after") or None
    since = place.access.since
    found = trades_page(household=place.household, side=side, cursor=cursor, limit=LINES, now=place.now, since=since)
    kept = [("side", side)] if side else []
    next_query = urlencode([*kept, ("after", found.next_cursor)]) if found.next_cursor else ""
    context = {
        "page": found,
        "side": side,
        "sides": [("", _("All")), ("bought", _("Bought")), ("sold", _("Sold"))],
        "next_url": f"{request.path}?{next_query}" if next_query else "",
        "first_url": f"{request.path}?{urlencode(kept)}" if cursor else "",
        "here": request.get_full_path(),
    }
    if is_part(request, "trades"):
        shared = {"household": place.household, "currency": place.currency, "zone": place.household.time_zone}
        return render(request, "marketplace/trade_lines.html", shared | context)
    return place.show("marketplace/trades.html", context, section="trades")


@login_required
def trade(request: HttpRequest, household_id: uuid.UUID, trade_id: uuid.UUID) -> HttpResponse:
    """Show a trade: what was agreed, what was delivered, what was paid and given back, and where it shows."""
    place = place_open(request, household_id)
    found = trade_for(household=place.household, trade_id=trade_id)
    if found.trade.bought_at < place.access.since:
        raise NotFound(_("There is no such trade, or it is not yours."))
    context = {"detail": found, "trade": found.trade, "here": request.path}
    if is_part(request, "trade"):
        shared = {"household": place.household, "currency": place.currency, "zone": place.household.time_zone}
        return render(request, "marketplace/trade_body.html", shared | context)
    return place.show("marketplace/trade.html", context, section="trades")


_BASE = "households/<uuid:household_id>/market/trades/"
urlpatterns = [
    path(_BASE, trades, name="market-trades"),
    path(f"{_BASE}<uuid:trade_id>/", trade, name="market-trade"),
]
