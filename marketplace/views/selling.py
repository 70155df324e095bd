"""One's own offers: the list with what is sold of each, making, changing and withdrawing them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from marketplace.limits import OFFERS, trading_count
from marketplace.models.offers import OfferKind
from marketplace.selectors.offers import offer_for, own_offers_page
from marketplace.selectors.sellable import Sellable, sellable_of
from marketplace.services.offers import offer_change, offer_create, offer_withdraw
from marketplace.views.asking import Asking, asking_of
from marketplace.views.drawing import surplus_chart
from marketplace.views.forms import (
    ChangeForm,
    OfferForm,
    WindowForm,
    offer_initial,
    refuse,
    stored_initial,
    window_initial,
)
from marketplace.views.frame import is_part, place_open
from marketplace.views.sending import key_fresh, send_once
from myhouse.errors import UnableTo
from myhouse.views.gate import actor_from, user_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from marketplace.selectors.offers import OfferLine
    from marketplace.views.frame import Place

LINES = 25


@login_required
def own_offers(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """List the household's offers, the newest first, each with what is sold of it."""
    place = place_open(request, household_id)
    cursor = request.GET.get("after") or None
    found = own_offers_page(
        household=place.household, now=place.now, cursor=cursor, limit=LINES, since=place.access.since
    )
    next_url = f"{request.path}?after={found.next_cursor}" if found.next_cursor else ""
    context = {"lines": found.lines, "next_url": next_url, "first_url": request.path if cursor else ""}
    context["here"] = request.get_full_path()
    if is_part(request, "own-offers"):
        shared = {"household": place.household, "currency": place.currency, "zone": place.household.time_zone}
        return render(request, "marketplace/own_lines.html", shared | context | {"may_trade": place.may_trade})
    return place.show("marketplace/own.html", context, section="own")


@login_required
def offer_new(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Offer stored energy, or surplus expected in a window."""
    place = place_open(request, household_id)
    place.require_trading()
    kind = _kind(request)
    sellable = sellable_of(household=place.household, now=place.now)
    if request.method != "POST":
        return _form(place, kind, _new_form(place, kind, sellable), sellable)
    trading_count(limit=OFFERS, user_id=user_of(request).pk, now=place.now)
    form = _new_form(place, kind, sellable, data=request.POST)
    if form.is_valid():
        try:
            send_once(request, now=place.now, run=lambda: _created(place, kind, form))
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, _("Your offer is in the book."))
            return redirect("market-offers", household_id)
    return _form(place, kind, form, sellable, status=422)


@login_required
@require_POST
def offer_try(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Say what is wrong with an offer so far, or what it would bring; nothing is written."""
    place = place_open(request, household_id)
    place.require_trading()
    kind = _kind(request)
    sellable = sellable_of(household=place.household, now=place.now)
    form = _new_form(place, kind, sellable, data=request.POST)
    return _check(place, form, _asking(place, form, sellable))


@login_required
def offer_edit(request: HttpRequest, household_id: uuid.UUID, offer_id: uuid.UUID) -> HttpResponse:
    """Change amount and price of an offer of which nothing is sold."""
    place = place_open(request, household_id)
    place.require_trading()
    line = _own(place, offer_id)
    form = ChangeForm(request.POST or None, initial=offer_initial(line.offer))
    if request.method == "POST" and form.is_valid():
        trading_count(limit=OFFERS, user_id=user_of(request).pk, now=place.now)
        try:
            send_once(request, now=place.now, run=lambda: _changed(place, line, form))
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, _("Your offer was changed."))
            return redirect("market-offer", household_id, offer_id)
    try_url = reverse("market-offer-change-try", args=(household_id, offer_id))
    context = {"line": line, "form": form, "once": key_fresh(), "try_url": try_url}
    status = 422 if request.method == "POST" else 200
    return place.show("marketplace/offer_change.html", context, section="own", status=status)


@login_required
@require_POST
def offer_edit_try(request: HttpRequest, household_id: uuid.UUID, offer_id: uuid.UUID) -> HttpResponse:
    """Say what a change would bring; nothing is written."""
    place = place_open(request, household_id)
    place.require_trading()
    line, form = _own(place, offer_id), ChangeForm(request.POST)
    window = (line.offer.window_start, line.offer.window_end)
    time = window if line.offer.kind == OfferKind.WINDOW else (place.now, place.now)
    return _check(place, form, asking_of(place, form, time=time, free_wh=None))


@login_required
@require_POST
def offer_end(request: HttpRequest, household_id: uuid.UUID, offer_id: uuid.UUID) -> HttpResponse:
    """Withdraw what is not sold of an offer."""
    place = place_open(request, household_id)
    place.access.require_change()
    _own(place, offer_id)

    def run() -> uuid.UUID:
        who = actor_from(request)
        return offer_withdraw(offer_id=offer_id, household=place.household, actor=who, now=place.now).pk

    try:
        send_once(request, now=place.now, run=run)
    except UnableTo as refusal:
        messages.error(request, refusal.message)
        return redirect("market-offer", household_id, offer_id)
    messages.success(request, _("Your offer was withdrawn. What was sold of it stays sold."))
    return redirect("market-offers", household_id)


def _kind(request: HttpRequest) -> str:
    kind = request.POST.get("kind") or request.GET.get("kind") or OfferKind.STORED.value
    if kind not in OfferKind.values:
        raise Http404
    return kind


def _own(place: Place, offer_id: uuid.UUID) -> OfferLine:
    """Open one of the household's own offers; a neighbour's is not there to be changed."""
    line = offer_for(household=place.household, offer_id=offer_id, now=place.now, community=place.community)
    if not line.own:
        raise Http404
    return line


def _new_form(place: Place, kind: str, sellable: Sellable, data: Any = None) -> OfferForm:
    if kind == OfferKind.WINDOW:
        zone, language = place.household.time_zone, get_language() or "en"
        initial = window_initial(sellable)
        return WindowForm(data, slots=_offered(sellable, place), zone=zone, language=language, initial=initial)
    return OfferForm(data, initial=stored_initial(sellable))


def _offered(sellable: Sellable, place: Place) -> list[Any]:
    """Only quarter-hours that have not begun can be offered."""
    return [slot for slot in sellable.slots if slot.start > place.now]


def _created(place: Place, kind: str, form: OfferForm) -> uuid.UUID:
    made = offer_create(
        household=place.household,
        kind=kind,
        energy_wh=form.energy_wh(),
        total_uct=form.total_uct(),
        window=form.window() if isinstance(form, WindowForm) else None,
        actor=actor_from(place.request),
        now=place.now,
    )
    return made.pk


def _changed(place: Place, line: OfferLine, form: ChangeForm) -> uuid.UUID:
    changed = offer_change(
        offer_id=line.offer.pk,
        household=place.household,
        energy_wh=form.energy_wh(),
        total_uct=form.total_uct(),
        version=form.cleaned_data["version"],
        actor=actor_from(place.request),
        now=place.now,
    )
    return changed.pk


def _check(place: Place, form: OfferForm, asking: Asking | None) -> HttpResponse:
    context = {"form": form, "asking": asking, "currency": place.currency}
    return render(place.request, "marketplace/offer_check.html", context)


def _asking(place: Place, form: OfferForm, sellable: Sellable) -> Asking | None:
    if not form.is_valid():
        return None
    if not isinstance(form, WindowForm):
        return asking_of(place, form, time=(place.now, place.now), free_wh=sellable.stored_free_wh)
    start, end = form.window()
    free = sum(slot.free_wh for slot in sellable.slots if start <= slot.start < end)
    return asking_of(place, form, time=(start, end), free_wh=free)


def _form(place: Place, kind: str, form: OfferForm, sellable: Sellable, status: int = 200) -> HttpResponse:
    window = kind == OfferKind.WINDOW
    context = {
        "form": form,
        "kind": kind,
        "sellable": sellable,
        "surplus_wh": sum(slot.free_wh for slot in sellable.slots),
        "chart": surplus_chart(sellable=sellable, zone=place.household.time_zone) if window else None,
        "once": key_fresh(),
        "try_url": f"{reverse('market-offer-try', args=(place.household.pk,))}?kind={kind}",
        "asking": _asking(place, form, sellable) if form.is_bound else None,
    }
    return place.show("marketplace/offer_new.html", context, section="own", status=status)


_BASE = "households/<uuid:household_id>/market/offers/"
urlpatterns = [
    path(_BASE, own_offers, name="market-offers"),
    path(f"{_BASE}new/", offer_new, name="market-offer-new"),
    path(f"{_BASE}try/", offer_try, name="market-offer-try"),
    path(f"{_BASE}<uuid:offer_id>/change/", offer_edit, name="market-offer-change"),
    path(f"{_BASE}<uuid:offer_id>/change/try/", offer_edit_try, name="market-offer-change-try"),
    path(f"{_BASE}<uuid:offer_id>/withdraw/", offer_end, name="market-offer-withdraw"),
]
