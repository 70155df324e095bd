"""One offer: what it is, what a part of it costs, and buying it at exactly the price that was shown."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _

from marketplace.limits import PURCHASES, trading_count
from marketplace.selectors.accounts import balance_of
from marketplace.selectors.offers import offer_for, part_price
from marketplace.services.trades import offer_buy
from marketplace.views.forms import BuyForm, refuse
from marketplace.views.frame import is_part, place_open
from marketplace.views.sending import key_fresh, send_once
from myhouse.errors import NotFound, UnableTo
from myhouse.views.gate import actor_from, user_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from marketplace.selectors.accounts import Balance
    from marketplace.selectors.offers import OfferLine
    from marketplace.views.frame import Place


@dataclass(frozen=True)
class Price:
    """What a part of an offer costs, beside what the supplier would charge for as much; micro-cents."""

    energy_wh: int
    total_uct: int
    supplier_uct: int | None
    available_uct: int
    left_wh: int

    @property
    def price_uct_kwh(self) -> int:
        """The price of this part per kWh, rounded for showing."""
        return round(self.total_uct * 1000 / self.energy_wh)

    @property
    def saving_uct(self) -> int | None:
        """What is saved against the supplier; negative when the supplier is cheaper."""
        return None if self.supplier_uct is None else self.supplier_uct - self.total_uct

    @property
    def rest_uct(self) -> int:
        """What can be spent afterwards; negative when it does not suffice."""
        return self.available_uct - self.total_uct

    @property
    def too_much(self) -> bool:
        """Whether not so much is left."""
        return self.energy_wh > self.left_wh


@login_required
def offer(request: HttpRequest, household_id: uuid.UUID, offer_id: uuid.UUID) -> HttpResponse:
    """Show an offer; POST buys a part of it, once."""
    place = place_open(request, household_id)
    try:
        # Who sends his purchase again, or comes too late, is told so; the first answer may be waiting for him.
        line = offer_for(
            household=place.household,
            offer_id=offer_id,
            now=place.now,
            community=place.community,
            ended=request.method == "POST",
        )
    except NotFound:
        if is_part(request, "offer-now"):
            return render(request, "marketplace/offer_gone.html", {"household": place.household})
        raise
    if request.method == "POST":
        return _buy(place, line)
    form = BuyForm(initial={"energy": _kwh(_suggested(line))})
    price = _price(
        line, _suggested(line), balance_of(household=place.household, now=place.now, community=place.community)
    )
    if is_part(request, "offer-now"):
        shared = {"household": place.household, "currency": place.currency, "zone": place.household.time_zone}
        return render(request, "marketplace/offer_now.html", shared | {"line": line, "may_trade": place.may_trade})
    return _show(place, line, form=form, price=price)


@login_required
def offer_price(request: HttpRequest, household_id: uuid.UUID, offer_id: uuid.UUID) -> HttpResponse:
    """Say what the amount typed so far costs; nothing is written."""
    place = place_open(request, household_id)
    try:
        line = offer_for(household=place.household, offer_id=offer_id, now=place.now, community=place.community)
    except NotFound:
        if not getattr(request, "htmx", None):
            raise
        return render(request, "marketplace/offer_price.html", {"gone": True})
    form = BuyForm(request.GET)
    context: dict[str, Any] = {"form": form, "line": line, "currency": place.currency, "household": place.household}
    if form.is_valid() and form.energy_wh() > 0:
        balance = balance_of(household=place.household, now=place.now, community=place.community)
        context["price"] = _price(line, form.energy_wh(), balance)
    return render(request, "marketplace/offer_price.html", context)


def _buy(place: Place, line: OfferLine) -> HttpResponse:
    place.require_trading()
    trading_count(limit=PURCHASES, user_id=user_of(place.request).pk, now=place.now)
    form = BuyForm(place.request.POST)
    balance = balance_of(household=place.household, now=place.now, community=place.community)
    if not form.is_valid():
        return _show(place, line, form=form, price=_price(line, _suggested(line), balance), status=422)
    energy_wh = form.energy_wh()
    price = _price(line, energy_wh, balance)
    if form.cleaned_data["shown_wh"] != energy_wh or form.cleaned_data["version"] is None:
        # Nobody pays a price that he was not shown.
        messages.info(place.request, _("This is the price of the amount you typed. Buy it if you agree."))
        return _show(place, line, form=_again(form, line, energy_wh), price=price)
    try:
        trade_id = send_once(place.request, now=place.now, run=lambda: _bought(place, line, form))
    except UnableTo as refusal:
        fresh = offer_for(
            household=place.household,
            offer_id=line.offer.pk,
            now=place.now,
            community=place.community,
            ended=True,
        )
        form = _again(form, fresh, energy_wh)
        refuse(form, refusal)
        return _show(place, fresh, form=form, price=_price(fresh, energy_wh, balance), status=422)
    messages.success(place.request, _("Bought. Your balance and your energy account show it."))
    return redirect("market-trade", place.household.pk, trade_id)


def _bought(place: Place, line: OfferLine, form: BuyForm) -> uuid.UUID:
    trade = offer_buy(
        offer_id=line.offer.pk,
        household=place.household,
        energy_wh=form.energy_wh(),
        version=form.cleaned_data["version"],
        actor=actor_from(place.request),
        now=place.now,
    )
    return trade.pk


def _again(form: BuyForm, line: OfferLine, energy_wh: int) -> BuyForm:
    """Return the form with what was typed, now beside the price of just that."""
    typed = {"energy": form.data.get("energy", ""), "shown_wh": energy_wh, "version": line.offer.version}
    again = BuyForm(typed)
    again.is_valid()
    return again


def _price(line: OfferLine, energy_wh: int, balance: Balance) -> Price | None:
    """Work out what an amount costs; nothing for none."""
    if energy_wh <= 0:
        return None
    within = min(energy_wh, line.offer.left_wh)
    if within <= 0:
        return None
    supplier = line.supplier_uct_kwh
    return Price(
        energy_wh=energy_wh,
        total_uct=part_price(offer=line.offer, energy_wh=within),
        supplier_uct=None if supplier is None else supplier * energy_wh // 1000,
        available_uct=balance.available_uct,
        left_wh=line.offer.left_wh,
    )


def _suggested(line: OfferLine) -> int:
    """Begin with all that can be had of it."""
    return min(line.offer.left_wh, line.deliverable_wh) or line.offer.left_wh


def _kwh(watt_hours: int) -> Decimal:
    return Decimal(watt_hours) / 1000


def _show(place: Place, line: OfferLine, *, form: BuyForm, price: Price | None, status: int = 200) -> HttpResponse:
    context = {
        "line": line,
        "form": form,
        "price": price,
        "once": key_fresh(),
        "here": place.request.path,
        "slider_max": max(line.offer.left_wh, 1),
        "slider_at": price.energy_wh if price else 0,
    }
    section = "own" if line.own else "book"
    return place.show("marketplace/offer.html", context, section=section, status=status)


_BASE = "households/<uuid:household_id>/market/offers/<uuid:offer_id>/"
urlpatterns = [
    path(_BASE, offer, name="market-offer"),
    path(f"{_BASE}price/", offer_price, name="market-offer-price"),
]
