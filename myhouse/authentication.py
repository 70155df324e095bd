"""Bearer tokens for the API: `Authorization: Bearer <secret>`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from myhouse.errors import Busy
from myhouse.limits import Limit, limit_hit
from myhouse.services.tokens import token_use

if TYPE_CHECKING:
    from datetime import datetime

    from rest_framework.request import Request

    from myhouse.models import AccessToken, User


WRONG_TOKENS = Limit("wrong-token", tries=60, window_s=60)


def token_authenticate(*, secret: str, address: str, now: datetime) -> AccessToken:
    """Return the live token with this secret; wrong ones are counted against the address they come from."""
    token = token_use(secret=secret, now=now)
    if token is not None:
        return token
    # No secret of 256 bits is ever guessed: this only bounds the work. So with Redis away nothing is lost.
    with contextlib.suppress(Busy):
        limit_hit(limit=WRONG_TOKENS, subject=address, now=now)
    raise AuthenticationFailed(_("The token is wrong, revoked or expired. Get a new one at /api/v1/tokens."))


class TokenAuthentication(BaseAuthentication):
    """Signs a request in by an access token; every use keeps it alive for another hour."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        """Return the token's user; None when the request brings no bearer token at all."""
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        if len(parts) != 2:
            raise AuthenticationFailed(_("Send the token as “Authorization: Bearer <token>”, without spaces in it."))
        address = str(request.META.get("REMOTE_ADDR") or "local")
        token = token_authenticate(secret=parts[1].decode("latin-1"), address=address, now=timezone.now())
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a client without a valid token is asked for."""
        return 'Bearer realm="myhouse"'
