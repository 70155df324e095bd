"""REST API of appliances and what is expected of them."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from myhouse.api.gate import IDEMPOTENCY_KEY, MemberView, actor_from, answer_once
from myhouse.appliances_rules import Basis
from myhouse.models import Appliance, Household, MeteringPoint
from myhouse.models.appliances import ApplianceKind
from myhouse.scopes import Scope, by_method
from myhouse.selectors.appliances import appliance_for, expected
from myhouse.selectors.households import Access
from myhouse.selectors.metering import point_for
from myhouse.services.appliances import (
    COUNT_AT_MOST,
    COUNTED,
    MINUTES_AT_MOST,
    POWER_AT_MOST_W,
    appliance_meter_set,
    appliances_set_counts,
    own_appliance_add,
    own_appliance_change,
    own_appliance_remove,
)

TAG = ["appliances"]


class OwnFields(serializers.Serializer[Appliance]):
    """An appliance of the household's own."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=80)
    count = serializers.IntegerField(min_value=0, max_value=COUNT_AT_MOST, default=1)
    rated_power_w = serializers.IntegerField(min_value=0, max_value=POWER_AT_MOST_W)
    daily_use_minutes = serializers.IntegerField(min_value=0, max_value=MINUTES_AT_MOST)
    metering_point = serializers.UUIDField(source="metering_point_id", allow_null=True, default=None)


class OwnAnswer(OwnFields):
    """An appliance of the household's own with its expected day in Wh."""

    expected_wh_day = serializers.IntegerField()
    basis = serializers.ChoiceField(choices=[b.value for b in Basis])


class KindAnswer(serializers.Serializer[Any]):
    """All appliances of a counted kind with their expected day in Wh."""

    kind = serializers.ChoiceField(choices=COUNTED)
    count = serializers.IntegerField()
    consumption_wh_day = serializers.IntegerField()
    production_wh_day = serializers.IntegerField()
    basis = serializers.ChoiceField(choices=[b.value for b in Basis])
    metering_point = serializers.UUIDField(allow_null=True)


class ExpectedAnswer(serializers.Serializer[Any]):
    """The appliances and the household's expected mean day in Wh."""

    consumption_wh_day = serializers.IntegerField()
    production_wh_day = serializers.IntegerField()
    kinds = KindAnswer(many=True)
    own = OwnAnswer(many=True)


class CountsFields(serializers.Serializer[Any]):
    """How many there are of each kind; kinds left out keep their count."""

    stove = serializers.IntegerField(min_value=0, max_value=COUNT_AT_MOST, required=False)
    light = serializers.IntegerField(min_value=0, max_value=COUNT_AT_MOST, required=False)
    household = serializers.IntegerField(min_value=0, max_value=COUNT_AT_MOST, required=False)
    entertainment = serializers.IntegerField(min_value=0, max_value=COUNT_AT_MOST, required=False)
    solar_panel = serializers.IntegerField(min_value=0, max_value=COUNT_AT_MOST, required=False)
    windmill = serializers.IntegerField(min_value=0, max_value=COUNT_AT_MOST, required=False)


class MeterFields(serializers.Serializer[Any]):
    """Which meter measures all appliances of a kind; null for none."""

    kind = serializers.ChoiceField(choices=COUNTED)
    metering_point = serializers.UUIDField(allow_null=True)


def _expected(access: Access) -> dict[str, Any]:
    figures = expected(household=access.household, now=timezone.now(), since=access.since)
    return {
        "consumption_wh_day": figures.consumption_wh_day,
        "production_wh_day": figures.production_wh_day,
        "kinds": [
            {
                "kind": one.kind.value,
                "count": one.count,
                "consumption_wh_day": one.consumption_wh,
                "production_wh_day": one.production_wh,
                "basis": one.basis.value,
                "metering_point": one.appliance.metering_point_id if one.appliance else None,
            }
            for one in figures.by_kind
        ],
        "own": [
            {
                **OwnFields(one.appliance).data,
                "expected_wh_day": one.consumption_wh,
                "basis": one.basis.value,
            }
            for one in figures.own
        ],
    }


def _point(household: Household, point_id: uuid.UUID | None) -> MeteringPoint | None:
    return point_for(household=household, point_id=point_id) if point_id else None


class AppliancesView(MemberView):
    """The appliances of a household."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ, write=Scope.HOUSEHOLD_WRITE)

    @extend_schema(tags=TAG, responses=ExpectedAnswer, summary="Read appliances and the expected day")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Return counts, own appliances and what they are expected to use and make on a mean day."""
        return Response(_expected(self.access))

    @extend_schema(
        tags=TAG,
        request=OwnFields,
        responses={201: OwnFields},
        parameters=[IDEMPOTENCY_KEY],
        summary="Add an own appliance",
    )
    def post(self, request: Request, household_id: uuid.UUID) -> Response:
        """Add an appliance of the household's own."""
        asked = OwnFields(data=request.data)
        asked.is_valid(raise_exception=True)
        household = self.access.household

        def run() -> tuple[int, Any]:
            values = dict(asked.validated_data)
            point = _point(household, values.pop("metering_point_id"))
            added = own_appliance_add(
                household=household, metering_point=point, actor=actor_from(request), now=timezone.now(), **values
            )
            return 201, OwnFields(added).data

        return answer_once(request, run)


class CountsView(MemberView):
    """The counted kinds."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ, write=Scope.HOUSEHOLD_WRITE)

    @extend_schema(tags=TAG, request=CountsFields, responses=ExpectedAnswer, summary="Set the counts")
    def put(self, request: Request, household_id: uuid.UUID) -> Response:
        """Set how many there are of the given kinds; answers the new expected day."""
        asked = CountsFields(data=request.data)
        asked.is_valid(raise_exception=True)
        unknown = {kind: 0 for kind in request.data if kind not in COUNTED}
        appliances_set_counts(
            household=self.access.household,
            counts={**asked.validated_data, **unknown},
            actor=actor_from(request),
            now=timezone.now(),
        )
        return Response(_expected(self.access))


class KindMeterView(MemberView):
    """The meter of a counted kind."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ, write=Scope.HOUSEHOLD_WRITE)

    @extend_schema(tags=TAG, request=MeterFields, responses=ExpectedAnswer, summary="Set the meter of a kind")
    def put(self, request: Request, household_id: uuid.UUID) -> Response:
        """Say which meter measures all appliances of a kind: it replaces their estimate."""
        asked = MeterFields(data=request.data)
        asked.is_valid(raise_exception=True)
        household = self.access.household
        appliance_meter_set(
            household=household,
            kind=asked.validated_data["kind"],
            metering_point=_point(household, asked.validated_data["metering_point"]),
            actor=actor_from(request),
            now=timezone.now(),
        )
        return Response(_expected(self.access))


class OneApplianceView(MemberView):
    """One appliance of the household's own."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ, write=Scope.HOUSEHOLD_WRITE)

    @extend_schema(tags=TAG, request=OwnFields, responses=OwnFields, summary="Change an own appliance")
    def patch(self, request: Request, household_id: uuid.UUID, appliance_id: uuid.UUID) -> Response:
        """Change some of its fields."""
        household = self.access.household
        appliance = appliance_for(household=household, appliance_id=appliance_id)
        asked = OwnFields(appliance, data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        names = ("name", "count", "rated_power_w", "daily_use_minutes", "metering_point_id")
        values = {name: asked.validated_data.get(name, getattr(appliance, name)) for name in names}
        point = _point(household, values.pop("metering_point_id"))
        own_appliance_change(
            appliance=appliance, metering_point=point, actor=actor_from(request), now=timezone.now(), **values
        )
        return Response(OwnFields(appliance).data)

    @extend_schema(tags=TAG, responses={204: None}, summary="Remove an own appliance")
    def delete(self, request: Request, household_id: uuid.UUID, appliance_id: uuid.UUID) -> Response:
        """Remove it; what its meter measured stays with the metering point."""
        appliance = appliance_for(household=self.access.household, appliance_id=appliance_id)
        if appliance.kind != ApplianceKind.OWN:
            appliances_set_counts(
                household=self.access.household,
                counts={appliance.kind: 0},
                actor=actor_from(request),
                now=timezone.now(),
            )
        else:
            own_appliance_remove(appliance=appliance, actor=actor_from(request), now=timezone.now())
        return Response(status=204)


_BASE = "households/<uuid:household_id>/appliances"
urlpatterns = [
    path(_BASE, AppliancesView.as_view(), name="api-appliances"),
    path(f"{_BASE}/counts", CountsView.as_view(), name="api-appliance-counts"),
    path(f"{_BASE}/meter", KindMeterView.as_view(), name="api-appliance-meter"),
    path(f"{_BASE}/<uuid:appliance_id>", OneApplianceView.as_view(), name="api-appliance"),
]
