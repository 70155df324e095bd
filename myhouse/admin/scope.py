"""Who looks at the operators' pages, kept for one request."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest
from django.utils import timezone

from myhouse.models import User
from myhouse.selectors.staff import StaffScope


def scope_of(request: HttpRequest) -> StaffScope:
    """Return what the visitor may see; its ids are read once per request."""
    found: StaffScope | None = getattr(request, "staff_scope", None)
    if found is None:
        found = StaffScope(user=cast("User", request.user), now=timezone.now())
        request.staff_scope = found  # type: ignore[attr-defined] # kept for this request
    return found


def is_operator(request: HttpRequest) -> bool:
    """Whether the visitor is an operator, who sees and decides everything."""
    return bool(request.user.is_active and request.user.is_superuser)
