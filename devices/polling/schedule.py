"""When each device is asked next: a sorted set in Redis, made again from the registry when Redis was lost."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, cast

import redis

from devices.models import Device, DeviceKind
from devices.state import VERSION_KEY
from telemetry.broker import broker_client

DUE_KEY = "devices:due"
PERIOD_KEY = "devices:period"
BUILT_KEY = "devices:due:built"
FAILING_KEY = "devices:failing"
SKIPPED_KEY = "devices:skipped"
LOCK_KEY = "devices:poll:"
REBUILD_AFTER_S = 60
LONGEST_WAIT_MS = 300_000
PATIENT_TRIES = 3
"""So many tries at the device's own period before the pauses grow."""

# Takes what is due and moves it on by whole periods, keeping its phase; counts the polls that were missed.
_CLAIM = """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
local missed = 0
for _, id in ipairs(due) do
  local period = tonumber(redis.call('HGET', KEYS[2], id) or '10000')
  local score = tonumber(redis.call('ZSCORE', KEYS[1], id))
  local steps = math.floor((tonumber(ARGV[1]) - score) / period) + 1
  missed = missed + steps - 1
  redis.call('ZADD', KEYS[1], score + steps * period, id)
end
if missed > 0 then redis.call('INCRBY', KEYS[3], missed) end
return due
"""
# Frees a lock only for the one who took it.
_RELEASE = """
for i, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
"""


def schedule_ensure(*, now_ms: int) -> int | None:
    """Make the schedule agree with the registry if it is lost, changed or old; returns how many devices it has."""
    client = broker_client()
    built, version = client.mget(BUILT_KEY, VERSION_KEY)
    wanted = version or b"0"
    if built == wanted:
        return None
    periods = dict(Device.objects.filter(kind=DeviceKind.MODBUS, enabled=True).values_list("pk", "period_s"))
    hexes = {device_id.hex: period_s * 1000 for device_id, period_s in periods.items()}
    known = {member.decode() for member in cast("list[bytes]", client.zrange(DUE_KEY, 0, -1))}
    pipeline = client.pipeline()
    gone = known - hexes.keys()
    if gone:
        pipeline.zrem(DUE_KEY, *gone)
    if hexes:
        pipeline.hset(PERIOD_KEY, mapping=cast("dict[Any, Any]", hexes))
        pipeline.zadd(DUE_KEY, {one: now_ms + phase_ms(one, period) for one, period in hexes.items()}, nx=True)
    pipeline.set(BUILT_KEY, wanted, ex=REBUILD_AFTER_S)
    pipeline.execute()
    return len(hexes)


def phase_ms(device_hex: str, period_ms: int) -> int:
    """Return where in its period a device is asked: spread evenly, and the same after every restart."""
    phase: int = int(device_hex[-8:], 16) % period_ms
    return phase


def due_claim(*, now_ms: int, limit: int) -> list[str]:
    """Take the devices that are due, at most `limit`; each goes to one caller only."""
    found = broker_client().eval(_CLAIM, 3, DUE_KEY, PERIOD_KEY, SKIPPED_KEY, now_ms, limit)
    return [member.decode() for member in found]


def locks_take(*, device_ids: Iterable[uuid.UUID], token: str, hold_ms: int) -> list[uuid.UUID]:
    """Lock devices for one poll; those that are still being polled are left out."""
    ids = list(device_ids)
    pipeline = broker_client().pipeline(transaction=False)
    for device_id in ids:
        pipeline.set(LOCK_KEY + device_id.hex, token, nx=True, px=hold_ms)
    taken = pipeline.execute()
    return [device_id for device_id, mine in zip(ids, taken, strict=True) if mine]


def locks_release(*, device_ids: Iterable[uuid.UUID], token: str) -> None:
    """Free the locks that are still ours."""
    keys = [LOCK_KEY + device_id.hex for device_id in device_ids]
    if not keys:
        return
    try:
        broker_client().eval(_RELEASE, len(keys), *keys, token)
    except redis.RedisError:
        # They expire by themselves.
        return


def wait_ms(*, failures: int, period_ms: int, jitter: random.Random) -> int:
    """Return how long to leave a device alone after so many failures in a row."""
    doublings = min(20, max(0, failures - PATIENT_TRIES))
    longest = max(LONGEST_WAIT_MS, period_ms)
    return round(min(longest, period_ms * (1 << doublings)) * jitter.uniform(0.9, 1.0))


def failures_note(
    *, failed: Mapping[uuid.UUID, int], lasting: Iterable[uuid.UUID], now_ms: int, jitter: random.Random
) -> dict[uuid.UUID, int]:
    """Count a failure of each device (id → period in ms) and move its next poll; returns since when each fails (ms).

    `lasting` are those whose settings are wrong: they are tried again only after the longest pause.
    """
    if not failed:
        return {}
    client = broker_client()
    pipeline = client.pipeline(transaction=False)
    for device_id in failed:
        pipeline.hsetnx(FAILING_KEY, f"{device_id.hex}:since", now_ms)
        pipeline.hget(FAILING_KEY, f"{device_id.hex}:since")
        pipeline.hincrby(FAILING_KEY, f"{device_id.hex}:count", 1)
    answers = pipeline.execute()
    wrong = set(lasting)
    later = {}
    for place, (device_id, period_ms) in enumerate(failed.items()):
        failures = int(answers[3 * place + 2])
        pause = (
            LONGEST_WAIT_MS if device_id in wrong else wait_ms(failures=failures, period_ms=period_ms, jitter=jitter)
        )
        if pause > 1.2 * period_ms:
            later[device_id.hex] = now_ms + pause
    if later:
        client.zadd(DUE_KEY, later, xx=True)
    return {device_id: int(answers[3 * place + 1]) for place, device_id in enumerate(failed)}


def failures_clear(*, device_ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    """Forget the failures of devices that answered; returns those that had any."""
    ids = list(device_ids)
    if not ids:
        return []
    client = broker_client()
    counts = client.hmget(FAILING_KEY, [f"{device_id.hex}:count" for device_id in ids])
    failing = [device_id for device_id, count in zip(ids, counts, strict=True) if count is not None]
    if failing:
        client.hdel(FAILING_KEY, *[f"{one.hex}:{part}" for one in failing for part in ("since", "count")])
    return failing
