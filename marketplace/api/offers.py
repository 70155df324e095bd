"""REST API of offers: the book of the community, the household's own ones, and buying from them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import (
    VERSION_MAX,
    CurrencyAsked,
    DeliveryWindow,
    Money,
    MoneyAsked,
    currency_check,
    told_by_our_names,
    window_json,
)
from marketplace.api.gate import MarketView
from marketplace.limits import OFFERS, trading_count
from marketplace.models.offers import OfferKind, OfferState
from marketplace.selectors.offers import BookQuery, OfferLine, book_page, offer_for, own_offers_page
from marketplace.services.offers import (
    ENERGY_AT_MOST_WH,
    offer_change,
    offer_create,
    offer_withdraw,
)
from myhouse.api.fields import Moment, moment
from myhouse.api.gate import CURSOR, IDEMPOTENCY_KEY, LIMIT, actor_from, answer_once, user_of
from myhouse.documents.pages import LIMIT as LIMIT_DEFAULT
from myhouse.documents.pages import LIMIT_MAX, limit_read
from myhouse.scopes import Scope, by_method
from myhouse.tariffs.money import money_text

TAG = ["market"]
SORTS = ("price", "-price", "newest", "energy", "window")


class AskedWindow(serializers.Serializer[Any]):
    """The quarter-hours [start, end) in which the surplus is expected."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class OfferAnswer(serializers.Serializer[Any]):
    """An offer as one household sees it."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=OfferKind.choices)
    state = serializers.ChoiceField(choices=OfferState.choices)
    seller = serializers.CharField(help_text="The name neighbours may see.")
    own = serializers.BooleanField(help_text="Yours: it can be changed and withdrawn, not bought.")
    energy_wh = serializers.IntegerField()
    left_wh = serializers.IntegerField(help_text="Not yet sold.")
    deliverable_wh = serializers.IntegerField(help_text="What can be bought of it at this moment.")
    currency = serializers.CharField()
    total = Money(help_text="Price of the whole offer.")
    left_total = Money(help_text="Price of all that is left.")
    price_per_kwh = Money()
    supplier_price_per_kwh = Money(allow_null=True, help_text="What your supplier takes then; null: not known.")
    saving = Money(allow_null=True, help_text="What buying all that is left saves you against your supplier.")
    window = DeliveryWindow(allow_null=True, help_text="Null for stored energy.")
    closes_at = Moment(allow_null=True, help_text="From then on nobody can buy.")
    version = serializers.IntegerField(help_text="Raised by every change of amount or price.")
    created_at = Moment()
    changed_at = Moment()


class OfferList(serializers.Serializer[Any]):
    """A page of offers."""

    results = OfferAnswer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class BookAsk(serializers.Serializer[Any]):
    """Which offers of the book, in which order."""

    kind = serializers.ChoiceField(choices=OfferKind.choices, required=False, help_text="Only these.")
    sort = serializers.ChoiceField(choices=SORTS, default="price", help_text="`-price`: the dearest first.")
    min_wh = serializers.IntegerField(
        required=False, min_value=1, max_value=ENERGY_AT_MOST_WH, help_text="At least so much left."
    )
    max_price_per_kwh = MoneyAsked(required=False, help_text="At most so dear.")
    limit = serializers.IntegerField(
        default=LIMIT_DEFAULT, min_value=1, max_value=LIMIT_MAX, help_text="Rows per page."
    )
    cursor = serializers.CharField(required=False, help_text="`next_cursor` of the page before.")


class NewOffer(CurrencyAsked):
    """Energy at a total price: what the battery holds now, or surplus expected in a window."""

    kind = serializers.ChoiceField(choices=OfferKind.choices)
    energy_wh = serializers.IntegerField(min_value=1, max_value=ENERGY_AT_MOST_WH)
    total = MoneyAsked(help_text="Price of the whole offer.")
    window = AskedWindow(
        required=False, allow_null=True, default=None, help_text="On quarter-hours; only for surplus."
    )


class ChangedOffer(CurrencyAsked):
    """Another amount or price; what is left out stays as it is."""

    version = serializers.IntegerField(min_value=1, max_value=VERSION_MAX, help_text="The version you have seen.")
    energy_wh = serializers.IntegerField(min_value=1, max_value=ENERGY_AT_MOST_WH, required=False)
    total = MoneyAsked(required=False)


def offer_json(line: OfferLine, currency: str) -> dict[str, Any]:
    """Write an offer as the API does."""
    offer = line.offer
    return {
        "id": str(offer.pk),
        "kind": offer.kind,
        "state": offer.state,
        "seller": line.seller_name,
        "own": line.own,
        "energy_wh": offer.energy_wh,
        "left_wh": offer.left_wh,
        "deliverable_wh": line.deliverable_wh,
        "currency": currency,
        "total": money_text(offer.total_uct),
        "left_total": money_text(line.left_total_uct),
        "price_per_kwh": money_text(line.price_uct_kwh),
        "supplier_price_per_kwh": money_text(line.supplier_uct_kwh),
        "saving": money_text(line.saving_uct),
        "window": window_json(offer),
        "closes_at": moment(offer.closes_at),
        "version": offer.version,
        "created_at": moment(offer.created_at),
        "changed_at": moment(offer.changed_at),
    }


def _window(asked: dict[str, datetime] | None) -> tuple[datetime, datetime] | None:
    return None if asked is None else (asked["start"], asked["end"])


class BookView(MarketView):
    """The book of the community, and making an offer."""

    scopes = by_method(read=Scope.MARKET_READ, write=Scope.MARKET_TRADE)

    @extend_schema(
        tags=TAG,
        parameters=[BookAsk],
        responses=OfferList,
        summary="List the open offers of the community",
    )
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer the book, your own offers among them."""
        asked = BookAsk(data=request.query_params)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        query = BookQuery(
            kind=data.get("kind", ""),
            sort=data["sort"],
            min_wh=data.get("min_wh"),
            max_price_uct_kwh=data.get("max_price_per_kwh"),
            cursor=data.get("cursor"),
            limit=data["limit"],
        )
        found = book_page(household=self.access.household, query=query, now=timezone.now(), community=self.community)
        rows = [offer_json(line, self.currency) for line in found.lines]
        return Response({"results": rows, "next_cursor": found.next_cursor})

    @extend_schema(
        tags=TAG,
        parameters=[IDEMPOTENCY_KEY],
        request=NewOffer,
        responses={201: OfferAnswer},
        summary="Offer energy to the neighbours",
    )
    def post(self, request: Request, household_id: uuid.UUID) -> Response:
        """Make an offer; refused if more is offered than can be sold."""
        asked = NewOffer(data=request.data)
        asked.is_valid(raise_exception=True)
        data, household, actor, now = asked.validated_data, self.access.household, actor_from(request), timezone.now()
        currency_check(data.get("currency"), self.currency)
        trading_count(limit=OFFERS, user_id=user_of(request).pk, now=now)

        def run() -> tuple[int, Any]:
            made = offer_create(
                household=household,
                kind=data["kind"],
                energy_wh=data["energy_wh"],
                total_uct=data["total"],
                window=_window(data["window"]),
                actor=actor,
                now=now,
            )
            return 201, offer_json(offer_for(household=household, offer_id=made.pk, now=now), self.currency)

        with told_by_our_names():
            return answer_once(request, run)


class OwnOffersView(MarketView):
    """What the household has offered."""

    scopes = by_method(read=Scope.MARKET_READ)

    @extend_schema(
        tags=TAG,
        parameters=[CURSOR, LIMIT],
        responses=OfferList,
        summary="List your own offers, ended ones too",
    )
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer your offers, the newest first."""
        ask = request.query_params
        found = own_offers_page(
            household=self.access.household,
            cursor=ask.get("cursor"),
            limit=limit_read(ask.get("limit")),
            now=timezone.now(),
        )
        rows = [offer_json(line, self.currency) for line in found.lines]
        return Response({"results": rows, "next_cursor": found.next_cursor})


class OfferView(MarketView):
    """One offer."""

    scopes = by_method(read=Scope.MARKET_READ, write=Scope.MARKET_TRADE)

    @extend_schema(tags=TAG, responses=OfferAnswer, summary="Read an offer")
    def get(self, request: Request, household_id: uuid.UUID, offer_id: uuid.UUID) -> Response:
        """Answer an open offer of the community, or one of yours."""
        return self._answer(offer_id)

    @extend_schema(
        tags=TAG,
        request=ChangedOffer,
        responses=OfferAnswer,
        summary="Change one of your offers",
    )
    def patch(self, request: Request, household_id: uuid.UUID, offer_id: uuid.UUID) -> Response:
        """Change amount or price while nothing of it is sold and nobody else has changed it."""
        asked = ChangedOffer(data=request.data)
        asked.is_valid(raise_exception=True)
        data, now = asked.validated_data, timezone.now()
        currency_check(data.get("currency"), self.currency)
        trading_count(limit=OFFERS, user_id=user_of(request).pk, now=now)
        offer = offer_for(household=self.access.household, offer_id=offer_id, now=now).offer
        with told_by_our_names():
            offer_change(
                offer_id=offer_id,
                household=self.access.household,
                energy_wh=data.get("energy_wh", offer.energy_wh),
                total_uct=data.get("total", offer.total_uct),
                version=data["version"],
                actor=actor_from(request),
                now=now,
            )
        return self._answer(offer_id)

    @extend_schema(
        tags=TAG,
        request=None,
        responses={200: OfferAnswer},
        summary="Withdraw what is left of one of your offers",
    )
    def delete(self, request: Request, household_id: uuid.UUID, offer_id: uuid.UUID) -> Response:
        """Withdraw the unsold rest; what was sold of it stays sold. Answers the offer as it ended."""
        offer_withdraw(
            offer_id=offer_id, household=self.access.household, actor=actor_from(request), now=timezone.now()
        )
        return self._answer(offer_id)

    def _answer(self, offer_id: uuid.UUID) -> Response:
        line = offer_for(
            household=self.access.household, offer_id=offer_id, now=timezone.now(), community=self.community
        )
        return Response(offer_json(line, self.currency))
