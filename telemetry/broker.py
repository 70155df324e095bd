"""This process's connections to Redis for what is quick: one pool for everybody, made once."""

from __future__ import annotations

import os
import threading

import redis
from django.conf import settings

ANSWER_S = 1.0
"""A broker that does not answer for so long is taken for gone: callers go on without it, or say so."""

_made: dict[str, redis.Redis] = {}
_making = threading.Lock()


def broker_client() -> redis.Redis:
    """Return the client of the server that REDIS_URL names; connects when it is first used."""
    url = settings.REDIS_URL
    # Never two, of which one is dropped: a dropped client closes the connections that its pipelines still use.
    with _making:
        if url not in _made:
            _made[url] = redis.Redis.from_url(url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S)
        return _made[url]


def _forget_parents_client() -> None:
    global _making  # noqa: PLW0603 - the parent's lock may be held by a thread that does not exist here
    _making = threading.Lock()
    _made.clear()


os.register_at_fork(after_in_child=_forget_parents_client)
