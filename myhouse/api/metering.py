"""REST API of metering points, their measurements and batteries."""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from myhouse.api.fields import Moment
from myhouse.api.gate import IDEMPOTENCY_KEY, MemberView, actor_from, answer_once
from myhouse.errors import NotFound
from myhouse.models.metering import PointRole, Quantity
from myhouse.scopes import Scope, by_method
from myhouse.selectors.metering import batteries_of, measurements_of, point_for, points_of
from myhouse.services.metering import (
    BatteryTerms,
    battery_change,
    measurement_start,
    measurement_swap,
    metering_point_create,
    metering_point_remove,
    metering_point_rename,
)
from telemetry.model import Kind

TAG = ["metering"]


class BatteryFields(serializers.Serializer[Any]):
    """What a battery can hold and how fast."""

    capacity_wh = serializers.IntegerField(min_value=1, max_value=100_000_000)
    max_charge_w = serializers.IntegerField(min_value=1, max_value=10_000_000)
    max_discharge_w = serializers.IntegerField(min_value=1, max_value=10_000_000)


class BatteryAnswer(BatteryFields):
    """A battery and its metering point."""

    id = serializers.UUIDField(read_only=True)
    metering_point = serializers.UUIDField(source="metering_point_id", read_only=True)


class BatteryList(serializers.Serializer[Any]):
    """The batteries of a household."""

    results = BatteryAnswer(many=True)


class PointFields(serializers.Serializer[Any]):
    """A place where energy is measured."""

    id = serializers.UUIDField(read_only=True)
    role = serializers.ChoiceField(choices=PointRole.choices)
    name = serializers.CharField(max_length=80)
    parent = serializers.UUIDField(source="parent_id", allow_null=True, default=None)  # type: ignore[assignment] # Field.parent


class NewPointFields(PointFields):
    """A new metering point; `battery` for the role battery only."""

    battery = BatteryFields(required=False)


class PointName(serializers.Serializer[Any]):
    """Another name."""

    name = serializers.CharField(max_length=80)


class PointList(serializers.Serializer[Any]):
    """The metering points of a household."""

    results = PointFields(many=True)


class MeasurementFields(serializers.Serializer[Any]):
    """A series measures a quantity of a metering point in a period."""

    id = serializers.UUIDField(read_only=True)
    metering_point = serializers.UUIDField(source="metering_point_id", read_only=True)
    quantity = serializers.ChoiceField(choices=Quantity.choices)
    series_id = serializers.UUIDField(read_only=True)
    starts_at = Moment()
    ends_at = Moment(read_only=True, allow_null=True)


class NewMeasurement(serializers.Serializer[Any]):
    """A new measurement; `swap` ends the running one at `starts_at`."""

    quantity = serializers.ChoiceField(choices=Quantity.choices)
    starts_at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=[k.value for k in Kind], required=False)
    interval_ms = serializers.IntegerField(min_value=0, max_value=86_400_000, default=0)
    swap = serializers.BooleanField(default=False)


class MeasurementList(serializers.Serializer[Any]):
    """The measurements of a household or point."""

    results = MeasurementFields(many=True)


class PointsView(MemberView):
    """The metering points of a household."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ, write=Scope.HOUSEHOLD_WRITE)

    @extend_schema(tags=TAG, responses=PointList, summary="List the metering points")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """List where the household is measured."""
        points = points_of(household=self.access.household)
        return Response({"results": PointFields(points, many=True).data})

    @extend_schema(
        tags=TAG,
        request=NewPointFields,
        responses={201: PointFields},
        parameters=[IDEMPOTENCY_KEY],
        summary="Add a metering point",
    )
    def post(self, request: Request, household_id: uuid.UUID) -> Response:
        """Add a place where energy is measured."""
        asked = NewPointFields(data=request.data)
        asked.is_valid(raise_exception=True)
        household = self.access.household

        def run() -> tuple[int, Any]:
            parent_id = asked.validated_data["parent_id"]
            point = metering_point_create(
                household=household,
                role=asked.validated_data["role"],
                name=asked.validated_data["name"],
                parent=point_for(household=household, point_id=parent_id) if parent_id else None,
                battery=cast("BatteryTerms | None", asked.validated_data.get("battery")),
                actor=actor_from(request),
                now=timezone.now(),
            )
            return 201, PointFields(point).data

        return answer_once(request, run)


class OnePointView(MemberView):
    """One metering point."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ, write=Scope.HOUSEHOLD_WRITE)

    @extend_schema(tags=TAG, responses=PointFields, summary="Read a metering point")
    def get(self, request: Request, household_id: uuid.UUID, point_id: uuid.UUID) -> Response:
        """Return one metering point."""
        return Response(PointFields(point_for(household=self.access.household, point_id=point_id)).data)

    @extend_schema(tags=TAG, request=PointName, responses=PointFields, summary="Rename a metering point")
    def patch(self, request: Request, household_id: uuid.UUID, point_id: uuid.UUID) -> Response:
        """Change its name."""
        asked = PointName(data=request.data)
        asked.is_valid(raise_exception=True)
        point = metering_point_rename(
            point=point_for(household=self.access.household, point_id=point_id),
            name=asked.validated_data["name"],
            actor=actor_from(request),
            now=timezone.now(),
        )
        return Response(PointFields(point).data)

    @extend_schema(tags=TAG, responses={204: None}, summary="Remove a metering point")
    def delete(self, request: Request, household_id: uuid.UUID, point_id: uuid.UUID) -> Response:
        """Remove a point at which nothing was ever measured."""
        point = point_for(household=self.access.household, point_id=point_id)
        metering_point_remove(point=point, actor=actor_from(request), now=timezone.now())
        return Response(status=204)


class MeasurementsView(MemberView):
    """What is measured at one metering point."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ, write=Scope.HOUSEHOLD_WRITE)

    @extend_schema(tags=TAG, responses=MeasurementList, summary="List the measurements of a point")
    def get(self, request: Request, household_id: uuid.UUID, point_id: uuid.UUID) -> Response:
        """List the point's measurements that fall into the user's time in the household."""
        access = self.access
        point = point_for(household=access.household, point_id=point_id)
        found = measurements_of(household=access.household, start=access.since, end=access.until, points=[point])
        return Response({"results": MeasurementFields(found, many=True).data})

    @extend_schema(
        tags=TAG,
        request=NewMeasurement,
        responses={201: MeasurementFields},
        parameters=[IDEMPOTENCY_KEY],
        summary="Start or swap a measurement",
    )
    def post(self, request: Request, household_id: uuid.UUID, point_id: uuid.UUID) -> Response:
        """Let a new series measure a quantity from `starts_at` on."""
        asked = NewMeasurement(data=request.data)
        asked.is_valid(raise_exception=True)
        point = point_for(household=self.access.household, point_id=point_id)
        given = asked.validated_data
        kind = Kind(given["kind"]) if "kind" in given else None

        def run() -> tuple[int, Any]:
            if given["swap"]:
                measurement = measurement_swap(
                    metering_point=point,
                    quantity=given["quantity"],
                    at=given["starts_at"],
                    kind=kind,
                    interval_ms=given["interval_ms"],
                )
            else:
                measurement = measurement_start(
                    metering_point=point,
                    quantity=given["quantity"],
                    starts_at=given["starts_at"],
                    kind=kind,
                    interval_ms=given["interval_ms"],
                )
            return 201, MeasurementFields(measurement).data

        return answer_once(request, run)


class BatteriesView(MemberView):
    """The batteries of a household."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ, write=Scope.HOUSEHOLD_WRITE)

    @extend_schema(tags=TAG, responses=BatteryList, summary="List the batteries")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """List the household's batteries."""
        found = batteries_of(household=self.access.household)
        return Response({"results": BatteryAnswer(found, many=True).data})


class OneBatteryView(MemberView):
    """One battery."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ, write=Scope.HOUSEHOLD_WRITE)

    @extend_schema(tags=TAG, request=BatteryFields, responses=BatteryAnswer, summary="Change a battery")
    def put(self, request: Request, household_id: uuid.UUID, battery_id: uuid.UUID) -> Response:
        """Say anew what the battery can hold and how fast."""
        asked = BatteryFields(data=request.data)
        asked.is_valid(raise_exception=True)
        found = next((b for b in batteries_of(household=self.access.household) if b.pk == battery_id), None)
        if found is None:
            raise NotFound(_("There is no such battery in this household."))
        terms = cast("BatteryTerms", dict(asked.validated_data))
        battery_change(battery=found, terms=terms, actor=actor_from(request), now=timezone.now())
        return Response(BatteryAnswer(found).data)


_BASE = "households/<uuid:household_id>"
urlpatterns = [
    path(f"{_BASE}/metering-points", PointsView.as_view(), name="api-points"),
    path(f"{_BASE}/metering-points/<uuid:point_id>", OnePointView.as_view(), name="api-point"),
    path(f"{_BASE}/metering-points/<uuid:point_id>/measurements", MeasurementsView.as_view(), name="api-measurements"),
    path(f"{_BASE}/batteries", BatteriesView.as_view(), name="api-batteries"),
    path(f"{_BASE}/batteries/<uuid:battery_id>", OneBatteryView.as_view(), name="api-battery"),
]
