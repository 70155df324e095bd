"""Pages of supplier contracts: a time line, a form per kind of price, checks while one types."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from myhouse.errors import UnableTo
from myhouse.models import Household, SupplierContract
from myhouse.models.tariffs import Direction, ReferenceKind
from myhouse.selectors.households import Access
from myhouse.selectors.reference import Figures, references, sources_of
from myhouse.selectors.tariffs import ContractLine, contract_for, contract_timeline
from myhouse.services.tariffs import contract_change, contract_check, contract_create, contract_remove
from myhouse.statistics.sun import country_of_zone
from myhouse.tariffs.clock import QUARTER_MS
from myhouse.tariffs.pricing import UNKNOWN, cost, gross_price, price_per_quarter
from myhouse.tariffs.terms import Dynamic, Flat, Terms, Tiers, TimeOfUse, terms_read
from myhouse.views.gate import actor_from, household_open
from myhouse.views.tariff_editor import ContractEditor, editor_of
from myhouse.views.tariff_forms import KIND_LABELS, KINDS
from telemetry.calendar import day_start_ms

EXAMPLE_KWH = 3_500
GERMAN_VAT = 19  # in per cent; elsewhere electricity has rates of its own, and the household fills it in
TITLES = {"import": gettext_lazy("Buying energy"), "export": gettext_lazy("Feeding in")}


@login_required
def contracts(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """List the contracts of both directions as a time line, with the gaps between them."""
    access = household_open(request, household_id)
    access.require_member()
    now = timezone.now()
    known = references()
    lines = contract_timeline(household=access.household, now=now)
    prices = [line.terms.price for both in lines.values() for line in both]
    used = {price.reference for price in prices if isinstance(price, Dynamic)}
    context = {
        "household": access.household,
        "access": access,
        "directions": [
            {
                "name": direction,
                "title": TITLES[direction],
                "lines": [_line(line, access.household) for line in found],
                "kinds": [{"kind": kind, "label": KIND_LABELS[kind]} for kind in _kinds(direction)],
            }
            for direction, found in lines.items()
        ],
        "sources": sources_of(series for series in known if series.name in used),
    }
    return render(request, "tariffs/list.html", context)


def _kinds(direction: str) -> list[str]:
    """Export is not paid by tiers."""
    return [kind for kind in KINDS if direction == Direction.IMPORT or kind != "tiers"]


def _line(line: ContractLine, household: Household) -> dict[str, Any]:
    price = line.terms.price
    figures: list[tuple[Any, int]] = []
    if isinstance(price, Flat):
        figures = [(_("All day"), price.uct_per_wh)]
    elif isinstance(price, TimeOfUse):
        figures = [(zone.name, zone.uct_per_wh) for zone in price.zones]
    elif isinstance(price, Tiers):
        figures = [(_tier_name(tier.up_to_wh), tier.uct_per_wh) for tier in price.tiers]
    gross = gross_price(line.terms, np.array([net for _name, net in figures], np.int64)).tolist() if figures else []
    return {
        "line": line,
        "contract": line.contract,
        "kind": KIND_LABELS[line.contract.terms["price"]["kind"]],
        "prices": [(name, price) for (name, _net), price in zip(figures, gross, strict=True)],
        "dynamic": price if isinstance(price, Dynamic) else None,
        "on_top": _on_top(line.terms),
        "fees": line.terms.fees,
        "vat": f"{line.terms.vat_per_mille / 10:g}" if line.terms.vat_per_mille else "",
        "starts_past": line.state != "future",
        "currency": household.currency,
    }


def _on_top(terms: Terms) -> int | None:
    """What comes on top of the market price, levies and VAT included."""
    if not isinstance(terms.price, Dynamic):
        return None
    return int(gross_price(terms, np.array([terms.price.markup_uct_per_wh], np.int64))[0])


def _tier_name(up_to_wh: int | None) -> str:
    if up_to_wh is None:
        return _("Beyond")
    return _("Up to %(kwh)s kWh") % {"kwh": f"{up_to_wh / 1000:g}"}


@login_required
def contract_new(request: HttpRequest, household_id: uuid.UUID, direction: str, kind: str) -> HttpResponse:
    """Add a contract."""
    access = household_open(request, household_id)
    access.require_change()
    if direction not in Direction.values or kind not in _kinds(direction):
        raise Http404
    today = _today(access.household)
    country = country_of_zone(access.household.time_zone)
    vat = GERMAN_VAT if country == "DE" else None
    initial = {
        "starts_on": today.replace(day=1),
        "country": country,
        "vat": vat if direction == Direction.IMPORT else 0,
    }
    editor = _editor(request, direction, kind, initial=initial)
    if request.method == "POST" and "more" not in request.POST and editor.is_valid():
        try:
            made = contract_create(
                household=access.household,
                direction=direction,
                actor=actor_from(request),
                now=timezone.now(),
                **editor.fields(),
            )
        except UnableTo as refusal:
            editor.refuse(refusal)
        else:
            return _saved(request, made)
    return _form(request, access, editor, contract=None)


@login_required
def contract_edit(request: HttpRequest, household_id: uuid.UUID, contract_id: uuid.UUID) -> HttpResponse:
    """Change a contract; what it covers is priced anew."""
    access = household_open(request, household_id)
    access.require_change()
    contract = contract_for(household=access.household, contract_id=contract_id)
    editor = _editor(request, contract.direction, contract.terms["price"]["kind"], contract=contract)
    if request.method == "POST" and "more" not in request.POST and editor.is_valid():
        try:
            changed = contract_change(
                contract=contract,
                actor=actor_from(request),
                now=timezone.now(),
                version=editor.base.cleaned_data["version"],
                **editor.fields(),
            )
        except UnableTo as refusal:
            editor.refuse(refusal)
        else:
            return _saved(request, changed)
    return _form(request, access, editor, contract=contract)


@login_required
@require_POST
def contract_delete(request: HttpRequest, household_id: uuid.UUID, contract_id: uuid.UUID) -> HttpResponse:
    """Remove a contract."""
    access = household_open(request, household_id)
    access.require_change()
    contract = contract_for(household=access.household, contract_id=contract_id)
    name = str(contract)
    contract_remove(contract=contract, actor=actor_from(request), now=timezone.now())
    messages.success(request, _("“%(name)s” was removed. Its days show no cost now.") % {"name": name})
    return redirect("contracts", household_id)


@login_required
@require_POST
def contract_try(request: HttpRequest, household_id: uuid.UUID, direction: str, kind: str) -> HttpResponse:
    """Say what is wrong so far, or what the contract would cost; nothing is written."""
    access = household_open(request, household_id)
    access.require_change()
    if direction not in Direction.values or kind not in _kinds(direction):
        raise Http404
    editor = _editor(request, direction, kind)
    context: dict[str, Any] = {"household": access.household, "direction": direction}
    if editor.is_valid():
        try:
            contract_check(
                household=access.household,
                direction=direction,
                contract_id=_uuid(request.GET.get("contract")),
                **editor.fields(),
            )
        except UnableTo as refusal:
            editor.refuse(refusal)
        else:
            terms = terms_read(editor.terms(), direction=direction)
            context |= example_of(terms, household=access.household, now=timezone.now())
    return render(request, "tariffs/check.html", context | {"errors": editor.errors()})


def example_of(terms: Terms, *, household: Household, now: datetime) -> dict[str, Any]:
    """Return the price now, the span of prices this year, and what an even use over the year would cost."""
    zone, figures = household.time_zone, Figures.load()
    year = now.astimezone(ZoneInfo(zone)).year
    start, end = day_start_ms(zone, date(year, 1, 1)), day_start_ms(zone, date(year + 1, 1, 1))
    starts = np.arange(start, end, QUARTER_MS, dtype=np.int64)
    gross = gross_price(terms, price_per_quarter(terms, starts, zone, figures.market))
    known = gross[gross != UNKNOWN]
    if not len(known):
        return {"no_market": True}
    used = np.zeros(len(starts), np.int64)
    priced = gross != UNKNOWN
    used[priced] = EXAMPLE_KWH * 1_000_000_000 // int(priced.sum())
    at = int(gross[np.searchsorted(starts, int(now.timestamp() * 1000), side="right") - 1])
    return {
        "price_now": None if at == UNKNOWN else at,
        "price_low": int(known.min()),
        "price_high": int(known.max()),
        "example_kwh": EXAMPLE_KWH,
        "example": cost(terms, starts, used, zone, figures.market),
    }


def _editor(
    request: HttpRequest,
    direction: str,
    kind: str,
    *,
    contract: SupplierContract | None = None,
    initial: dict[str, Any] | None = None,
) -> ContractEditor:
    """Make the forms from what was sent; the button for more rows only adds an empty one."""
    data = None
    if request.method == "POST":
        data = request.POST.copy()
        rows = data.get("more", "")
        count = data.get(f"{rows}-TOTAL_FORMS", "")
        if count.isascii() and count.isdigit():
            data[f"{rows}-TOTAL_FORMS"] = str(int(count[:4]) + 1)
    names = [series.name for series in references(kind=ReferenceKind.PRICE)] if kind == "dynamic" else []
    return editor_of(direction=direction, kind=kind, references=names, data=data, contract=contract, initial=initial)


def _form(
    request: HttpRequest, access: Access, editor: ContractEditor, *, contract: SupplierContract | None
) -> HttpResponse:
    """Show the form with everything that was typed."""
    household = access.household
    query = f"?contract={contract.pk}" if contract else ""
    tried = reverse("contract-try", args=(household.pk, editor.direction, editor.kind)) + query
    sent = request.method == "POST" and "more" not in request.POST
    starts_on = contract.starts_on if contract else None
    context = {
        "household": household,
        "access": access,
        "editor": editor,
        "contract": contract,
        "title": TITLES[editor.direction],
        "kind_label": KIND_LABELS[editor.kind],
        "try_url": tried,
        "reprices": starts_on is not None and starts_on < _today(household),
        "single": list(editor.single.items()),
        "sources": sources_of(references(kind=ReferenceKind.PRICE)) if editor.kind == "dynamic" else [],
    }
    return render(request, "tariffs/form.html", context, status=422 if sent else 200)


def _saved(request: HttpRequest, contract: SupplierContract) -> HttpResponse:
    text = _("“%(name)s” was saved.") % {"name": str(contract)}
    if contract.starts_on < _today(contract.household):
        since = date_format(contract.starts_on, "DATE_FORMAT")
        text += " " + _("Costs since %(day)s are worked out anew.") % {"day": since}
    messages.success(request, text)
    return redirect("contracts", contract.household_id)


def _today(household: Household) -> date:
    return timezone.now().astimezone(ZoneInfo(household.time_zone)).date()


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None


_BASE = "households/<uuid:household_id>/contracts/"
urlpatterns = [
    path(_BASE, contracts, name="contracts"),
    path(f"{_BASE}new/<str:direction>/<str:kind>/", contract_new, name="contract-new"),
    path(f"{_BASE}try/<str:direction>/<str:kind>/", contract_try, name="contract-try"),
    path(f"{_BASE}<uuid:contract_id>/", contract_edit, name="contract"),
    path(f"{_BASE}<uuid:contract_id>/remove/", contract_delete, name="contract-remove"),
]
