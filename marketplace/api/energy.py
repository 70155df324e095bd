"""REST API of what can be sold, where the used energy came from, and what the community saved."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import Money
from marketplace.api.gate import MarketView
from marketplace.selectors.sellable import sellable_of
from marketplace.selectors.usage import Usage, energy_sources_of
from myhouse.api.fields import Moment, moment
from myhouse.api.gate import HouseholdView
from myhouse.errors import NotAllowed
from myhouse.scopes import Scope, by_method
from myhouse.selectors.statistics import span_of_day
from myhouse.statistics.model import STEPS, UNITS, Span
from myhouse.tariffs.money import money_text
from telemetry.calendar import utc_datetime

TAG = ["market"]
_SPAN = [
    OpenApiParameter("unit", str, enum=UNITS, default="day", description="What the span is."),
    OpenApiParameter("start", date, description="A day of the span (of a range its first); today if left out."),
    OpenApiParameter("end", date, description="Of a range the first day not counted."),
    OpenApiParameter("step", str, enum=STEPS, description="Buckets; by the span if left out."),
]


class SellableSlotAnswer(serializers.Serializer[Any]):
    """A quarter-hour to come."""

    start = Moment()
    expected_wh = serializers.IntegerField(help_text="Expected surplus.")
    free_wh = serializers.IntegerField(help_text="Not yet offered or sold.")


class SellableAnswer(serializers.Serializer[Any]):
    """What can be offered: stored energy now, and the surplus expected in each quarter-hour to come."""

    stored_wh = serializers.IntegerField(help_text="What the battery holds.")
    stored_free_wh = serializers.IntegerField(help_text="What of it can be offered.")
    refreshed_at = Moment(allow_null=True, help_text="Null: no battery is measured.")
    slots = SellableSlotAnswer(many=True)


class UsedFrom(serializers.Serializer[Any]):
    """Energy from one source, and what was paid for it."""

    energy_wh = serializers.IntegerField()
    paid = Money(allow_null=True, help_text="Null: no contract says.")


class GivenTo(serializers.Serializer[Any]):
    """Energy given to one taker, and what it earned."""

    energy_wh = serializers.IntegerField()
    earned = Money(allow_null=True, help_text="Null: no contract says.")


class UsageAnswer(serializers.Serializer[Any]):
    """Where the energy used came from, and where the surplus went."""

    start = Moment()
    end = Moment()
    own = UsedFrom(help_text="Own production, used at once.")
    battery = UsedFrom(help_text="Out of the battery.")
    neighbours = UsedFrom(help_text="Bought in the community.")
    supplier = UsedFrom(help_text="The rest, with the contract's fixed fees.")
    sold = GivenTo(help_text="To neighbours.")
    fed_in = GivenTo(help_text="To the grid.")
    saving = Money(allow_null=True, help_text="Against everything from the supplier.")


class EnergySourcesAnswer(serializers.Serializer[Any]):
    """A span by its buckets; the buckets of each line add up to its total."""

    household = serializers.UUIDField()
    unit = serializers.ChoiceField(choices=UNITS)
    start = serializers.DateField()
    end = serializers.DateField()
    step = serializers.ChoiceField(choices=STEPS)
    zone = serializers.CharField()
    currency = serializers.CharField()
    provisional = serializers.BooleanField(help_text="Not all quarter-hours are there.")
    total = UsageAnswer()
    buckets = UsageAnswer(many=True)


def usage_json(usage: Usage) -> dict[str, Any]:
    """Write one bucket as the API does."""
    sources = {"own": usage.own, "battery": usage.battery, "neighbours": usage.bought, "supplier": usage.supplier}
    takers = {"sold": usage.sold, "fed_in": usage.fed_in}
    return {
        "start": moment(utc_datetime(usage.start_ms)),
        "end": moment(utc_datetime(usage.end_ms)),
        **{name: {"energy_wh": part.energy_wh, "paid": money_text(part.money_uct)} for name, part in sources.items()},
        **{name: {"energy_wh": part.energy_wh, "earned": money_text(part.money_uct)} for name, part in takers.items()},
        "saving": money_text(usage.saving_uct),
    }


class SellableView(MarketView):
    """What can be sold."""

    scopes = by_method(read=Scope.MARKET_READ)

    @extend_schema(
        tags=TAG,
        responses=SellableAnswer,
        summary="What can be offered now and in the next 48 hours",
    )
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer what a worker found out last; it looks every few minutes."""
        found = sellable_of(household=self.access.household, now=timezone.now())
        return Response(
            {
                "stored_wh": found.stored_wh,
                "stored_free_wh": found.stored_free_wh,
                "refreshed_at": None if found.refreshed_at is None else moment(found.refreshed_at),
                "slots": [
                    {"start": moment(slot.start), "expected_wh": slot.expected_wh, "free_wh": slot.free_wh}
                    for slot in found.slots
                ],
            }
        )


class EnergySourcesView(HouseholdView):
    """Where energy came from."""

    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(
        tags=TAG,
        parameters=_SPAN,
        responses=EnergySourcesAnswer,
        summary="Own, battery, neighbours, supplier: energy and money of a span",
    )
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer the span's total and its buckets."""
        access, ask, now = self.access, request.query_params, timezone.now()
        household = access.household
        span = Span.of(
            ask.get("unit", "day"), ask.get("start") or span_of_day(household=household, now=now).key, ask.get("end")
        )
        step = ask.get("step") or None
        if access.sums_only and (span.unit not in {"month", "year"} or step not in {None, "month", "year"}):
            raise NotAllowed(_("As supplier you see sums only: ask for a month or a year."))
        found = energy_sources_of(
            household=household,
            span=span,
            now=now,
            step="month" if access.sums_only and step is None else step,
            since=access.since,
            until=access.until,
        )
        base = found.statistics
        return Response(
            {
                "household": str(household.pk),
                "unit": span.unit,
                "start": span.start.isoformat(),
                "end": span.end.isoformat(),
                "step": base.step,
                "zone": base.zone,
                "currency": base.currency,
                "provisional": base.provisional,
                "total": usage_json(found.total),
                "buckets": [usage_json(bucket) for bucket in found.buckets],
            }
        )
