"""The schedule's clock: one per installation, by a lease in Redis; what ran last is kept there too."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from celery import beat
from celery.beat import SchedulingError
from django.conf import settings
from kombu.exceptions import KombuError

from config.broker import ANSWER_S

logger = logging.getLogger(__name__)

# Only what lies further ahead than this was written under another clock.
TOLERANCE = timedelta(seconds=30)
# A holder that is not heard for so long has died: another one takes over.
LEASE_S = 5.0
_LOOK_S = 1.0
_LEASE_KEY = "beat:lease"
_RAN_KEY = "beat:ran"
_TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 1
end
if not holder then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 2
end
return 0
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class Lease:
    """The right to start what is due: held by one clock at a time, and kept by renewing it."""

    def __init__(self, url: str) -> None:
        """Hold nothing yet."""
        self._client = redis.Redis.from_url(url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S)
        # Says who holds it to whoever looks it up; unique also where two containers have the same name and number.
        self._token = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex}"
        self._until = 0.0

    @property
    def held(self) -> bool:
        """Whether nobody else can hold it at this moment."""
        return time.monotonic() < self._until

    def take(self) -> bool | None:
        """Take or renew it; returns whether it is freshly taken, or None while someone else holds it."""
        asked = time.monotonic()
        answer = int(self._client.eval(_TAKE, 1, _LEASE_KEY, self._token, round(LEASE_S * 1000)))
        # Counted from before the question, so that it ends here before it ends there.
        self._until = asked + LEASE_S if answer else 0.0
        return answer == 2 if answer else None

    def release(self) -> None:
        """Let the next one take over at once."""
        if self.held:
            self._until = 0.0
            self._client.eval(_RELEASE, 1, _LEASE_KEY, self._token)

    def ran(self) -> dict[str, datetime]:
        """Return when each entry was last started by whichever clock."""
        found: Any = self._client.hgetall(_RAN_KEY)
        return {name.decode(): datetime.fromtimestamp(float(at), UTC) for name, at in found.items()}

    def ran_put(self, name: str) -> None:
        """Note that an entry was started now."""
        self._client.hset(_RAN_KEY, name, str(time.time()))


class Scheduler(beat.Scheduler):  # type: ignore[misc] # Celery is untyped
    """Celery's own scheduler, but one per installation; an entry that ran "in the future" is due from now on."""

    _lease: Lease | None = None
    _quiet = False

    @property
    def lease(self) -> Lease:
        """The right to start what is due, in the broker of this installation."""
        if self._lease is None:
            self._lease = Lease(settings.REDIS_URL)
        return self._lease

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Start what is due, if it is ours to start; while the broker is away nothing is due."""
        try:
            fresh = self.lease.take()
            if fresh is None:
                return _LOOK_S
            if fresh:
                logger.info("This clock starts what is due from now on.")
                self.catch_up()
            if self._quiet:
                logger.info("The broker is back: what is due is started again.")
                self._quiet = False
            return float(super().tick(*args, **kwargs))
        except (redis.RedisError, KombuError, OSError) as error:
            if not self._quiet:
                logger.error("Nothing is started while the broker is away: %s", error)  # noqa: TRY400 says all
                self._quiet = True
            return _LOOK_S

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send what is due, unless the right to do so ran out meanwhile."""
        if not self.lease.held:
            logger.warning("%s is left to the clock that took over.", entry.name)
            return
        try:
            self.apply_async(entry, producer=producer, advance=False)
            self.lease.ran_put(entry.name)
        except SchedulingError as error:
            logger.error("%s", error)  # noqa: TRY400 the sentence says all

    def close(self) -> None:
        """Keep what ran, and let another clock take over."""
        try:
            super().close()
        finally:
            try:
                self.lease.release()
            except redis.RedisError as error:
                logger.warning("The lease of the clock ends by itself, the broker is away: %s", error)

    def catch_up(self) -> None:
        """Go on where the clock before left off; what it did in the future by its own time is due from now on."""
        ran = self.lease.ran()
        for name, entry in self.schedule.items():
            entry.last_run_at = ran.get(name, entry.last_run_at)
            entry_forgive(entry)
        # Made anew from the entries.
        self._heap = None


def entry_forgive(entry: Any) -> bool:
    """Set an entry's last run to now if it lies in the future; tell whether it did."""
    now = entry.default_now()
    if entry.last_run_at is None or entry.last_run_at <= now + TOLERANCE:
        return False
    entry.last_run_at = now
    return True
