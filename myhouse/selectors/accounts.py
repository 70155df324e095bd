"""Reading accounts and their tokens."""

from __future__ import annotations

from datetime import datetime

from myhouse.models import AccessToken, User


def tokens_of(*, user: User, now: datetime) -> list[AccessToken]:
    """List the user's live tokens, the newest first."""
    return list(AccessToken.objects.filter(user_id=user.pk, expires_at__gt=now).order_by("-created_at", "-pk"))
