"""REST API of buying from offers: what a part costs, and the purchase."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import VERSION_MAX, CurrencyAsked, Money, currency_check, told_by_our_names
from marketplace.api.gate import MarketView
from marketplace.api.trades import TAG, TradeAnswer, trade_json
from marketplace.limits import PURCHASES, trading_count
from marketplace.selectors.offers import offer_for, part_price
from marketplace.selectors.trades import trade_for
from marketplace.services.offers import ENERGY_AT_MOST_WH
from marketplace.services.trades import offer_buy
from myhouse.api.gate import IDEMPOTENCY_KEY, actor_from, answer_once, user_of
from myhouse.errors import UnableTo
from myhouse.scopes import Scope, by_method
from myhouse.tariffs.money import money_text


class UnableToTellPrice(UnableTo):
    """There is not so much left of the offer."""


class Purchase(CurrencyAsked):
    """How much to buy of an offer."""

    energy_wh = serializers.IntegerField(min_value=1, max_value=ENERGY_AT_MOST_WH)
    version = serializers.IntegerField(
        min_value=1,
        max_value=VERSION_MAX,
        required=False,
        help_text="Buy only if amount and price are still those of this version.",
    )


class PriceAsk(serializers.Serializer[Any]):
    """Of how much."""

    energy_wh = serializers.IntegerField(min_value=1, max_value=ENERGY_AT_MOST_WH, help_text="How much to buy.")


class PriceAnswer(serializers.Serializer[Any]):
    """What so much of an offer costs as long as nobody else buys of it."""

    energy_wh = serializers.IntegerField()
    currency = serializers.CharField()
    total = Money()
    supplier_total = Money(allow_null=True, help_text="What your supplier takes for it; null: not known.")
    version = serializers.IntegerField(help_text="To buy at this price, send it along.")


class PriceView(MarketView):
    """What a part would cost."""

    scopes = by_method(read=Scope.MARKET_READ)

    @extend_schema(
        tags=TAG,
        operation_id="households_offers_price",
        parameters=[PriceAsk],
        responses=PriceAnswer,
        summary="What a part of an offer would cost now",
    )
    def get(self, request: Request, household_id: uuid.UUID, offer_id: uuid.UUID) -> Response:
        """Answer the exact price; the parts of an offer add up to its total, so two like parts may differ a little."""
        asked = PriceAsk(data=request.query_params)
        asked.is_valid(raise_exception=True)
        household, energy_wh = self.access.household, asked.validated_data["energy_wh"]
        line = offer_for(household=household, offer_id=offer_id, now=timezone.now(), community=self.community)
        if energy_wh > line.offer.left_wh:
            message = _("Only %(left)d Wh of it are left. Ask for at most that.") % {"left": line.offer.left_wh}
            raise UnableToTellPrice(message, field="energy_wh")
        supplier = line.supplier_uct_kwh
        return Response(
            {
                "energy_wh": energy_wh,
                "currency": self.currency,
                "total": money_text(part_price(offer=line.offer, energy_wh=energy_wh)),
                "supplier_total": None if supplier is None else money_text(supplier * energy_wh // 1000),
                "version": line.offer.version,
            }
        )


class PurchasesView(MarketView):
    """Buying."""

    scopes = by_method(write=Scope.MARKET_TRADE)

    @extend_schema(
        tags=TAG,
        parameters=[IDEMPOTENCY_KEY],
        request=Purchase,
        responses={201: TradeAnswer},
        summary="Buy from an offer",
    )
    def post(self, request: Request, household_id: uuid.UUID, offer_id: uuid.UUID) -> Response:
        """Buy all or a part of an offer. Send an Idempotency-Key, or a repeated request buys twice."""
        asked = Purchase(data=request.data)
        asked.is_valid(raise_exception=True)
        data, household, actor, now = asked.validated_data, self.access.household, actor_from(request), timezone.now()
        currency_check(data.get("currency"), self.currency)
        trading_count(limit=PURCHASES, user_id=user_of(request).pk, now=now)

        def run() -> tuple[int, Any]:
            trade = offer_buy(
                offer_id=offer_id,
                household=household,
                energy_wh=data["energy_wh"],
                version=data.get("version"),
                actor=actor,
                now=now,
            )
            return 201, trade_json(trade_for(household=household, trade_id=trade.pk, now=now), self.currency)

        with told_by_our_names():
            return answer_once(request, run)
