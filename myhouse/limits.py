"""How often something may be tried: counters in Redis, shared by all web processes.

With Redis away nothing is let through that is counted here: passwords could otherwise be guessed without end. What
only who has signed in can do goes on; then each process counts alone.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime

import redis
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from myhouse.errors import Busy, TooMany
from telemetry.broker import broker_client

_ALONE_AT_MOST = 10_000
_alone: dict[str, int] = {}
_counting = threading.Lock()


@dataclass(frozen=True)
class Limit:
    """At most `tries` of one subject (an address, an account) in each window of `window_s` seconds."""

    name: str
    tries: int
    window_s: int


@dataclass(frozen=True)
class Hit:
    """How many tries are left in this window, and when it ends."""

    left: int
    ends_in_s: int


def limit_hit(*, limit: Limit, subject: str, now: datetime, alone: bool = False) -> Hit:
    """Count one try; refuse it when there were too many, saying how long to wait.

    `alone`: while Redis is away this process counts by itself, instead of letting nothing through.
    """
    key, left_s = _key(limit, subject, now)
    try:
        pipeline = broker_client().pipeline()
        pipeline.incr(key)
        pipeline.expire(key, left_s + 1)
        count = int(pipeline.execute()[0])
    except redis.RedisError as error:
        if not alone:
            said = _("This cannot be checked for a moment. Try again in half a minute.")
            raise Busy(said, retry_after_s=30) from error
        count = _counted_alone(key)
    if count > limit.tries:
        message = ngettext(
            "Too many tries. Try again in %(minutes)s minute.",
            "Too many tries. Try again in %(minutes)s minutes.",
            -(-left_s // 60),
        )
        raise TooMany(message % {"minutes": -(-left_s // 60)}, retry_after_s=left_s)
    return Hit(left=limit.tries - count, ends_in_s=left_s)


def limit_clear(*, limit: Limit, subject: str, now: datetime) -> None:
    """Forget the tries of this window, after one that succeeded."""
    try:
        broker_client().delete(_key(limit, subject, now)[0])
    except redis.RedisError:
        # Counters end by themselves; a success must not fail because one could not be cleared.
        return


def _counted_alone(key: str) -> int:
    with _counting:
        if key not in _alone and len(_alone) >= _ALONE_AT_MOST:
            # Rare, and harmless: a few counts begin anew.
            _alone.clear()
        _alone[key] = _alone.get(key, 0) + 1
        return _alone[key]


def _key(limit: Limit, subject: str, now: datetime) -> tuple[str, int]:
    """Return the counter's name, without the subject in clear, and how long its window still lasts in s."""
    seconds = int(now.timestamp())
    digest = hashlib.sha256(subject.encode()).hexdigest()[:32]
    return f"limit:{limit.name}:{digest}:{seconds // limit.window_s}", limit.window_s - seconds % limit.window_s
