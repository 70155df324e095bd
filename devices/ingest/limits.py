"""How much one key may send; counted in each web process by itself, so replicas multiply it."""

from __future__ import annotations

import math
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass

from django.utils.translation import gettext as _

from devices.ingest.refusals import Refusal

REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests a second in the long run, and how many may come at once."""

    per_s: float
    burst: int


DEVICE = Rate(per_s=50, burst=1_000)
GATEWAY = Rate(per_s=1_000, burst=5_000)
GUESSES = Rate(per_s=1, burst=100)
"""Wrong keys from one address; beyond that, keys this process has not seen yet are not looked up for it."""


@dataclass(slots=True)
class Bucket:
    """A token bucket; `take` returns how many seconds to wait, 0 when the request may pass."""

    rate: Rate
    tokens: float
    filled_at: float

    def take(self, now: float) -> float:
        """Take one token, or say when the next one is there."""
        self.tokens = min(self.rate.burst, self.tokens + (now - self.filled_at) * self.rate.per_s)
        self.filled_at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.rate.per_s


_buckets: OrderedDict[uuid.UUID | str, Bucket] = OrderedDict()


def rate_check(*, key_id: uuid.UUID, rate: Rate) -> None:
    """Let the key's request pass, or refuse it with the time to wait."""
    wait = _bucket(key_id, rate).take(time.monotonic())
    if wait:
        raise _too_many(wait)


def guesses_check(*, address: str) -> None:
    """Refuse to look up a new key for an address that has sent too many wrong ones."""
    bucket = _buckets.get(address)
    if bucket is None:
        return
    now = time.monotonic()
    wait = bucket.take(now)
    if wait:
        raise _too_many(wait)
    bucket.tokens += 1


def guess_count(*, address: str) -> None:
    """Count a wrong key against its address."""
    _bucket(address, GUESSES).take(time.monotonic())


def _bucket(name: uuid.UUID | str, rate: Rate) -> Bucket:
    bucket = _buckets.get(name)
    if bucket is None:
        bucket = _buckets[name] = Bucket(rate, rate.burst, time.monotonic())
        if len(_buckets) > REMEMBERED:
            _buckets.popitem(last=False)
    return bucket


def _too_many(wait: float) -> Refusal:
    seconds = math.ceil(wait)
    return Refusal(
        429,
        _("Too many requests: wait %(seconds)s s, and send several readings in one request.") % {"seconds": seconds},
        retry_after_s=seconds,
    )
