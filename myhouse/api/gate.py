"""The door of the API: who asks, how often, with which right, for which household; and what is answered twice."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, ClassVar, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from myhouse.api.throttle import request_count
from myhouse.documents.idempotency import once
from myhouse.documents.pages import LIMIT as LIMIT_DEFAULT
from myhouse.documents.pages import LIMIT_MAX
from myhouse.documents.services import Actor
from myhouse.errors import NotAllowed
from myhouse.models import AccessToken, User
from myhouse.models.accounts import TokenKind
from myhouse.scopes import UNDECLARED, Scope, ScopesByMethod
from myhouse.selectors.households import Access, household_for

# What a creating operation takes; for the API's description.
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Your own id of this request, up to 80 characters. Sent again within 30 days with the same body it "
    "gets the first answer again; with another body 422; while the first is running 409.",
)

FORM = OpenApiParameter(
    "form", str, OpenApiParameter.PATH, enum=["csv", "xlsx"], description="A CSV file or an Excel workbook."
)
FILES = {
    (200, "text/csv"): OpenApiTypes.STR,
    (200, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"): OpenApiTypes.BINARY,
}
CURSOR = OpenApiParameter("cursor", str, description="`next_cursor` of the page before; none for the first page.")
LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX},
    default=LIMIT_DEFAULT,
    description="Rows per page.",
)


def user_of(request: Request) -> User:
    """Return the signed-in user; views need one unless they say otherwise."""
    return cast("User", request.user)


def actor_from(request: Request) -> Actor:
    """Say who asks, from which address, for the audit log."""
    user, label = user_of(request), user_of(request).email
    if isinstance(request.auth, AccessToken) and request.auth.kind == TokenKind.SERVICE:
        label = f"{request.auth.name} ({label})"[:160]
    return Actor(user_id=user.pk, label=label, address=str(request.META.get("REMOTE_ADDR") or "local"))


def scope_require(token: AccessToken, scope: Scope | None) -> None:
    """Refuse a service what its token does not name; a person's own token may do all that the person may."""
    if token.kind != TokenKind.SERVICE:
        return
    if scope is None:
        raise NotAllowed(_("Service tokens cannot do this. Use the token of an owner."))
    if scope not in token.scopes:
        raise NotAllowed(_("This service token lacks the scope “%(scope)s”.") % {"scope": scope.value})


def repeated(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Name what a read answers by its content (ETag); answer 304 to who names it as known (If-None-Match)."""
    if request.method not in {"GET", "HEAD"} or response.status_code != HTTPStatus.OK:
        return response
    response.headers.setdefault("Cache-Control", "private, no-cache")
    patch_vary_headers(response, ["Authorization"])
    if not isinstance(response, HttpResponse) or "no-store" in response.headers["Cache-Control"]:
        return response
    if isinstance(response, SimpleTemplateResponse):
        response.render()
    tag = f'"{blake2b(response.content, digest_size=12).hexdigest()}"'
    response.headers["ETag"] = tag
    return get_conditional_response(request, tag, None, response) or response


def household_open(request: Request, household_id: uuid.UUID) -> Access:
    """Open the household a request is about, or answer 404."""
    return household_for(user=user_of(request), household_id=household_id, now=timezone.now())


def answer_once(request: Request, run: Callable[[], tuple[int, Any]]) -> Response:
    """Answer a creating request; with an Idempotency-Key its repetition gets the first answer again."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        status, body = run()
        return Response(body, status=status)
    # A path of several ids is longer than the scope may be, and two that begin alike must not meet.
    path = blake2b(request.path.encode(), digest_size=16).hexdigest()
    scope = f"{request.user.pk} {request.method} {path}"
    answer = once(scope=scope, key=key, request=request.data, now=timezone.now(), run=run)
    headers = {"Idempotent-Replayed": "true"} if answer.repeated else None
    return Response(answer.body, status=answer.status, headers=headers)


class ApiView(APIView):
    """The base of every view of the API: counted, closed to service tokens unless it says otherwise, told apart."""

    # Each view says itself which scope its methods need, or that it is CLOSED; a test finds those that do not.
    scopes: ClassVar[ScopesByMethod] = UNDECLARED

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let in who is signed in, not too often, and a service only where its token says so."""
        super().initial(request, *args, **kwargs)
        self.headers.update(request_count(request))
        if isinstance(request.auth, AccessToken):
            scope_require(request.auth, self.scopes.get(str(request.method)))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer; a read that would repeat what the client has is answered with 304."""
        return repeated(request, super().dispatch(request, *args, **kwargs))


class HouseholdView(ApiView):
    """A view below /households/<household_id>/; `self.access` is opened before the method runs."""

    access: Access

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Open the household, or answer 404 as if it did not exist."""
        super().initial(request, *args, **kwargs)
        self.access = household_open(request, kwargs["household_id"])


class MemberView(HouseholdView):
    """A view for the people of the household, whose writing methods are for owners."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a supplier, and writing by anybody who is no owner."""
        super().initial(request, *args, **kwargs)
        self.access.require_member()
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            self.access.require_change()
