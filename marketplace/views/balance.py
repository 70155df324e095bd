"""The balance: what is there, every movement with what caused it, money in and out."""

from __future__ import annotations

import tempfile
import uuid
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from marketplace.limits import CASH_ORDERS, trading_count
from marketplace.models.ledger import Asset, CashState
from marketplace.selectors.accounts import (
    balance_of,
    cash_order_for,
    cash_orders_of,
    movement_for,
    movements_page,
    movements_table,
)
from marketplace.services.cash import cash_cancel, deposit_request, payout_request
from marketplace.views.forms import DepositForm, PayoutForm, refuse
from marketplace.views.frame import is_part, place_open
from marketplace.views.sending import key_fresh, send_once
from myhouse.errors import NotFound, UnableTo
from myhouse.exports import table_csv, table_xlsx
from myhouse.views.gate import actor_from, user_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from marketplace.models import Account
    from marketplace.selectors.accounts import Balance
    from marketplace.views.frame import Place
    from myhouse.exports import Table

LINES = 15
ORDERS_SHOWN = 20


@login_required
def balance(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Show what the household has and how it came to that."""
    place = place_open(request, household_id)
    if is_part(request, "have"):
        have = balance_of(household=place.household, now=place.now, community=place.community)
        shown = {"household": place.household, "currency": place.currency, "balance": have}
        return render(request, "marketplace/balance_have.html", shown)
    if is_part(request, "balance"):
        found = _balance(place)
        shared = {"household": place.household, "currency": place.currency, "zone": place.household.time_zone}
        return render(request, "marketplace/balance_body.html", shared | found)
    return _page(place)


@login_required
def movement(request: HttpRequest, household_id: uuid.UUID, transfer_id: uuid.UUID) -> HttpResponse:
    """Show one movement and what caused it."""
    place = place_open(request, household_id)
    found = movement_for(household=place.household, transfer_id=transfer_id)
    if found.line.at < place.access.since:
        raise NotFound(_("There is no such movement, or it is not yours."))
    is_money = found.account.asset == Asset.MONEY
    context = {"detail": found, "is_money": is_money, "currency": found.account.currency}
    return place.show("marketplace/movement.html", context, anywhere=True)


@login_required
def balance_export(request: HttpRequest, household_id: uuid.UUID, form: str) -> HttpResponseBase:
    """Hand out all movements of money or energy as CSV or Excel, the oldest first."""
    place = place_open(request, household_id)
    asset, account = _account(place, balance_of(household=place.household, now=place.now, community=place.community))
    if form not in {"csv", "xlsx"} or account is None:
        raise Http404
    table = movements_table(account=account, zone=place.household.time_zone, since=place.access.since)
    name = f"movements-{asset}-{place.now:%Y-%m-%d}.{form}"
    if form == "csv":
        return StreamingHttpResponse(
            table_csv(table),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
    return FileResponse(_workbook(table), as_attachment=True, filename=name)


@login_required
@require_POST
def deposit(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Announce a deposit; the reference it gets is what the bank transfer has to name."""
    place = place_open(request, household_id)
    place.require_trading()
    form = DepositForm(request.POST, auto_id="deposit_%s")

    def run() -> uuid.UUID:
        who = actor_from(request)
        amount = form.amount_uct()
        return deposit_request(household=place.household, amount_uct=amount, actor=who, now=place.now).pk

    done = _("Your deposit is announced. Name its reference in the bank transfer.")
    return _ordered(place, form, run, done, deposit_form=form)


@login_required
@require_POST
def payout(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Ask for money to be paid out; it is reserved at once."""
    place = place_open(request, household_id)
    place.require_trading()
    form = PayoutForm(request.POST, auto_id="payout_%s")

    def run() -> uuid.UUID:
        who, note = actor_from(request), form.cleaned_data["note"]
        amount = form.amount_uct()
        return payout_request(household=place.household, amount_uct=amount, note=note, actor=who, now=place.now).pk

    done = _("Your payout is asked for. The amount is reserved until an operator has decided.")
    return _ordered(place, form, run, done, payout_form=form)


@login_required
@require_POST
def order_cancel(request: HttpRequest, household_id: uuid.UUID, order_id: uuid.UUID) -> HttpResponse:
    """Take back a deposit or payout nobody has decided on."""
    place = place_open(request, household_id)
    place.access.require_change()
    order = cash_order_for(household=place.household, order_id=order_id, since=place.access.since)

    def run() -> uuid.UUID:
        return cash_cancel(order=order, actor=actor_from(request), now=place.now).pk

    try:
        send_once(request, now=place.now, run=run)
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("It was cancelled."))
    return redirect("market-balance", household_id)


def _ordered(place: Place, form: DepositForm, run: Any, done: str, **forms: DepositForm) -> HttpResponse:
    """Ask for money in or out once, or show the page again with what was typed."""
    trading_count(limit=CASH_ORDERS, user_id=user_of(place.request).pk, now=place.now)
    if form.is_valid():
        try:
            send_once(place.request, now=place.now, run=run)
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(place.request, done)
            return redirect("market-balance", place.household.pk)
    return _page(place, status=422, **forms)


def _page(place: Place, *, status: int = 200, **forms: DepositForm) -> HttpResponse:
    orders = cash_orders_of(household=place.household, since=place.access.since)
    context = {
        **_balance(place),
        "deposit_form": DepositForm(auto_id="deposit_%s"),
        "payout_form": PayoutForm(auto_id="payout_%s"),
        "pending": [order for order in orders if order.state == CashState.REQUESTED],
        "decided": [order for order in orders if order.state != CashState.REQUESTED][:ORDERS_SHOWN],
        "deposit_once": key_fresh(),
        "payout_once": key_fresh(),
        "cancel_once": key_fresh(),
        **forms,
    }
    return place.show("marketplace/balance.html", context, section="balance", status=status)


def _balance(place: Place) -> dict[str, Any]:
    """Return what is there and a page of movements of money or energy."""
    request, found = place.request, balance_of(household=place.household, now=place.now, community=place.community)
    asset, account = _account(place, found)
    cursor = request.GET.get("after") or None
    base = reverse("market-balance", args=(place.household.pk,))
    kept = [("account", asset)] if asset != Asset.MONEY else []
    movements = (
        movements_page(account=account, limit=LINES, cursor=cursor, since=place.access.since) if account else None
    )
    next_cursor = movements.next_cursor if movements else None
    exports = [(label, _export_url(place, form, asset)) for form, label in (("csv", "CSV"), ("xlsx", "Excel"))]
    return {
        "balance": found,
        "asset": asset,
        "is_money": asset == Asset.MONEY,
        "movements": movements.items if movements else [],
        "next_url": f"{base}?{urlencode([*kept, ('after', next_cursor)])}" if next_cursor else "",
        "first_url": f"{base}?{urlencode(kept)}" if cursor else "",
        "exports": exports if account else [],
        "here": f"{base}?{request.GET.urlencode()}",
    }


def _export_url(place: Place, form: str, asset: str) -> str:
    return f"{reverse('market-balance-export', args=(place.household.pk, form))}?{urlencode([('account', asset)])}"


def _account(place: Place, found: Balance) -> tuple[str, Account | None]:
    """Return which of the two accounts is asked for: money unless energy is."""
    if place.request.GET.get("account") == Asset.ENERGY:
        return Asset.ENERGY.value, found.energy
    return Asset.MONEY.value, found.money


def _workbook(table: Table) -> IO[bytes]:
    file = tempfile.TemporaryFile(prefix="myhouse-export-")  # noqa: SIM115 - the response closes it
    table_xlsx(table, file)
    file.seek(0)
    return file


_BASE = "households/<uuid:household_id>/balance/"
urlpatterns = [
    path(_BASE, balance, name="market-balance"),
    path(f"{_BASE}deposit/", deposit, name="market-deposit"),
    path(f"{_BASE}payout/", payout, name="market-payout"),
    path(f"{_BASE}export/<str:form>/", balance_export, name="market-balance-export"),
    path(f"{_BASE}orders/<uuid:order_id>/cancel/", order_cancel, name="market-order-cancel"),
    path(f"{_BASE}<uuid:transfer_id>/", movement, name="market-movement"),
]
