"""Reading accounts and their tokens."""

from __future__ import annotations

import uuid
from datetime import datetime

from myhouse.models import AccessToken, Household, User
from myhouse.models.accounts import TokenKind


def tokens_of(*, user: User, now: datetime) -> list[AccessToken]:
    """List the user's own live tokens, the newest first."""
    live = AccessToken.objects.filter(user_id=user.pk, kind=TokenKind.USER, expires_at__gt=now)
    return sorted(live, key=_age, reverse=True)


def service_tokens_of(*, household: Household, now: datetime) -> list[AccessToken]:
    """List the live service tokens of a household with who made each, the newest first; two queries."""
    live = AccessToken.objects.filter(household_id=household.pk, kind=TokenKind.SERVICE, expires_at__gt=now)
    tokens = sorted(live, key=_age, reverse=True)
    users = User.objects.in_bulk([token.user_id for token in tokens])
    for token in tokens:
        token.user = users[token.user_id]
    return tokens


def _age(token: AccessToken) -> tuple[datetime, uuid.UUID]:
    return token.created_at, token.pk
