"""One connection to the broker per process, which hands news to every open event stream."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from django.conf import settings
from django.utils import timezone
from redis import RedisError
from redis import asyncio as aioredis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

logger = logging.getLogger(__name__)
# News that wait for a slow client; of more, only the gap is told.
KEPT_AT_MOST = 1_000
JOIN_S = 2.0
_POLL_S = 1.0
_AGAIN_S = 1.0
# Connecting and asking after the broker's health have no other bound.
_SILENT_S = 5.0
_PREFIX = "asgi__group__"


@dataclass(frozen=True)
class Gap:
    """News between these moments are lost: what they were about has to be read anew."""

    since: datetime
    until: datetime


class Box:
    """What one stream has still to tell its client."""

    def __init__(self, groups: Iterable[str]) -> None:
        """Take part in these groups."""
        self.groups = frozenset(groups)
        self._items: deque[tuple[datetime, dict[str, Any]]] = deque()
        self._lost: datetime | None = None
        self._back = True
        self._news = asyncio.Event()

    def offer(self, message: dict[str, Any], now: datetime) -> None:
        """Keep a message; if too many wait, all of them become a gap."""
        if len(self._items) >= KEPT_AT_MOST:
            self.lose(self._items[0][0])
            self.back()
            self._items.clear()
        self._items.append((now, message))
        self._news.set()

    def lose(self, since: datetime) -> None:
        """Note that news may be missing from then on, until `back`."""
        self._lost = since if self._lost is None else min(self._lost, since)
        self._back = False

    def back(self) -> None:
        """Note that news arrive again; a gap, if there was one, can be told."""
        self._back = True
        if self._lost is not None:
            self._news.set()

    async def take(self, wait_s: float) -> list[Gap | dict[str, Any]]:
        """Wait for news; nothing when none came within the time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), wait_s)
        self._news.clear()
        found: list[Gap | dict[str, Any]] = []
        if self._lost is not None and self._back:
            found.append(Gap(self._lost, timezone.now()))
            self._lost = None
        found.extend(message for _at, message in self._items)
        self._items.clear()
        return found


class Hub:
    """Listens to the groups that some stream of this process takes part in."""

    def __init__(self) -> None:
        """Begin to listen; the first stream is about to join."""
        self._boxes: dict[str, set[Box]] = {}
        self._asked: set[str] = set()
        self._confirmed: set[str] = set()
        self._pubsub: PubSub | None = None
        self._asking = asyncio.Lock()
        self._changed = asyncio.Event()
        self._heard_at = timezone.now()
        self._task = asyncio.create_task(self._run())

    async def join(self, box: Box) -> None:
        """Let a stream take part; it returns once the broker has confirmed it, or with a gap noted."""
        joined_at = timezone.now()
        for group in box.groups:
            self._boxes.setdefault(group, set()).add(box)
        with suppress(RedisError, OSError):  # the listener notices too, and connects again
            await self._ask()
        try:
            async with asyncio.timeout(JOIN_S):
                while not box.groups <= self._confirmed:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            box.lose(joined_at)

    def leave(self, box: Box) -> bool:
        """Let a stream go; tells whether it was the last one, which ends the hub."""
        for group in box.groups & self._boxes.keys():
            self._boxes[group].discard(box)
            if not self._boxes[group]:
                del self._boxes[group]
        if self._boxes:
            return False
        self._task.cancel()
        return True

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                logger.warning("Event streams hear nothing for a moment, connecting again: %s", error or repr(error))
            except Exception:
                # Whatever it was: with the listener gone streams would stay open and silent.
                logger.exception("Event streams hear nothing for a moment, connecting again")
            self._lose(self._boxes)
            await asyncio.sleep(_AGAIN_S)

    async def _listen(self) -> None:
        """Connect, ask for the groups and pass on what comes, until the connection breaks."""
        client = aioredis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=2, health_check_interval=10, retry=Retry(NoBackoff(), 0)
        )
        pubsub = client.pubsub()
        self._asked.clear()
        self._confirmed.clear()
        self._pubsub = pubsub
        try:
            while True:
                await self._ask()
                async with asyncio.timeout(_POLL_S + _SILENT_S):
                    message = await pubsub.get_message(timeout=_POLL_S)
                self._heard_at = timezone.now()
                if message is not None:
                    self._pass_on(message)
        finally:
            self._pubsub = None
            with suppress(RedisError, OSError):
                await pubsub.aclose()  # type: ignore[no-untyped-call] # the client's annotations are incomplete
                await client.aclose()

    async def _ask(self) -> None:
        """Ask the broker for groups that are new here, and leave those that nobody listens to."""
        async with self._asking:
            if self._pubsub is None:
                return
            new, unused = self._boxes.keys() - self._asked, self._asked - self._boxes.keys()
            if new:
                self._asked |= new
                await self._pubsub.subscribe(*[_PREFIX + group for group in new])
            if unused:
                self._asked -= unused
                self._confirmed -= unused
                await self._pubsub.unsubscribe(*[_PREFIX + group for group in unused])

    def _pass_on(self, message: dict[str, Any]) -> None:
        group = message["channel"].decode().removeprefix(_PREFIX)
        if message["type"] == "subscribe":
            if group in self._confirmed:  # asked again by the client library: it had to connect anew
                self._lose([group])
            self._confirmed.add(group)
            self._changed.set()
            for box in self._boxes.get(group, set()):
                if box.groups <= self._confirmed:
                    box.back()
        elif message["type"] == "message" and group in self._boxes:
            layer: Any = get_channel_layer()
            content = layer.deserialize(message["data"])
            for box in self._boxes[group]:
                box.offer(content, self._heard_at)

    def _lose(self, groups: Iterable[str]) -> None:
        for box in {box for group in groups for box in self._boxes.get(group, set())}:
            box.lose(self._heard_at)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


async def hub_join(box: Box) -> None:
    """Let a stream take part in its groups, on the hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    await _hubs[loop].join(box)


def hub_leave(box: Box) -> None:
    """Let a stream go; the last one ends the hub."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is not None and hub.leave(box):
        _hubs.pop(loop, None)
