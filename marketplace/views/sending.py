"""A form that moves money or energy is done once, however often it is sent: each carries a key of its own."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from myhouse.documents.idempotency import UnableToRepeat, UnableToRunTwice, once
from myhouse.errors import Kind, UnableTo
from myhouse.views.gate import user_of

if TYPE_CHECKING:
    from django.http import HttpRequest

FIELD = "once"
_NOT_CONTENT = {FIELD, "csrfmiddlewaretoken"}
# The second of two clicks waits for the first one's answer instead of being refused.
_WAITS = 20
_WAIT_S = 0.1


class UnableToSendAgain(UnableTo):
    """The form was sent before, with other figures."""

    kind = Kind.CONFLICT


def key_fresh() -> str:
    """Return the key of a form that has not been sent yet."""
    return uuid.uuid4().hex


def send_once(request: HttpRequest, *, now: datetime, run: Callable[[], uuid.UUID]) -> uuid.UUID:
    """Do what a form asks for, or return what its first sending led to; `run` returns the id of what was made."""
    scope = f"page:{user_of(request).pk.hex}:{hashlib.sha256(request.path.encode()).hexdigest()[:32]}"
    sent = {name: request.POST.getlist(name) for name in sorted(request.POST) if name not in _NOT_CONTENT}

    def answer() -> tuple[int, Any]:
        return 200, str(run())

    for tried in range(_WAITS + 1):
        try:
            found = once(scope=scope, key=request.POST.get(FIELD, ""), request=sent, now=now, run=answer)
            return uuid.UUID(found.body)
        except UnableToRunTwice:
            if tried == _WAITS:
                raise
            time.sleep(_WAIT_S)
        except UnableToRepeat:
            raise UnableToSendAgain(
                _("This form was sent before with other figures. Look what came of it, then check and send it again.")
            ) from None
    raise AssertionError
