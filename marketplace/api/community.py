"""REST API of a household's community: its market now, and what trading has saved."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, cast

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import Money
from marketplace.api.gate import MarketView
from marketplace.selectors.community import Savings, SavingsBucket, market_state, savings_by_step
from myhouse.api.fields import Moment, moment
from myhouse.errors import NotFound
from myhouse.models import Community
from myhouse.scopes import Scope, by_method
from myhouse.selectors.statistics import span_of_day
from myhouse.statistics.model import UNITS, Span, UnableToReadSpan
from myhouse.tariffs.money import money_text
from telemetry.calendar import Step, utc_datetime

TAG = ["market"]
_STEPS = ("day", "week", "month", "year")
_SPAN = [
    OpenApiParameter("unit", str, enum=UNITS, default="month", description="What the span is."),
    OpenApiParameter("start", date, description="A day of the span (of a range its first); today if left out."),
    OpenApiParameter("end", date, description="Of a range the first day not counted."),
    OpenApiParameter("step", str, enum=_STEPS, description="Buckets; days, of a year months, if left out."),
]


class MarketAnswer(serializers.Serializer[Any]):
    """The market of the community at this moment."""

    community = serializers.UUIDField()
    name = serializers.CharField()
    currency = serializers.CharField()
    open_offers = serializers.IntegerField()
    offered_wh = serializers.IntegerField()
    cheapest_per_kwh = Money(allow_null=True, help_text="Null: nothing is offered.")
    trades_today = serializers.IntegerField()
    traded_today_wh = serializers.IntegerField()


class SavingsFields(serializers.Serializer[Any]):
    """What was bought from neighbours and used, and what both sides had of it."""

    traded_wh = serializers.IntegerField()
    paid = Money()
    buyers_saved = Money(help_text="Against their suppliers' prices.")
    sellers_gained = Money(help_text="Beyond what their suppliers would have paid.")
    saved = Money(help_text="Both together.")


class SavingsBucketAnswer(SavingsFields):
    """The same of one local day, week, month or year."""

    start = Moment()
    end = Moment()


class SavingsAnswer(SavingsFields):
    """The savings of a span and its buckets."""

    community = serializers.UUIDField()
    name = serializers.CharField()
    currency = serializers.CharField()
    unit = serializers.ChoiceField(choices=UNITS)
    start = serializers.DateField()
    end = serializers.DateField()
    step = serializers.ChoiceField(choices=_STEPS)
    buckets = SavingsBucketAnswer(many=True)


def savings_json(savings: Savings) -> dict[str, Any]:
    """Write savings as the API does."""
    return {
        "traded_wh": savings.traded_wh,
        "paid": money_text(savings.paid_uct),
        "buyers_saved": money_text(savings.buyers_saved_uct),
        "sellers_gained": money_text(savings.sellers_gained_uct),
        "saved": money_text(savings.saved_uct),
    }


def _total(buckets: list[SavingsBucket]) -> Savings:
    parts = [bucket.savings for bucket in buckets]
    return Savings(
        traded_wh=sum(part.traded_wh for part in parts),
        paid_uct=sum(part.paid_uct for part in parts),
        buyers_saved_uct=sum(part.buyers_saved_uct for part in parts),
        sellers_gained_uct=sum(part.sellers_gained_uct for part in parts),
    )


class CommunityView(MarketView):
    """A view about the community the household belongs to now."""

    scopes = by_method(read=Scope.MARKET_READ)

    def own_community(self) -> Community:
        """Return it, or refuse."""
        if self.community is None:
            raise NotFound(_("This household belongs to no community. Let it join one first."))
        return self.community


class MarketStateView(CommunityView):
    """The market now."""

    @extend_schema(tags=TAG, responses=MarketAnswer, summary="Open offers, cheapest price and trades of today")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer the state of the community's market."""
        community = self.own_community()
        found = market_state(community=community, now=timezone.now())
        return Response(
            {
                "community": str(community.pk),
                "name": community.name,
                "currency": community.currency,
                "open_offers": found.open_offers,
                "offered_wh": found.offered_wh,
                "cheapest_per_kwh": money_text(found.cheapest_uct_kwh),
                "trades_today": found.trades_today,
                "traded_today_wh": found.traded_today_wh,
            }
        )


class CommunitySavingsView(CommunityView):
    """What trading has saved."""

    @extend_schema(tags=TAG, parameters=_SPAN, responses=SavingsAnswer, summary="What the community saved by trading")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer sums over all of its households, in total and by local days, weeks, months or years."""
        community, ask, now = self.own_community(), request.query_params, timezone.now()
        today = span_of_day(household=self.access.household, now=now).key
        span = Span.of(ask.get("unit", "month"), ask.get("start") or today, ask.get("end"))
        step = ask.get("step") or ("month" if span.unit == "year" else "day")
        if step not in _STEPS:
            raise UnableToReadSpan(
                _("The step must be one of %(steps)s.") % {"steps": ", ".join(_STEPS)}, field="step"
            )
        buckets = savings_by_step(community=community, start=span.start, end=span.end, step=cast("Step", step))
        return Response(
            {
                "community": str(community.pk),
                "name": community.name,
                "currency": community.currency,
                "unit": span.unit,
                "start": span.start.isoformat(),
                "end": span.end.isoformat(),
                "step": step,
                **savings_json(_total(buckets)),
                "buckets": [
                    {
                        "start": moment(utc_datetime(bucket.start_ms)),
                        "end": moment(utc_datetime(bucket.end_ms)),
                        **savings_json(bucket.savings),
                    }
                    for bucket in buckets
                ],
            }
        )
