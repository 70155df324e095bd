"""Telling the open pages of a household that new values are there; called after they are durable."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import redis
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer

from telemetry.broker import broker_client

logger = logging.getLogger(__name__)
Values = Mapping[str, Mapping[str, float]]
LIVE_VALUES = "live.values"  # the type of a message that tells new values
_broker_is_away = threading.Event()  # said once, not for every message


def group_of(household_id: uuid.UUID) -> str:
    """Name the group in which a household's news are sent."""
    return f"household_{household_id.hex}"


def live_publish(*, values: Mapping[uuid.UUID, Values], now: datetime) -> None:
    """Send each household's values ({measurement id: {"t": ms, "v": value}}) to whoever watches it; never an error."""
    at = int(now.timestamp() * 1000)
    groups_tell(
        messages={
            group_of(household_id): {
                "type": LIVE_VALUES,
                "at": at,
                "values": {name: dict(one) for name, one in told.items()},
            }
            for household_id, told in values.items()
        }
    )


def groups_tell(*, messages: Mapping[str, Mapping[str, Any]]) -> None:
    """Send each group of open pages its message; never an error, for what it tells of is stored already.

    Writers are not asynchronous, and a loop and a connection for every call would cost more than the message: so it
    goes out on one plain connection, in the words of the channel layer.
    """
    layer = get_channel_layer()
    try:
        if isinstance(layer, RedisPubSubChannelLayer):
            pipeline = broker_client().pipeline(transaction=False)
            for group, message in messages.items():
                pipeline.publish(f"asgi__group__{group}", layer.serialize(dict(message)))
            pipeline.execute()
        elif layer is not None:
            for group, message in messages.items():
                async_to_sync(layer.group_send)(group, dict(message))
    except (redis.RedisError, OSError) as error:
        # Open pages read their state again by themselves.
        if not _broker_is_away.is_set():
            logger.warning("Open pages hear no news while the broker is away: %s", error)
        _broker_is_away.set()
    else:
        _broker_is_away.clear()
