"""Who asks, and from where."""

from __future__ import annotations

from rest_framework.request import Request

from myhouse.documents.services import Actor
from myhouse.models import User


def user_of(request: Request) -> User:
    """The signed-in user; views without permission for strangers have one."""
    assert isinstance(request.user, User)
    return request.user


def actor_of(request: Request) -> Actor:
    """Who is written down as having done it."""
    user = user_of(request)
    return Actor(user_id=user.pk, label=user.email, address=request.META.get("REMOTE_ADDR", ""))
