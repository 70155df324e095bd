"""REST API of accounts: tokens and the user himself."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from myhouse.api.fields import Moment
from myhouse.api.gate import ApiView, actor_from, user_of
from myhouse.documents.services import Actor
from myhouse.errors import FieldError, Kind, UnableTo
from myhouse.limits import limit_clear, limit_hit
from myhouse.models import User
from myhouse.scopes import CLOSED
from myhouse.selectors.accounts import tokens_of
from myhouse.selectors.second_factor import factor_on
from myhouse.services.accounts import THEMES, user_change
from myhouse.services.second_factor import UnableToConfirmIdentity, factor_check
from myhouse.services.tokens import token_issue, token_revoke
from myhouse.views.accounts import SIGN_IN_ACCOUNT, SIGN_IN_ADDRESS


class UnableToSignIn(UnableTo):
    """Address and password do not belong together; which of the two is wrong is not told."""

    kind = Kind.UNAUTHENTICATED


def _code_check(request: Request, user: User, code: str) -> None:
    """Ask for the second factor too: a token must not be easier to get than a session."""
    if not code:
        raise UnableToSignIn(_("This account has a second factor: send its code as well."), field="code")
    actor = Actor(user.pk, user.email, str(request.META.get("REMOTE_ADDR") or "local"))
    try:
        factor_check(user=user, code=code, actor=actor, now=timezone.now())
    except UnableToConfirmIdentity as refusal:
        raise UnableToSignIn(refusal.message, field="code") from refusal


class TokenRequest(serializers.Serializer[Any]):
    """What a token is given out for."""

    email = serializers.EmailField()
    password = serializers.CharField(trim_whitespace=False, max_length=128)
    name = serializers.CharField(max_length=80, default="API")
    code = serializers.CharField(max_length=40, default="", help_text="The code of the second factor, where it is on.")


class TokenAnswer(serializers.Serializer[Any]):
    """A token without its secret."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    created_at = Moment()
    last_used_at = Moment()
    expires_at = Moment()


class NewTokenAnswer(TokenAnswer):
    """A token with its secret, given this once."""

    token = serializers.CharField()


class TokenList(serializers.Serializer[Any]):
    """The live tokens of the user."""

    results = TokenAnswer(many=True)


class TokensView(ApiView):
    """Tokens: give one out for e-mail and password, list the live ones."""

    scopes = CLOSED

    def get_permissions(self) -> list[Any]:
        """Giving out needs no token yet."""
        return [AllowAny()] if self.request.method == "POST" else list(super().get_permissions())

    def get_authenticators(self) -> list[Any]:
        """A token that has ended must not keep its holder from getting a new one."""
        request = getattr(self, "request", None)
        return [] if request is not None and request.method == "POST" else super().get_authenticators()

    @extend_schema(
        tags=["account"], auth=[], request=TokenRequest, responses={201: NewTokenAnswer}, summary="Get a token"
    )
    def post(self, request: Request) -> Response:
        """Give out a bearer token; its secret is in this answer only, and it ends an hour after its last use."""
        asked = TokenRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        now, email = timezone.now(), asked.validated_data["email"].lower()
        limit_hit(limit=SIGN_IN_ADDRESS, subject=str(request.META.get("REMOTE_ADDR") or "local"), now=now)
        limit_hit(limit=SIGN_IN_ACCOUNT, subject=email, now=now)
        user = authenticate(request, username=email, password=asked.validated_data["password"])
        if not isinstance(user, User):
            raise UnableToSignIn(_("E-mail and password do not belong together. Check both."))
        limit_clear(limit=SIGN_IN_ACCOUNT, subject=email, now=now)
        if factor_on(user=user):
            _code_check(request, user, asked.validated_data["code"])
        token, secret = token_issue(user=user, name=asked.validated_data["name"], now=now)
        answer = Response({**TokenAnswer(token).data, "token": secret}, status=201)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @extend_schema(tags=["account"], responses=TokenList, summary="List your tokens")
    def get(self, request: Request) -> Response:
        """List the user's live tokens, the newest first."""
        tokens = tokens_of(user=user_of(request), now=timezone.now())
        return Response({"results": TokenAnswer(tokens, many=True).data})


class TokenView(ApiView):
    """One token."""

    scopes = CLOSED

    @extend_schema(tags=["account"], responses={204: None}, summary="Revoke a token")
    def delete(self, request: Request, token_id: uuid.UUID) -> Response:
        """End one of the user's tokens at once."""
        token_revoke(user=user_of(request), token_id=token_id, actor=actor_from(request), now=timezone.now())
        return Response(status=204)


class MeAnswer(serializers.Serializer[User]):
    """The user himself."""

    id = serializers.UUIDField(read_only=True)
    email = serializers.EmailField(read_only=True)
    name = serializers.CharField(max_length=80)
    language = serializers.ChoiceField(choices=settings.LANGUAGES)
    theme = serializers.ChoiceField(choices=THEMES)
    name_shown_to_neighbours = serializers.BooleanField()
    created_at = Moment(read_only=True)


class MeView(ApiView):
    """The user himself."""

    scopes = CLOSED

    @extend_schema(tags=["account"], responses=MeAnswer, summary="Read your account")
    def get(self, request: Request) -> Response:
        """Return the account of the token's user."""
        return Response(MeAnswer(user_of(request)).data)

    @extend_schema(tags=["account"], request=MeAnswer, responses=MeAnswer, summary="Change your account")
    def patch(self, request: Request) -> Response:
        """Change some of name, language, theme and consent."""
        user = user_of(request)
        asked = MeAnswer(user, data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        unknown = set(request.data) - set(asked.fields)
        if unknown:
            errors = [FieldError(name, _("There is no such field.")) for name in sorted(unknown)]
            raise UnableTo(_("Some fields cannot be accepted."), errors=errors)
        values = {
            name: asked.validated_data.get(name, getattr(user, name))
            for name in ("name", "language", "theme", "name_shown_to_neighbours")
        }
        changed = user_change(user=user, actor=actor_from(request), now=timezone.now(), **values)
        return Response(MeAnswer(changed).data)


urlpatterns = [
    path("tokens", TokensView.as_view(), name="api-tokens"),
    path("tokens/<uuid:token_id>", TokenView.as_view(), name="api-token"),
    path("me", MeView.as_view(), name="api-me"),
]
