"""REST API of supplier contracts, and of the market prices and emission factors they may follow."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import numpy as np
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from myhouse.api.fields import Moment
from myhouse.api.gate import IDEMPOTENCY_KEY, ApiView, MemberView, actor_from, answer_once, user_of
from myhouse.documents.base import FOREVER_DATE
from myhouse.errors import NotAllowed
from myhouse.models import ReferenceSeries, SupplierContract
from myhouse.models.tariffs import Direction, ReferenceKind
from myhouse.scopes import Scope, by_method
from myhouse.selectors.reference import reference_for, reference_quarters, references
from myhouse.selectors.tariffs import contract_for, contracts_of
from myhouse.services.reference import UnableToSaveReference, reference_register, reference_write
from myhouse.services.tariffs import contract_change, contract_create, contract_remove
from myhouse.tariffs.terms import terms_schema
from telemetry.calendar import utc_datetime, utc_ms
from telemetry.model import HOUR_MS, QUARTER_MS

TAG = ["tariffs"]
QUARTERS_AT_MOST = 40_000


class OpenEnd(serializers.DateField):
    """The first day after a period; null while it is open."""

    def to_representation(self, value: Any) -> Any:
        """Write the day; null for an open end."""
        return None if value is None or value >= FOREVER_DATE else value.isoformat()


@extend_schema_field(terms_schema())
class TermsField(serializers.JSONField):
    """The terms as `myhouse.tariffs` reads them."""


class ContractFields(serializers.Serializer[Any]):
    """What can be said about a contract; `terms` are checked to the last field."""

    supplier_name = serializers.CharField(max_length=80)
    name = serializers.CharField(max_length=80)
    starts_on = serializers.DateField()
    ends_on = OpenEnd(allow_null=True, required=False, default=None)
    terms = TermsField()


class NewContract(ContractFields):
    """A new contract."""

    direction = serializers.ChoiceField(choices=Direction.choices)


class ChangedContract(ContractFields):
    """A changed contract; with `version` a change made meanwhile by someone else is not overwritten."""

    version = serializers.IntegerField(required=False, allow_null=True, default=None)


class ContractAnswer(NewContract):
    """A contract as stored."""

    id = serializers.UUIDField()
    version = serializers.IntegerField()
    changed_at = Moment()


class ContractList(serializers.Serializer[Any]):
    """The contracts of a household."""

    results = ContractAnswer(many=True)


def _contract(contract: SupplierContract) -> dict[str, Any]:
    return dict(ContractAnswer(contract).data)


class ContractsView(MemberView):
    """A household's contracts."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ, write=Scope.HOUSEHOLD_WRITE)

    @extend_schema(tags=TAG, responses=ContractList, summary="List the supplier contracts")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer import contracts, then export contracts, the oldest first."""
        found = contracts_of(household=self.access.household)
        return Response({"results": [_contract(contract) for contract in found]})

    @extend_schema(
        tags=TAG,
        request=NewContract,
        responses={201: ContractAnswer},
        parameters=[IDEMPOTENCY_KEY],
        summary="Add a supplier contract",
    )
    def post(self, request: Request, household_id: uuid.UUID) -> Response:
        """Add a contract; overlapping ones are refused by name."""
        asked = NewContract(data=request.data)
        asked.is_valid(raise_exception=True)
        household, actor = self.access.household, actor_from(request)

        def run() -> tuple[int, Any]:
            made = contract_create(household=household, actor=actor, now=timezone.now(), **asked.validated_data)
            return 201, _contract(made)

        return answer_once(request, run)


class ContractView(MemberView):
    """One contract."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ, write=Scope.HOUSEHOLD_WRITE)

    @extend_schema(tags=TAG, responses=ContractAnswer, summary="Read a supplier contract")
    def get(self, request: Request, household_id: uuid.UUID, contract_id: uuid.UUID) -> Response:
        """Answer the contract with its terms."""
        return Response(_contract(contract_for(household=self.access.household, contract_id=contract_id)))

    @extend_schema(tags=TAG, request=ChangedContract, responses=ContractAnswer, summary="Change a supplier contract")
    def put(self, request: Request, household_id: uuid.UUID, contract_id: uuid.UUID) -> Response:
        """Change a contract; what it covers is priced anew, the past too."""
        asked = ChangedContract(data=request.data)
        asked.is_valid(raise_exception=True)
        contract = contract_for(household=self.access.household, contract_id=contract_id)
        changed = contract_change(
            contract=contract, actor=actor_from(request), now=timezone.now(), **asked.validated_data
        )
        return Response(_contract(changed))

    @extend_schema(tags=TAG, responses={204: None}, summary="Remove a supplier contract")
    def delete(self, request: Request, household_id: uuid.UUID, contract_id: uuid.UUID) -> Response:
        """Remove a contract; its days then show no cost."""
        contract = contract_for(household=self.access.household, contract_id=contract_id)
        contract_remove(contract=contract, actor=actor_from(request), now=timezone.now())
        return Response(status=204)


class ReferenceFields(serializers.Serializer[Any]):
    """A series of prices (µct per Wh) or emission factors (g CO2 per kWh) and who publishes it."""

    kind = serializers.ChoiceField(choices=ReferenceKind.choices)
    name = serializers.CharField(max_length=80)
    source = serializers.CharField(max_length=160)  # type: ignore[assignment] # Field.source
    country = serializers.CharField(min_length=2, max_length=2, default="DE")
    resolution = serializers.ChoiceField(choices=["quarter", "hour"], default="quarter", write_only=True)
    demo = serializers.BooleanField(read_only=True)


class ReferenceValues(serializers.Serializer[Any]):
    """Values by the start of their quarter-hour (hour), in UTC."""

    times = serializers.ListField(child=serializers.DateTimeField(), max_length=QUARTERS_AT_MOST)
    values = serializers.ListField(child=serializers.FloatField(), max_length=QUARTERS_AT_MOST)


class ReferenceList(serializers.Serializer[Any]):
    """All series, by name."""

    results = ReferenceFields(many=True)


class ReferenceValuesAnswer(ReferenceFields):
    """A series with its values by the start of their quarter-hour."""

    times = serializers.ListField(child=Moment())
    values = serializers.ListField(child=serializers.FloatField())


class AcceptedAnswer(serializers.Serializer[Any]):
    """How many values were written."""

    accepted = serializers.IntegerField()


SPAN = [
    OpenApiParameter(
        name, datetime, required=True, description="Start of a quarter-hour with its offset; at most 400 days apart."
    )
    for name in ("start", "end")
]


def _reference(series: ReferenceSeries) -> dict[str, Any]:
    return dict(ReferenceFields(series).data)


def _require_operator(request: Request) -> None:
    """Market data are everybody's: only operators write them."""
    if not user_of(request).is_staff:
        raise NotAllowed(_("Only operators write market prices and emission factors. Ask yours to do it."))


class ReferencesView(ApiView):
    """All reference series."""

    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(tags=TAG, responses=ReferenceList, summary="List market prices and emission factors")
    def get(self, request: Request) -> Response:
        """Answer the series by name, each with its source."""
        return Response({"results": [_reference(series) for series in references()]})

    @extend_schema(tags=TAG, request=ReferenceFields, responses={201: ReferenceFields}, summary="Add a series")
    def post(self, request: Request) -> Response:
        """Name a series and its source (operators)."""
        _require_operator(request)
        asked = ReferenceFields(data=request.data)
        asked.is_valid(raise_exception=True)
        data = dict(asked.validated_data)
        interval = HOUR_MS if data.pop("resolution") == "hour" else QUARTER_MS
        made = reference_register(actor=actor_from(request), now=timezone.now(), interval_ms=interval, **data)
        return Response(_reference(made), status=201)


class ReferenceValuesView(ApiView):
    """The values of one series."""

    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(tags=TAG, parameters=SPAN, responses=ReferenceValuesAnswer, summary="Read values per quarter-hour")
    def get(self, request: Request, name: str) -> Response:
        """Answer the quarter-hours of [start, end) that have a value."""
        series = reference_for(name=name)
        start, end = (_moment_ms(request.query_params.get(key, ""), key) for key in ("start", "end"))
        if not start < end <= start + QUARTERS_AT_MOST * QUARTER_MS:
            message = _("The end must lie after the start, at most 400 days later.")
            raise UnableToSaveReference(message, field="end")
        values, present = reference_quarters(series=series, start_ms=start, end_ms=end)
        starts = np.arange(start, end, QUARTER_MS, dtype=np.int64)[present != 0].tolist()
        times = [utc_datetime(at).isoformat(timespec="milliseconds").replace("+00:00", "Z") for at in starts]
        return Response({**_reference(series), "times": times, "values": values[present != 0].tolist()})

    @extend_schema(tags=TAG, request=ReferenceValues, responses=AcceptedAnswer, summary="Write values")
    def post(self, request: Request, name: str) -> Response:
        """Write values (operators); the same time again overwrites."""
        _require_operator(request)
        asked = ReferenceValues(data=request.data)
        asked.is_valid(raise_exception=True)
        written = reference_write(
            series=reference_for(name=name),
            times_ms=[utc_ms(moment) for moment in asked.validated_data["times"]],
            values=asked.validated_data["values"],
            actor=actor_from(request),
            now=timezone.now(),
        )
        return Response({"accepted": written})


def _moment_ms(text: str, field: str) -> int:
    """Read a time that begins a quarter-hour."""
    try:
        moment = datetime.fromisoformat(text)
        at = utc_ms(moment) if moment.tzinfo else -1
    except (ValueError, OverflowError):
        at = -1
    if at < 0 or at % QUARTER_MS:
        message = _("Give the start of a quarter-hour, such as 2026-11-21T10:15:00Z.")
        raise UnableToSaveReference(message, field=field)
    return at


urlpatterns = [
    path("households/<uuid:household_id>/contracts", ContractsView.as_view()),
    path("households/<uuid:household_id>/contracts/<uuid:contract_id>", ContractView.as_view()),
    path("reference-series", ReferencesView.as_view()),
    path("reference-series/<str:name>/values", ReferenceValuesView.as_view()),
]
