"""REST API of service tokens: what lets a program into one household, with rights and an end of its own."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from myhouse.api.fields import Moment
from myhouse.api.gate import MemberView, actor_from, user_of
from myhouse.models import AccessToken
from myhouse.scopes import CLOSED, Scope
from myhouse.selectors.accounts import service_tokens_of
from myhouse.services.tokens import service_token_issue, service_token_revoke

TAG = ["service tokens"]


class ServiceTokenFields(serializers.Serializer[Any]):
    """What a service may do in the household, and until when."""

    name = serializers.CharField(max_length=80, help_text="Which service it is.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices), min_length=1, max_length=len(Scope)
    )
    expires_at = Moment(help_text="When it ends: within the next two years.")


class ServiceTokenAnswer(ServiceTokenFields):
    """A service token without its secret."""

    id = serializers.UUIDField()
    created_at = Moment()
    created_by = serializers.EmailField(source="user.email", help_text="It ends when this owner is one no more.")
    last_used_at = Moment(allow_null=True)


class NewServiceTokenAnswer(ServiceTokenAnswer):
    """A service token with its secret, given this once."""

    token = serializers.CharField()


class ServiceTokenList(serializers.Serializer[Any]):
    """The live service tokens of a household."""

    results = ServiceTokenAnswer(many=True)


class ServiceTokensView(MemberView):
    """The service tokens of a household, for its owners."""

    scopes = CLOSED

    @extend_schema(tags=TAG, responses=ServiceTokenList, summary="List the service tokens")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """List the live ones, whichever owner made them, the newest first."""
        self.access.require_change()
        tokens = service_tokens_of(household=self.access.household, now=timezone.now())
        return Response({"results": ServiceTokenAnswer(tokens, many=True).data})

    @extend_schema(
        tags=TAG, request=ServiceTokenFields, responses={201: NewServiceTokenAnswer}, summary="Let a service in"
    )
    def post(self, request: Request, household_id: uuid.UUID) -> Response:
        """Make a token that reaches this household only; its secret is in this answer and nowhere else."""
        asked = ServiceTokenFields(data=request.data)
        asked.is_valid(raise_exception=True)
        token, secret = service_token_issue(
            user=user_of(request),
            household=self.access.household,
            actor=actor_from(request),
            now=timezone.now(),
            **asked.validated_data,
        )
        answer = Response({**_shown(token), "token": secret}, status=201)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _shown(token: AccessToken) -> dict[str, Any]:
    return dict(ServiceTokenAnswer(token).data)


class OneServiceTokenView(MemberView):
    """One service token."""

    scopes = CLOSED

    @extend_schema(tags=TAG, responses={204: None}, summary="Revoke a service token")
    def delete(self, request: Request, household_id: uuid.UUID, token_id: uuid.UUID) -> Response:
        """End it at once."""
        service_token_revoke(
            household=self.access.household, token_id=token_id, actor=actor_from(request), now=timezone.now()
        )
        return Response(status=204)


_BASE = "households/<uuid:household_id>/service-tokens"
urlpatterns = [
    path(_BASE, ServiceTokensView.as_view(), name="api-service-tokens"),
    path(f"{_BASE}/<uuid:token_id>", OneServiceTokenView.as_view(), name="api-service-token"),
]
