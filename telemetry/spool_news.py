"""How the spools of all machines stand, told to each other in Redis: what waits elsewhere is missing here as well."""

from __future__ import annotations

import json
import logging
import socket
import time
from dataclasses import dataclass

import redis

from telemetry.spool import Spool, Waiting

logger = logging.getLogger(__name__)

_KEY = "telemetry:spools"
EVERY_S = 2.0
FORGOTTEN_MS = 2 * 86_400_000
"""Nobody waits longer for a machine that tells nothing any more: it is gone, and its volume with it."""


@dataclass(frozen=True)
class Elsewhere:
    """The spool of another machine as it was last told of."""

    host: str
    told_ms: int
    waiting: Waiting


class SpoolNews:
    """Tells of one spool while something is in it, and hears of the others; without Redis it knows its own only."""

    def __init__(self, redis_url: str | None, spool: Spool) -> None:
        self._client = (
            redis.Redis.from_url(redis_url, socket_timeout=1.0, socket_connect_timeout=1.0) if redis_url else None
        )
        self._spool = spool
        # Whoever used the folder before may have ended without telling that it is empty.
        self._told = True
        self._next = 0.0

    def tell(self, *, away_since_ms: int | None) -> None:
        """Tell how the spool stands, now and then, and once more when it is empty; never an error."""
        now = time.monotonic()
        if self._client is None or now < self._next or not (self._spool.waits() or self._told):
            return
        self._next = now + EVERY_S
        try:
            state = self._spool.state()
            if state.readings or state.refused or self._spool.waits():
                told = {
                    "host": socket.gethostname(),
                    "told_ms": time.time_ns() // 1_000_000,
                    "away_since_ms": away_since_ms,
                    **state.__dict__,
                }
                self._client.hset(_KEY, self._spool.id, json.dumps(told))
                self._told = bool(self._spool.waits())
            else:
                self._client.hdel(_KEY, self._spool.id)
                self._told = False
        except (redis.RedisError, OSError) as error:
            logger.warning("The state of the spool is not told to other machines now: %s", error)

    def elsewhere(self) -> list[Elsewhere]:
        """The spools of other machines that hold something; none while Redis is away."""
        if self._client is None:
            return []
        try:
            told: dict[bytes, bytes] = self._client.hgetall(_KEY)  # type: ignore[assignment] # bytes without decoding
            own = self._spool.id
        except (redis.RedisError, OSError):
            return []
        found = []
        now_ms = time.time_ns() // 1_000_000
        for name, value in told.items():
            said = json.loads(value)
            if name.decode() != own and now_ms - said["told_ms"] < FORGOTTEN_MS:
                waiting = Waiting(said["readings"], said["size"], said["oldest_ms"], said["refused"])
                found.append(Elsewhere(said["host"], said["told_ms"], waiting))
        return found
