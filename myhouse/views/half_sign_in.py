"""The state between password and code: a signed note in the session, good for five minutes, and no sign-in yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core import signing

from myhouse.models import User

if TYPE_CHECKING:
    from django.http import HttpRequest

SESSION_KEY = "half_sign_in"
LASTS_S = 300
_SALT = "myhouse.half-sign-in"


def half_begin(request: HttpRequest, user: User) -> None:
    """Note that this user's password was right; a password changed meanwhile makes the note worthless."""
    note = {"user": str(user.pk), "hash": user.get_session_auth_hash()}
    request.session[SESSION_KEY] = signing.dumps(note, salt=_SALT)


def half_user(request: HttpRequest) -> User | None:
    """Return whose code is awaited; None when nobody's is, or no longer."""
    try:
        note = signing.loads(request.session.get(SESSION_KEY, ""), salt=_SALT, max_age=LASTS_S)
    except signing.BadSignature:
        return None
    user = User.objects.filter(pk=note["user"], is_active=True).first()
    return user if user is not None and user.get_session_auth_hash() == note["hash"] else None


def half_end(request: HttpRequest) -> None:
    """Forget the note."""
    request.session.pop(SESSION_KEY, None)
