"""What changes with every poll or packet and may be lost: kept in Redis, under `devices:`.

Redis away is never an error here: reads answer "unknown", writes are dropped, the registry is
re-read from the documents.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterable, Mapping

import redis
from django.conf import settings

from telemetry.broker import broker_client

VERSION_KEY = "devices:registry"
SEEN_KEY = "devices:seen"
AWAY_RETRY_S = 1.0


class _Watch:
    """Hears of changes in other processes by a Redis channel, in a thread of its own; never on anybody's path."""

    def __init__(self) -> None:
        self.version = 0
        self.thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def bump(self) -> None:
        """Something changed, or may have."""
        with self._lock:
            self.version += 1

    def start(self) -> None:
        """Begin to listen; once per process."""
        with self._lock:
            if self.thread is None:
                self.thread = threading.Thread(target=self._listen, name="devices-registry", daemon=True)
                self.thread.start()

    def _listen(self) -> None:
        while True:
            try:
                self._listen_once()
            except (redis.RedisError, OSError, ValueError):
                # While nothing can be heard, what is remembered is thrown away every second.
                self.bump()
                time.sleep(AWAY_RETRY_S)

    def _listen_once(self) -> None:
        # A connection of its own, without a time limit on silence: changes are rare.
        client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=0.5, socket_timeout=None)
        with client, client.pubsub() as channel:  # type: ignore[no-untyped-call] # redis
            channel.subscribe(VERSION_KEY)
            while True:
                # The first message confirms the subscription: what changed before it was not heard.
                channel.get_message(timeout=None)
                self.bump()


_watch = _Watch()


def _forget_parents_watch() -> None:
    global _watch  # noqa: PLW0603 - the parent's thread does not exist in this process
    _watch = _Watch()


os.register_at_fork(after_in_child=_forget_parents_watch)


def registry_changed() -> None:
    """Tell every process that a device, key or channel changed; call it after the commit."""
    _watch.bump()
    try:
        pipeline = broker_client().pipeline(transaction=False)
        pipeline.incr(VERSION_KEY)
        pipeline.publish(VERSION_KEY, b"")
        pipeline.execute()
    except redis.RedisError:
        # The others notice by the age of what they remember (`routes.MAX_AGE_S`).
        return


def registry_version() -> int:
    """Return a number that changes when the registry changed, in whichever process."""
    if _watch.thread is None:
        _watch.start()
    return _watch.version


def seen_put(seen: Mapping[uuid.UUID, int]) -> None:
    """Remember when each device was last heard (ms); one round trip for all of them."""
    if not seen:
        return
    try:
        broker_client().hset(SEEN_KEY, mapping={device_id.hex: time_ms for device_id, time_ms in seen.items()})
    except redis.RedisError:
        return


def seen_get(device_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return when each device was last heard (ms); devices never heard are absent."""
    ids = list(device_ids)
    if not ids:
        return {}
    try:
        values = broker_client().hmget(SEEN_KEY, [device_id.hex for device_id in ids])
    except redis.RedisError:
        return {}
    return {device_id: int(value) for device_id, value in zip(ids, values, strict=True) if value is not None}
