"""Bearer tokens for the API: `Authorization: Bearer <secret>`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from myhouse.services.tokens import token_use

if TYPE_CHECKING:
    from rest_framework.request import Request

    from myhouse.models import AccessToken, User


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
        token = token_use(secret=parts[1].decode("latin-1"), now=timezone.now())
        if token is None:
            raise AuthenticationFailed(_("The token is wrong, revoked or expired. Get a new one at /api/v1/tokens."))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a client without a valid token is asked for."""
        return 'Bearer realm="myhouse"'
