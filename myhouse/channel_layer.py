"""The channel layer on Redis: after the broker was away it says so to everyone who listens."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisSingleShardConnection
from redis import RedisError
from redis.asyncio.client import PubSub

logger = logging.getLogger(__name__)

# The type of the message that tells a listener: what was sent meanwhile is lost, read anew what you show.
AGAIN = "broker.again"
_AGAIN_S = 1.0
_WAIT_S = 0.1


class _Listening(PubSub):
    """Tells when it had to connect anew."""

    shard: _Shard

    async def on_connect(self, connection: Any) -> None:
        """Ask for everything again, then tell."""
        await super().on_connect(connection)
        self.shard.again()


class _Shard(RedisSingleShardConnection):  # type: ignore[misc] # channels_redis is untyped
    """The one connection of an event loop."""

    def again(self) -> None:
        """Tell everyone who takes part in a group that the broker is back."""
        layer = self.channel_layer
        message = layer.channel_layer.serialize({"type": AGAIN})
        for name in {name for members in layer.groups.values() for name in members} & layer.channels.keys():
            layer.channels[name].put_nowait(message)
        logger.info("Open pages hear news again: the broker is back.")

    def _ensure_redis(self) -> None:
        fresh = self._redis is None
        super()._ensure_redis()
        if fresh:
            self._pubsub = _Listening(self._redis.connection_pool)
            self._pubsub.shard = self

    async def _do_receiving(self) -> None:
        """Pass on what comes; the library's own writes a traceback every second while the broker is away."""
        away = False
        while True:
            try:
                if self._pubsub is None or not self._pubsub.subscribed:
                    await asyncio.sleep(_WAIT_S)
                    continue
                message = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=_WAIT_S)
                away = False
                self._receive_message(message)
            except (RedisError, OSError) as error:
                if not away:
                    logger.warning("Open pages hear no news while the broker is away: %s", error)
                away = True
                await asyncio.sleep(_AGAIN_S)


class ChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc] # channels_redis is untyped
    """Publish and subscribe on Redis, without losing a listener."""

    def _get_layer(self) -> Any:
        known = asyncio.get_running_loop() in self._layers
        layer = super()._get_layer()
        if not known:
            # The library makes it, and sees to its end; only the connections are ours.
            layer._shards = [_Shard(shard.host, layer) for shard in layer._shards]  # noqa: SLF001 it has no other name
        return layer
