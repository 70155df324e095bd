"""The market and its ledger for operators: the ledger is looked at only, the rest is decided by services."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from marketplace.models import (
    Account,
    Allocation,
    CashOrder,
    Entry,
    LedgerProof,
    Lot,
    Offer,
    SellableEnergy,
    Trade,
    Transfer,
)
from marketplace.models.ledger import CashState
from marketplace.models.offers import OfferState, TradeState
from marketplace.selectors.accounts import account_lines
from marketplace.services.cash import cash_confirm, cash_refuse
from marketplace.services.offers import offer_withdraw_by_operator
from marketplace.services.trades import trade_reverse
from myhouse.admin.base import ReadOnlyAdmin
from myhouse.admin.columns import currency_of, energy_text, money_text
from myhouse.admin.decisions import DecidingAdmin, Decision, ReasonForm
from myhouse.admin.filters import CommunityFilter, CommunityOfHouseholdFilter
from myhouse.admin.scope import scope_of
from myhouse.documents.services import Actor

_CAUSES: dict[str, tuple[Any, type[Model] | None]] = {
    "trade": (_("Trade"), Trade),
    "use": (_("Use"), None),
    "deposit": (_("Deposit"), CashOrder),
    "payout": (_("Payout"), CashOrder),
    "opening": (_("Opening"), None),
}
_STATES = {
    "open": "info",
    "sold": "success",
    "withdrawn": "warning",
    "closed": "",
    "reserved": "info",
    "done": "success",
    "reversed": "danger",
    "requested": "warning",
    "confirmed": "success",
    "refused": "danger",
    "cancelled": "",
}


def _withdraw(offer: Offer, given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    offer_withdraw_by_operator(offer_id=offer.pk, reason=given["reason"], actor=actor, now=now)


def _reverse(trade: Trade, given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    trade_reverse(trade_id=trade.pk, reason=given["reason"], actor=actor, now=now)


def _confirm(order: CashOrder, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    cash_confirm(order=order, actor=actor, now=now)


def _refuse(order: CashOrder, given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    cash_refuse(order=order, reason=given["reason"], actor=actor, now=now)


class _WithState:
    """Rows with a state, shown as a label."""

    @display(description=_("State"), label=_STATES, ordering="state")  # type: ignore[untyped-decorator] # the admin's look has no types
    def state_label(self, row: Any) -> tuple[str, str]:
        """Show the state in words, coloured by what it is."""
        return row.state, row.get_state_display()


@admin.register(Offer)
class OfferAdmin(_WithState, DecidingAdmin):
    """What members offer."""

    titles = (_("Offer"), _("Offers"))
    list_display = (
        "created_at",
        "seller",
        "kind",
        "state_label",
        "energy_wh",
        "left_wh",
        "price_uct_kwh",
        "total_uct",
        "window_start",
        "community",
    )
    list_filter = (CommunityFilter, "state", "kind", "created_at")
    search_households = ("seller_id",)
    related = ("seller", "community")
    ordering = ("-created_at",)
    scope = {"community_id": "communities"}
    decisions = (
        Decision(
            name="withdraw",
            title=_("Withdraw"),
            question=_("What is not yet sold of the offer is withdrawn. What was bought stays bought."),
            done=_("Withdrawn"),
            run=_withdraw,
            form=ReasonForm,
            icon="remove_shopping_cart",
            danger=True,
            managers=True,
            possible=lambda offer: offer.state == OfferState.OPEN,
        ),
    )

    def name_of(self, row: Offer) -> str:
        """Say who offers how much."""
        return f"{row.seller}, {energy_text(row.energy_wh)}"


@admin.register(Trade)
class TradeAdmin(_WithState, DecidingAdmin):
    """What was bought, and what became of it."""

    titles = (_("Trade"), _("Trades"))
    list_display = (
        "bought_at",
        "seller",
        "buyer",
        "state_label",
        "energy_wh",
        "total_uct",
        "delivered_wh",
        "paid_uct",
        "community",
    )
    list_filter = (CommunityFilter, "state", "kind", "bought_at")
    date_hierarchy = "bought_at"
    search_ids = ("offer_id",)
    search_households = ("seller_id", "buyer_id")
    related = ("seller", "buyer", "community")
    ordering = ("-bought_at",)
    scope = {"community_id": "communities"}
    decisions = (
        Decision(
            name="reverse",
            title=_("Reverse"),
            question=_("Money and energy go back by reversing transfers; nothing is deleted. Both homes are told."),
            done=_("Reversed"),
            run=_reverse,
            form=ReasonForm,
            icon="undo",
            danger=True,
            possible=lambda trade: trade.state != TradeState.REVERSED,
        ),
    )

    def name_of(self, row: Trade) -> str:
        """Say who bought how much from whom."""
        return f"{row.seller} → {row.buyer}, {energy_text(row.energy_wh)}"


@admin.register(SellableEnergy)
class SellableEnergyAdmin(ReadOnlyAdmin):
    """What each household could sell in which quarter-hour."""

    titles = (_("Sellable energy"), _("Sellable energy"))
    list_display = ("slot", "household", "expected_wh", "offered_wh", "sold_wh", "refreshed_at")
    list_filter = (CommunityOfHouseholdFilter,)
    search_households = ("household_id",)
    related = ("household",)
    paginator = InfinitePaginator
    ordering = ("household_id", "slot_start")
    scope = {"household_id": "households"}

    @admin.display(description=_("Quarter-hour"), ordering="slot_start")
    def slot(self, row: SellableEnergy) -> object:
        """Say which quarter-hour it is, or that it is about the battery now."""
        return _("Battery, now") if row.slot_start.year == 1970 else self.columns["slot_start"](row)


@admin.register(Lot)
class LotAdmin(ReadOnlyAdmin):
    """Traded energy that waits for the meter."""

    titles = (_("Lot"), _("Lots"))
    list_display = ("usable_from", "household", "side", "energy_wh", "used_wh", "money_uct", "open")
    list_filter = (CommunityOfHouseholdFilter, "side", "open")
    search_ids = ("trade_id",)
    search_households = ("household_id",)
    related = ("household", "trade")
    paginator = InfinitePaginator
    ordering = ("-usable_from",)
    scope = {"household_id": "households"}


@admin.register(Allocation)
class AllocationAdmin(ReadOnlyAdmin):
    """Which traded energy met the meter in which quarter-hour."""

    titles = (_("Allocation"), _("Allocations"))
    list_display = ("slot_start", "household", "side", "energy_wh", "money_uct", "alternative_uct", "at")
    list_filter = (CommunityFilter, "side", "slot_start")
    search_ids = ("trade_id", "lot_id")
    search_households = ("household_id",)
    related = ("household", "community")
    paginator = InfinitePaginator
    ordering = ("-slot_start",)
    scope = {"community_id": "communities"}


@admin.register(CashOrder)
class CashOrderAdmin(_WithState, DecidingAdmin):
    """Deposits and payouts, decided by the operator."""

    titles = (_("Deposit or payout"), _("Deposits and payouts"))
    list_display = (
        "reference",
        "household",
        "direction",
        "state_label",
        "amount_uct",
        "requested_at",
        "decided_at",
        "community",
    )
    list_filter = (CommunityFilter, "state", "direction", "requested_at")
    date_hierarchy = "requested_at"
    search_fields = ("reference",)
    search_households = ("household_id",)
    related = ("household", "community")
    ordering = ("-requested_at",)
    scope = {"community_id": "communities"}
    decisions = (
        Decision(
            name="confirm",
            title=_("Confirm"),
            question=_("A deposit: the money has arrived at the bank. A payout: the money has left it."),
            done=_("Confirmed"),
            run=_confirm,
            icon="check_circle",
            possible=lambda order: order.state == CashState.REQUESTED,
        ),
        Decision(
            name="refuse",
            title=_("Refuse"),
            question=_("Nothing is booked; what a payout had reserved is free again. The household reads the reason."),
            done=_("Refused"),
            run=_refuse,
            form=ReasonForm,
            icon="cancel",
            danger=True,
            possible=lambda order: order.state == CashState.REQUESTED,
        ),
    )

    def name_of(self, row: CashOrder) -> str:
        """Say which order it is, by whom, about how much."""
        return f"{row.reference}, {row.household}, {money_text(row.amount_uct, currency_of(row))}"


def _owner(account: Account) -> str:
    """Name the owner of an account; read for a whole list by `_owners_fill`."""
    if not hasattr(account, "owner_text"):
        _owners_fill([account])
    return str(account.owner_text)  # type: ignore[attr-defined] # kept for the list that shows it


def _owners_fill(accounts: Iterable[Account]) -> None:
    for line in account_lines(accounts=list(accounts)):
        line.account.owner_text = line.owner  # type: ignore[attr-defined] # kept for the list that shows it


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Accounts of households, communities and the outside world."""

    titles = (_("Account"), _("Accounts"))
    list_display = ("owner", "owner_kind", "asset", "balance", "reserved", "entries_count", "opened_at", "community")
    list_filter = (CommunityFilter, "owner_kind", "asset")
    search_households = ("owner_id",)
    related = ("community",)
    amounts = ("balance", "reserved")
    ordering = ("owner_kind", "owner_id", "asset")
    scope = {"community_id": "communities"}

    @admin.display(description=_("Owner"))
    def owner(self, account: Account) -> str:
        """Name the owner."""
        return _owner(account)

    def rows_fill(self, rows: Iterable[Any]) -> None:
        """Read the owners of the whole page."""
        _owners_fill(rows)


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    """Every transfer of the ledger; never changed."""

    titles = (_("Transfer"), _("Transfers"))
    list_display = ("at", "kind", "from_owner", "to_owner", "amount", "caused_by", "note", "community")
    list_filter = (CommunityFilter, "asset", "kind", "cause", "at")
    search_fields = ("key",)
    search_ids = ("cause_id", "debit_id", "credit_id", "of_id")
    related = ("debit", "credit", "community")
    amounts = ("amount",)
    paginator = InfinitePaginator
    ordering = ("-at",)
    scope = {"community_id": "communities"}

    @admin.display(description=_("From"))
    def from_owner(self, transfer: Transfer) -> str:
        """Name who gives."""
        return _owner(transfer.debit)

    @admin.display(description=_("To"))
    def to_owner(self, transfer: Transfer) -> str:
        """Name who gets."""
        return _owner(transfer.credit)

    @admin.display(description=_("Cause"), ordering="cause")
    def caused_by(self, transfer: Transfer) -> str:
        """Say what the transfer belongs to, leading to it."""
        word, model = _CAUSES.get(transfer.cause, (transfer.cause, None))
        if model is None:
            return str(word)
        meta = model._meta
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[transfer.cause_id])
        return format_html('<a class="row-link" href="{}">{}</a>', url, word)

    def rows_fill(self, rows: Iterable[Any]) -> None:
        """Read the owners of the whole page."""
        _owners_fill(account for row in rows for account in (row.debit, row.credit))


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """What each transfer changed on an account; never changed."""

    titles = (_("Entry"), _("Entries"))
    list_display = ("at", "owner", "number", "balance_change", "reserved_change", "balance_after", "reserved_after")
    list_filter = ("at",)
    search_ids = ("account_id", "transfer_id")
    related = ("account", "transfer")
    amounts = ("balance_change", "reserved_change", "balance_after", "reserved_after")
    paginator = InfinitePaginator
    ordering = ("-pk",)
    scope = {}

    @admin.display(description=_("Account"))
    def owner(self, entry: Entry) -> str:
        """Name the owner of the account."""
        return f"{_owner(entry.account)}, {entry.account.get_asset_display()}"

    def rows_fill(self, rows: Iterable[Any]) -> None:
        """Read the owners of the whole page."""
        _owners_fill(row.account for row in rows)

    def in_scope(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Show a manager the entries on the accounts of his communities."""
        return rows.filter(account_id__in=_accounts_seen(request))


def _accounts_seen(request: HttpRequest) -> list[UUID]:
    scope = scope_of(request)
    if "accounts" not in scope.kept:
        rows = scope.limit(Account.objects.all(), community_id="communities")
        scope.kept["accounts"] = list(rows.values_list("pk", flat=True))
    return scope.kept["accounts"]


@admin.register(LedgerProof)
class LedgerProofAdmin(ReadOnlyAdmin):
    """Checks of the whole ledger; for the operator."""

    titles = (_("Proof of the ledger"), _("Proofs of the ledger"))
    list_display = ("at", "sound", "finding", "accounts", "transfers", "entries", "took_ms")
    list_filter = ("sound", "at")
    ordering = ("-at",)
