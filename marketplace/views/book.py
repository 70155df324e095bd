"""The book: what neighbours offer, filtered, sorted, a page at a time; its part is read again when news come."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.urls import path, reverse

from marketplace.selectors.accounts import balance_of
from marketplace.selectors.offers import BookQuery, book_page
from marketplace.views.forms import BookForm
from marketplace.views.frame import is_part, place_open

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

LINES = 25


@login_required
def book(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Show what can be bought now, the price in total and per kWh beside the supplier's."""
    place = place_open(request, household_id)
    if is_part(request, "wallet"):
        balance = balance_of(household=place.household, now=place.now, community=place.community)
        return render(request, "marketplace/wallet.html", {"household": place.household, "balance": balance})
    form = BookForm(request.GET or {"sort": "price"})
    context: dict[str, Any] = {"form": form, "kept": _kept(form)}
    if place.community and form.is_valid():
        query = BookQuery(
            kind=form.cleaned_data["kind"],
            sort=form.cleaned_data["sort"] or "price",
            min_wh=form.min_wh(),
            max_price_uct_kwh=form.max_price_uct_kwh(),
            cursor=request.GET.get("after") or None,
            limit=LINES,
        )
        found = book_page(household=place.household, query=query, now=place.now, community=place.community)
        context |= {
            "lines": found.lines,
            "next_url": _url(place.household.pk, form, after=found.next_cursor) if found.next_cursor else "",
            "first_url": _url(place.household.pk, form) if query.cursor else "",
            "filtered": bool(form.cleaned_data["kind"] or query.min_wh or query.max_price_uct_kwh is not None),
        }
    context["here"] = request.get_full_path()
    if is_part(request, "book"):
        shared = {"household": place.household, "currency": place.currency, "zone": place.household.time_zone}
        return render(request, "marketplace/book_lines.html", shared | context | {"may_trade": place.may_trade})
    if place.community:
        context["balance"] = balance_of(household=place.household, now=place.now, community=place.community)
    return place.show("marketplace/book.html", context, section="book", status=200 if form.is_valid() else 422)


def _kept(form: BookForm) -> list[tuple[str, str]]:
    """Return the filters as they were typed, those that say something."""
    typed = [(name, str(form.data.get(name, "") or "")) for name in form.fields]
    return [(name, value) for name, value in typed if value]


def _url(household_id: uuid.UUID, form: BookForm, **more: str) -> str:
    return f"{reverse('market', args=(household_id,))}?{urlencode([*_kept(form), *more.items()])}"


urlpatterns = [path("households/<uuid:household_id>/market/", book, name="market")]
