"""What changes with every poll or packet and may be lost: kept in Redis, under `devices:`.

Redis away is never an error here: reads answer "unknown", writes are dropped, the registry is
re-read from the documents.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import redis
from django.conf import settings

VERSION_KEY = "devices:registry"
SEEN_KEY = "devices:seen"
CHECK_EVERY_S = 0.2
AWAY_RETRY_S = 1.0


@cache
def connection() -> redis.Redis:
    """Return this process's connection pool; short time-outs, because callers go on without it."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1.0, socket_connect_timeout=0.5, health_check_interval=0
    )


@dataclass
class _Watch:
    """The registry version this process last saw, and when it looked."""

    version: int = 0
    remote: bytes | str | None = None
    looked_at: float = 0.0


_watch = _Watch()
_lock = threading.Lock()


def registry_changed() -> None:
    """Tell every process that a device, key or channel changed; call it after the commit."""
    with _lock:
        _watch.version += 1
    try:
        connection().incr(VERSION_KEY)
    except redis.RedisError:
        # The others notice by the age of what they remember (`routes.MAX_AGE_S`).
        return


def registry_version() -> int:
    """Return a number that changes when the registry changed; asks Redis at most every 200 ms."""
    now = time.monotonic()
    if now - _watch.looked_at < CHECK_EVERY_S:
        return _watch.version
    with _lock:
        _watch.looked_at = now
        try:
            remote = connection().get(VERSION_KEY)
        except redis.RedisError:
            _watch.version += 1
            _watch.looked_at = now + AWAY_RETRY_S - CHECK_EVERY_S
            return _watch.version
        if remote != _watch.remote:
            _watch.remote = remote
            _watch.version += 1
    return _watch.version


def seen_put(seen: Mapping[uuid.UUID, int]) -> None:
    """Remember when each device was last heard (ms); one round trip for all of them."""
    if not seen:
        return
    try:
        connection().hset(SEEN_KEY, mapping={device_id.hex: time_ms for device_id, time_ms in seen.items()})
    except redis.RedisError:
        return


def seen_get(device_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return when each device was last heard (ms); devices never heard are absent."""
    ids = list(device_ids)
    if not ids:
        return {}
    try:
        values = connection().hmget(SEEN_KEY, [device_id.hex for device_id in ids])
    except redis.RedisError:
        return {}
    return {device_id: int(value) for device_id, value in zip(ids, values, strict=True) if value is not None}
