"""REST API of balances: a household's accounts, their movements, deposits and payouts."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import (
    Amount,
    CurrencyAsked,
    Money,
    MoneyAsked,
    amount,
    currency_check,
    told_by_our_names,
)
from marketplace.api.gate import MarketView
from marketplace.limits import CASH_ORDERS, trading_count
from marketplace.models import Account, CashOrder
from marketplace.models.ledger import Asset, CashDirection, CashState, TransferKind
from marketplace.selectors.accounts import (
    MovementLine,
    account_for,
    balance_of,
    cash_order_for,
    cash_orders_of,
    movements_page,
)
from marketplace.services.cash import cash_cancel, deposit_request, payout_request
from myhouse.api.fields import Moment, moment
from myhouse.api.gate import CURSOR, IDEMPOTENCY_KEY, LIMIT, actor_from, answer_once, user_of
from myhouse.documents.pages import limit_read
from myhouse.scopes import Scope, by_method
from myhouse.tariffs.money import money_text

TAG = ["balance"]


class AccountAnswer(serializers.Serializer[Any]):
    """What a household has of one asset: money as decimal strings, energy claims as whole Wh."""

    id = serializers.UUIDField()
    asset = serializers.ChoiceField(choices=Asset.choices)
    community = serializers.UUIDField()
    currency = serializers.CharField(allow_null=True, help_text="Of money; null for energy.")
    balance = Amount()
    reserved = Amount(help_text="The part of the balance that open reservations hold.")
    available = Amount(help_text="What can be spent.")
    opened_at = Moment()


class BalanceAnswer(serializers.Serializer[Any]):
    """What a household has now, and all accounts it ever had."""

    community = serializers.UUIDField(allow_null=True)
    currency = serializers.CharField()
    balance = Money()
    reserved = Money()
    available = Money()
    energy_wh = serializers.IntegerField(help_text="Bought and not yet used.")
    accounts = AccountAnswer(many=True)


class EntryAnswer(serializers.Serializer[Any]):
    """One movement of an account, with what the account had afterwards."""

    number = serializers.IntegerField(help_text="Counted per account from 1, without gaps.")
    at = Moment()
    kind = serializers.ChoiceField(choices=TransferKind.choices)
    title = serializers.CharField()
    counterpart = serializers.CharField()
    balance_change = Amount()
    reserved_change = Amount()
    balance_after = Amount()
    reserved_after = Amount()
    cause = serializers.CharField(help_text="What it belongs to: trade, use, deposit, payout.")
    cause_id = serializers.UUIDField(help_text="The trade, the deposit or payout.")
    transfer = serializers.UUIDField()
    note = serializers.CharField()


class EntryList(serializers.Serializer[Any]):
    """A page of an account's movements, the newest first."""

    account = serializers.UUIDField()
    asset = serializers.ChoiceField(choices=Asset.choices)
    currency = serializers.CharField(allow_null=True)
    results = EntryAnswer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class NewCashOrder(CurrencyAsked):
    """Money to be paid in or out."""

    direction = serializers.ChoiceField(choices=CashDirection.choices)
    amount = MoneyAsked(help_text="Whole cents.")
    note = serializers.CharField(
        max_length=200, required=False, default="", allow_blank=True, help_text="Payout: where to, in own words."
    )


class CashOrderAnswer(serializers.Serializer[Any]):
    """A deposit or payout; money moves when an operator confirms it."""

    id = serializers.UUIDField()
    direction = serializers.ChoiceField(choices=CashDirection.choices)
    state = serializers.ChoiceField(choices=CashState.choices)
    amount = Money()
    currency = serializers.CharField()
    reference = serializers.CharField(help_text="What the bank transfer has to name.")
    note = serializers.CharField()
    reason = serializers.CharField(help_text="Why it was refused.")
    requested_at = Moment()
    decided_at = Moment(allow_null=True)


class CashOrderList(serializers.Serializer[Any]):
    """Deposits and payouts, the newest first."""

    results = CashOrderAnswer(many=True)


def account_json(account: Account) -> dict[str, Any]:
    """Write an account as the API does."""
    return {
        "id": str(account.pk),
        "asset": account.asset,
        "community": str(account.community_id),
        "currency": account.currency or None,
        "balance": amount(account, account.balance),
        "reserved": amount(account, account.reserved),
        "available": amount(account, account.available),
        "opened_at": moment(account.opened_at),
    }


def entry_json(account: Account, line: MovementLine) -> dict[str, Any]:
    """Write a movement as the API does."""
    return {
        "number": line.number,
        "at": moment(line.at),
        "kind": line.kind,
        "title": line.title,
        "counterpart": line.counterpart,
        "balance_change": amount(account, line.balance_change),
        "reserved_change": amount(account, line.reserved_change),
        "balance_after": amount(account, line.balance_after),
        "reserved_after": amount(account, line.reserved_after),
        "cause": line.cause,
        "cause_id": str(line.cause_id),
        "transfer": str(line.transfer_id),
        "note": line.note,
    }


def order_json(order: CashOrder, currency: str) -> dict[str, Any]:
    """Write a deposit or payout as the API does."""
    return {
        "id": str(order.pk),
        "direction": order.direction,
        "state": order.state,
        "amount": money_text(order.amount_uct),
        "currency": currency,
        "reference": order.reference,
        "note": order.note,
        "reason": order.reason,
        "requested_at": moment(order.requested_at),
        "decided_at": None if order.decided_at is None else moment(order.decided_at),
    }


class AccountsView(MarketView):
    """What the household has."""

    scopes = by_method(read=Scope.MARKET_READ)

    @extend_schema(tags=TAG, responses=BalanceAnswer, summary="Read balance and accounts")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer money and energy claims; no accounts before the first deposit or trade."""
        found = balance_of(household=self.access.household, now=timezone.now(), community=self.community)
        return Response(
            {
                "community": None if found.community is None else str(found.community.pk),
                "currency": found.currency,
                "balance": money_text(found.balance_uct),
                "reserved": money_text(found.reserved_uct),
                "available": money_text(found.available_uct),
                "energy_wh": found.energy_wh,
                "accounts": [account_json(account) for account in found.accounts],
            }
        )


class EntriesView(MarketView):
    """The movements of an account."""

    scopes = by_method(read=Scope.MARKET_READ)

    @extend_schema(
        tags=TAG,
        parameters=[CURSOR, LIMIT],
        responses=EntryList,
        summary="List an account's movements with the running balance",
    )
    def get(self, request: Request, household_id: uuid.UUID, account_id: uuid.UUID) -> Response:
        """Answer the movements of your own time in the household, the newest first."""
        ask, access = request.query_params, self.access
        account = account_for(household=access.household, account_id=account_id)
        found = movements_page(
            account=account,
            limit=limit_read(ask.get("limit")),
            cursor=ask.get("cursor"),
            since=access.since,
            until=access.until,
        )
        return Response(
            {
                "account": str(account.pk),
                "asset": account.asset,
                "currency": account.currency or None,
                "results": [entry_json(account, line) for line in found.items],
                "next_cursor": found.next_cursor,
            }
        )


class CashOrdersView(MarketView):
    """Deposits and payouts."""

    scopes = by_method(read=Scope.MARKET_READ, write=Scope.MARKET_TRADE)

    @extend_schema(tags=TAG, responses=CashOrderList, summary="List deposits and payouts")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer the newest 200."""
        found = cash_orders_of(household=self.access.household, since=self.access.since)
        return Response({"results": [order_json(order, self.currency) for order in found]})

    @extend_schema(
        tags=TAG,
        parameters=[IDEMPOTENCY_KEY],
        request=NewCashOrder,
        responses={201: CashOrderAnswer},
        summary="Ask for a deposit or a payout",
    )
    def post(self, request: Request, household_id: uuid.UUID) -> Response:
        """Announce a deposit, or have money paid out; a payout is reserved at once. An operator confirms it."""
        asked = NewCashOrder(data=request.data)
        asked.is_valid(raise_exception=True)
        data, household, actor, now = asked.validated_data, self.access.household, actor_from(request), timezone.now()
        currency_check(data.get("currency"), self.currency)
        trading_count(limit=CASH_ORDERS, user_id=user_of(request).pk, now=now)

        def run() -> tuple[int, Any]:
            shape = {"household": household, "amount_uct": data["amount"], "actor": actor, "now": now}
            if data["direction"] == CashDirection.DEPOSIT:
                return 201, order_json(deposit_request(**shape), self.currency)
            return 201, order_json(payout_request(note=data["note"], **shape), self.currency)

        with told_by_our_names():
            return answer_once(request, run)


class CashOrderView(MarketView):
    """One deposit or payout."""

    scopes = by_method(read=Scope.MARKET_READ, write=Scope.MARKET_TRADE)

    @extend_schema(tags=TAG, responses=CashOrderAnswer, summary="Read a deposit or payout")
    def get(self, request: Request, household_id: uuid.UUID, order_id: uuid.UUID) -> Response:
        """Answer its state."""
        found = cash_order_for(household=self.access.household, order_id=order_id, since=self.access.since)
        return Response(order_json(found, self.currency))

    @extend_schema(
        tags=TAG,
        request=None,
        responses={200: CashOrderAnswer},
        summary="Take a deposit or payout back",
    )
    def delete(self, request: Request, household_id: uuid.UUID, order_id: uuid.UUID) -> Response:
        """Cancel it while nobody has decided; answers the order as it ended."""
        order = cash_order_for(household=self.access.household, order_id=order_id, since=self.access.since)
        ended = cash_cancel(order=order, actor=actor_from(request), now=timezone.now())
        return Response(order_json(ended, self.currency))
