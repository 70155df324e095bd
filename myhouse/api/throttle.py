"""How many requests a minute the API takes of one token; the numbers stand in the settings, as API_RATES."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from myhouse.errors import Busy, TooMany
from myhouse.limits import Hit, Limit, limit_hit

if TYPE_CHECKING:
    from rest_framework.request import Request

WINDOW_S = 60
READING = frozenset({"GET", "HEAD", "OPTIONS"})


def request_count(request: Request) -> dict[str, str]:
    """Count a request against its token, else its user, else its address; returns what the answer says of it.

    One round trip to Redis. While that is away each process counts alone, except before somebody has signed in: then
    reading goes on uncounted and nothing is changed.
    """
    kind, subject = _subject(request)
    limit = Limit(f"api-{kind}", tries=settings.API_RATES[kind], window_s=WINDOW_S)
    try:
        hit = limit_hit(limit=limit, subject=subject, now=timezone.now(), alone=kind != "anonymous")
    except TooMany as refusal:
        raise too_many(tries=limit.tries, wait_s=refusal.retry_after_s) from refusal
    except Busy:
        if request.method in READING:
            return {}
        raise
    return told(kind, limit.tries, hit)


def told(kind: str, tries: int, hit: Hit) -> dict[str, str]:
    """Say how many requests are left in this minute (the IETF's RateLimit fields)."""
    return {
        "RateLimit-Policy": f'"{kind}";q={tries};w={WINDOW_S}',
        "RateLimit": f'"{kind}";r={hit.left};t={hit.ends_in_s}',
    }


def too_many(*, tries: int, wait_s: int) -> TooMany:
    """Refuse a request, with the time to wait."""
    message = _("At most %(tries)d such requests are taken in a minute. Go on in %(wait)d s.")
    return TooMany(message % {"tries": tries, "wait": wait_s}, retry_after_s=wait_s)


def _subject(request: Request) -> tuple[str, str]:
    """Return which rate holds and whom it is counted against."""
    kind = "read" if request.method in READING else "write"
    if request.auth is not None:
        return kind, f"token {request.auth.pk}"
    if request.user.is_authenticated:
        return kind, f"user {request.user.pk}"
    return "anonymous", str(request.META.get("REMOTE_ADDR") or "local")


class MinuteCounter:
    """Counts in this process alone: for reads that cost less than a round trip to Redis would."""

    def __init__(self) -> None:
        self._minute = 0
        self._counts: dict[object, int] = {}

    def hit(self, subject: object, *, tries: int) -> None:
        """Count one request; refuse it when there were too many in this minute."""
        minute, second = divmod(int(time.time()), WINDOW_S)
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        count = self._counts[subject] = self._counts.get(subject, 0) + 1
        if count > tries:
            raise too_many(tries=tries, wait_s=WINDOW_S - second)
