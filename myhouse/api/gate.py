"""How an API view gets at its user, household and clock, and answers a repeated request once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from myhouse.documents.idempotency import once
from myhouse.documents.services import Actor
from myhouse.models import User
from myhouse.selectors.households import Access, household_for

# What a creating operation takes; for the API's description.
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Your own id of this request, up to 80 characters. Sent again within 30 days with the same body it "
    "gets the first answer again; with another body 422; while the first is running 409.",
)


def user_of(request: Request) -> User:
    """Return the signed-in user; views need one unless they say otherwise."""
    return cast("User", request.user)


def actor_from(request: Request) -> Actor:
    """Say who asks, from which address, for the audit log."""
    user = user_of(request)
    return Actor(user_id=user.pk, label=user.email, address=str(request.META.get("REMOTE_ADDR") or "local"))


def household_open(request: Request, household_id: uuid.UUID) -> Access:
    """Open the household a request is about, or answer 404."""
    return household_for(user=user_of(request), household_id=household_id, now=timezone.now())


def answer_once(request: Request, run: Callable[[], tuple[int, Any]]) -> Response:
    """Answer a creating request; with an Idempotency-Key its repetition gets the first answer again."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        status, body = run()
        return Response(body, status=status)
    scope = f"{request.user.pk} {request.method} {request.path}"[:120]
    answer = once(scope=scope, key=key, request=request.data, now=timezone.now(), run=run)
    headers = {"Idempotent-Replayed": "true"} if answer.repeated else None
    return Response(answer.body, status=answer.status, headers=headers)


class HouseholdView(APIView):
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
