"""The newest reading of each series in Redis, for pages that ask often; without Redis the store answers."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Mapping
from uuid import UUID

import redis

from telemetry import selectors
from telemetry.broker import broker_client
from telemetry.errors import StoreUnavailableError
from telemetry.missing import note_missing
from telemetry.model import Quality, Reading

logger = logging.getLogger(__name__)

_KEY = "telemetry:latest:"
_SHAPE = struct.Struct("<qdB")
_KEEP_S = 7 * 86_400
# A reading replaces the one that is there unless that one is newer: writers may overtake each other.
_PUT = """
for i = 1, #KEYS do
  local there = redis.call('GET', KEYS[i])
  if not there or struct.unpack('<i8', there) <= struct.unpack('<i8', ARGV[i]) then
    redis.call('SET', KEYS[i], ARGV[i], 'EX', ARGV[#ARGV])
  end
end
"""


def live_put(latest: Mapping[UUID, Reading]) -> None:
    """Remember newest readings, after they are durable; an older one never replaces a newer. Never an error."""
    if not latest:
        return
    keys = [_KEY + series_id.hex for series_id in latest]
    values = [_SHAPE.pack(one.time_ms, one.value, int(one.quality)) for one in latest.values()]
    try:
        broker_client().eval(_PUT, len(keys), *keys, *values, str(_KEEP_S))
    except redis.RedisError as error:
        logger.warning("Live values are not kept in Redis now: %s", error)


def live_get(series_ids: Iterable[UUID]) -> dict[UUID, Reading]:
    """The newest reading of each series that has one; from the store where Redis has none or is away."""
    ids = list(series_ids)
    if not ids:
        return {}
    found: dict[UUID, Reading] = {}
    try:
        held = broker_client().mget([_KEY + series_id.hex for series_id in ids])
    except redis.RedisError as error:
        logger.warning("Live values are read from the store, Redis is away: %s", error)
        held = []
    for series_id, value in zip(ids, held, strict=False):
        if isinstance(value, bytes) and len(value) == _SHAPE.size:
            time_ms, number, quality = _SHAPE.unpack(value)
            found[series_id] = Reading(time_ms, number, Quality(quality))
    missing = [series_id for series_id in ids if series_id not in found]
    if missing:
        try:
            found.update(selectors.latest(series_ids=missing))
        except StoreUnavailableError as error:
            note_missing()
            logger.warning("Live values that Redis has not are unknown, the store is away: %s", error)
    return found


def live_forget(series_ids: Iterable[UUID]) -> None:
    """Drop what is remembered of these series; never an error."""
    keys = [_KEY + series_id.hex for series_id in series_ids]
    try:
        if keys:
            broker_client().delete(*keys)
    except redis.RedisError as error:
        logger.warning("Live values could not be dropped from Redis: %s", error)
