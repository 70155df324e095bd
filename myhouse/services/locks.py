"""Locks in the cache that say who is at work: taken, renewed while it gets on, freed.

While Redis is away nobody takes one, and who holds one goes on: the work bears to be done twice.
"""

from __future__ import annotations

from contextlib import suppress

from django.core.cache import cache
from redis import RedisError


def lock_take(*, name: str, seconds: int) -> bool:
    """Take it for so long; tells whether it was free."""
    return bool(cache.add(name, 1, timeout=seconds))


def lock_renew(*, name: str, seconds: int) -> None:
    """Keep it for so long from now on."""
    with suppress(RedisError, OSError):
        cache.touch(name, timeout=seconds)


def lock_free(*, name: str) -> None:
    """Let the next one take it."""
    with suppress(RedisError, OSError):
        cache.delete(name)
