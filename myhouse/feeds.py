"""One feed per household and process: it listens for news, works out the flow once and hands it to every open page."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.utils import timezone

from myhouse.models import Community, Household
from myhouse.selectors.flow import CommunityNow, Wiring, community_now, community_series, flow_now, wiring_of
from myhouse.services.live import group_of

T = TypeVar("T")
logger = logging.getLogger(__name__)
THROTTLE_S = 0.2  # at most five frames a second and household
REFRESH_S = 10.0  # ages, prices and neighbours move on without news of our own
WIRING_S = 15.0  # how soon a new meter or contract shows up in open pages
COMMUNITY_S = 2.0
# Two threads work out all feeds of the process; the rest waits its turn.
_POOL = ThreadPoolExecutor(2, thread_name_prefix="live")


async def in_thread(work: Callable[[], T]) -> T:
    """Run what asks the database on one of the live threads, not on the one that pages share."""
    found: T = await database_sync_to_async(work, thread_sensitive=False, executor=_POOL)()
    return found


class Page(Protocol):
    """An open page: takes the newest frame and never makes the feed wait."""

    def offer(self, frame: str) -> None:
        """Take a frame; an older one not yet sent is dropped."""


class Feed:
    """The state of one household for all its open pages in this process."""

    def __init__(self, household_id: uuid.UUID, closed: Callable[[], None]) -> None:
        """Begin with the first page; `closed` is called when the last one has gone."""
        self.household_id = household_id
        self.pages: set[Page] = set()
        self._closed = closed
        self._news = asyncio.Event()
        self._wiring: tuple[float, Wiring] | None = None
        self._task = asyncio.create_task(self._run())

    def join(self, page: Page) -> None:
        """Let a page take part; it gets the state at once."""
        self.pages.add(page)
        self._news.set()

    def leave(self, page: Page) -> None:
        """Let a page go; the last one ends the feed."""
        self.pages.discard(page)
        if not self.pages:
            self._task.cancel()
            self._closed()

    async def _run(self) -> None:
        listener = asyncio.create_task(self._listen())
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), REFRESH_S)
                self._news.clear()
                await self._tell()
                await asyncio.sleep(THROTTLE_S)
        finally:
            listener.cancel()

    async def _tell(self) -> None:
        try:
            frame = await in_thread(self._frame)
        except Exception:
            # The next news or the next refresh tries again; the pages show the age of what they have.
            logger.exception("The flow of household %s could not be worked out.", self.household_id)
            return
        for page in list(self.pages):
            page.offer(frame)

    async def _listen(self) -> None:
        """Wait for news; while the broker is away the refresh alone keeps the pages going."""
        layer = get_channel_layer()
        while True:
            try:
                channel = await layer.new_channel()
                await layer.group_add(group_of(self.household_id), channel)
                self._news.set()
                await self._receive(layer, channel)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the broker's client raises: wait and listen again
                logger.warning("Listening for news of a household failed, trying again: %s", error)
                await asyncio.sleep(1)

    async def _receive(self, layer: Any, channel: str) -> None:
        try:
            while True:
                await layer.receive(channel)
                self._news.set()
        finally:
            with suppress(Exception):
                await asyncio.shield(layer.group_discard(group_of(self.household_id), channel))

    def _frame(self) -> str:
        """Work out the whole state (in a thread); queries only when the wiring is due again."""
        now = timezone.now()
        if self._wiring is None or self._wiring[0] < monotonic():
            household = Household.objects.get(pk=self.household_id)
            self._wiring = (monotonic() + WIRING_S, wiring_of(household=household, now=now))
        wiring = self._wiring[1]
        home = wiring.home
        neighbours = community_shared(home.community, now)
        flow = flow_now(household=home.household, now=now, wiring=wiring, community=neighbours)
        return json.dumps({"kind": "state", "at": flow.at_ms, "flow": flow.as_json()}, separators=(",", ":"))


_communities: dict[uuid.UUID, tuple[float, list[uuid.UUID], float, CommunityNow]] = {}


def community_shared(community: Community | None, now: datetime) -> CommunityNow:
    """Add up a community once for all of its homes that are watched."""
    if community is None:
        return CommunityNow(None, 0)
    known = _communities.get(community.pk)
    if known is not None and known[2] > monotonic():
        return known[3]
    until, series = (known[0], known[1]) if known is not None else (0.0, [])
    if until < monotonic():
        until, series = monotonic() + 60, community_series(community=community, now=now)
    found = community_now(community=community, now=now, series_ids=series)
    if len(_communities) > 1_000:
        _communities.clear()
    _communities[community.pk] = (until, series, monotonic() + COMMUNITY_S, found)
    return found


_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[uuid.UUID, Feed]] = WeakKeyDictionary()


def feeds_here() -> dict[uuid.UUID, Feed]:
    """Return the feeds of the running event loop."""
    return _feeds.setdefault(asyncio.get_running_loop(), {})


def feed_of(household_id: uuid.UUID) -> Feed:
    """Return the household's feed, begun if there is none."""
    feeds = feeds_here()
    if household_id not in feeds:

        def closed() -> None:
            feeds.pop(household_id, None)

        feeds[household_id] = Feed(household_id, closed=closed)
    return feeds[household_id]
