"""REST API of trades: what the household bought and sold, and what became of it."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import Amount, DeliveryWindow, Money, window_json
from marketplace.api.gate import MarketView
from marketplace.models import Allocation, Transfer
from marketplace.models.ledger import Asset, TransferKind
from marketplace.models.offers import OfferKind, Side, TradeState
from marketplace.selectors.trades import TradeDetail, TradeLine, trade_for, trades_page
from myhouse.api.fields import Moment, moment
from myhouse.documents.pages import LIMIT, LIMIT_MAX
from myhouse.errors import NotFound
from myhouse.scopes import Scope, by_method
from myhouse.tariffs.money import money_text

TAG = ["market"]
SIDES = ("bought", "sold")


class TradeAnswer(serializers.Serializer[Any]):
    """A part of an offer that was bought, as the buyer or the seller sees it."""

    id = serializers.UUIDField()
    offer = serializers.UUIDField()
    side = serializers.ChoiceField(choices=SIDES, help_text="Whether you bought or sold it.")
    counterpart = serializers.CharField(help_text="The neighbour, by the name he shows.")
    kind = serializers.ChoiceField(choices=OfferKind.choices)
    state = serializers.ChoiceField(
        choices=TradeState.choices, help_text="`reserved` until the window was metered, then `done`."
    )
    energy_wh = serializers.IntegerField()
    delivered_wh = serializers.IntegerField()
    currency = serializers.CharField()
    total = Money(help_text="Price of what was bought.")
    price_per_kwh = Money()
    paid = Money(help_text="Paid so far: for what was delivered.")
    refunded = Money(help_text="Given back for what was not delivered.")
    window = DeliveryWindow(allow_null=True, help_text="Null for stored energy.")
    bought_at = Moment()
    settled_at = Moment(allow_null=True)
    reversed_at = Moment(allow_null=True)
    reason = serializers.CharField(help_text="Why it was reversed.")


class TradeList(serializers.Serializer[Any]):
    """A page of trades, the newest first."""

    results = TradeAnswer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class AllocationAnswer(serializers.Serializer[Any]):
    """So much of the trade met your meter in one quarter-hour."""

    start = Moment()
    side = serializers.ChoiceField(choices=Side.choices)
    energy_wh = serializers.IntegerField()
    money = Money(help_text="Paid or earned for it.")
    alternative = Money(help_text="What your supplier would have charged or paid for it.")


class TransferAnswer(serializers.Serializer[Any]):
    """A movement in the ledger that belongs to the trade."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=TransferKind.choices)
    asset = serializers.ChoiceField(choices=Asset.choices)
    amount = Amount(help_text="Money as a decimal string, energy as whole Wh.")
    at = Moment()


class TradeDetailAnswer(TradeAnswer):
    """A trade with the quarter-hours it was used or delivered in, and its movements in the ledger."""

    allocations = AllocationAnswer(many=True)
    transfers = TransferAnswer(many=True)


class TradesAsk(serializers.Serializer[Any]):
    """Which trades."""

    side = serializers.ChoiceField(choices=SIDES, required=False, help_text="Only what you bought, or sold.")
    limit = serializers.IntegerField(default=LIMIT, min_value=1, max_value=LIMIT_MAX, help_text="Rows per page.")
    cursor = serializers.CharField(required=False, help_text="`next_cursor` of the page before.")


def trade_json(line: TradeLine | TradeDetail, currency: str) -> dict[str, Any]:
    """Write a trade as the API does."""
    trade = line.trade
    return {
        "id": str(trade.pk),
        "offer": str(trade.offer_id),
        "side": line.side,
        "counterpart": line.other_name,
        "kind": trade.kind,
        "state": trade.state,
        "energy_wh": trade.energy_wh,
        "delivered_wh": trade.delivered_wh,
        "currency": currency,
        "total": money_text(trade.total_uct),
        "price_per_kwh": money_text(line.price_uct_kwh),
        "paid": money_text(trade.paid_uct),
        "refunded": money_text(trade.refunded_uct),
        "window": window_json(trade),
        "bought_at": moment(trade.bought_at),
        "settled_at": None if trade.settled_at is None else moment(trade.settled_at),
        "reversed_at": None if trade.reversed_at is None else moment(trade.reversed_at),
        "reason": trade.reason,
    }


def allocation_json(one: Allocation) -> dict[str, Any]:
    """Write so much of a trade as met the meter in one quarter-hour."""
    return {
        "start": moment(one.slot_start),
        "side": one.side,
        "energy_wh": one.energy_wh,
        "money": money_text(one.money_uct),
        "alternative": money_text(one.alternative_uct),
    }


def _transfer_json(one: Transfer) -> dict[str, Any]:
    money = one.asset == Asset.MONEY
    return {
        "id": str(one.pk),
        "kind": one.kind,
        "asset": one.asset,
        "amount": money_text(one.amount) if money else one.amount,
        "at": moment(one.at),
    }


def detail_json(detail: TradeDetail, currency: str) -> dict[str, Any]:
    """Write a trade with all that belongs to it."""
    return {
        **trade_json(detail, currency),
        "allocations": [allocation_json(one) for one in detail.allocations],
        "transfers": [_transfer_json(one) for one in detail.transfers],
    }


class TradesView(MarketView):
    """What the household bought and sold."""

    scopes = by_method(read=Scope.MARKET_READ)

    @extend_schema(tags=TAG, parameters=[TradesAsk], responses=TradeList, summary="List your trades")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer purchases and sales, the newest first."""
        asked = TradesAsk(data=request.query_params)
        asked.is_valid(raise_exception=True)
        data, access = asked.validated_data, self.access
        found = trades_page(
            household=access.household,
            side=data.get("side", ""),
            cursor=data.get("cursor"),
            limit=data["limit"],
            since=access.since,
            until=access.until,
            now=timezone.now(),
        )
        rows = [trade_json(line, self.currency) for line in found.items]
        return Response({"results": rows, "next_cursor": found.next_cursor})


class TradeView(MarketView):
    """One trade."""

    scopes = by_method(read=Scope.MARKET_READ)

    @extend_schema(tags=TAG, responses=TradeDetailAnswer, summary="Read a trade")
    def get(self, request: Request, household_id: uuid.UUID, trade_id: uuid.UUID) -> Response:
        """Answer a trade with where it was used or delivered, and its movements in the ledger."""
        access = self.access
        found = trade_for(household=access.household, trade_id=trade_id, now=timezone.now())
        if not access.since <= found.trade.bought_at < access.until:
            raise NotFound(_("There is no such trade, or it is not yours."))
        return Response(detail_json(found, self.currency))
