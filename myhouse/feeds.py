"""One feed per household, kind and process: it listens for news, works out once what they mean, tells every page."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Any, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.utils import timezone

from myhouse.channel_layer import AGAIN
from myhouse.models import Community, Household
from myhouse.selectors.flow import CommunityNow, Wiring, community_now, community_series, flow_now, wiring_of
from myhouse.services.live import LIVE_VALUES, group_of
from telemetry.missing import tolerated

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


class Feed(ABC):
    """The news of one household for all its open pages of one kind in this process.

    A kind of feed says to which groups it listens, which messages matter and what it tells its pages.
    """

    refresh_s: float | None = None  # tells its pages again after this long without news

    def __init__(self, household_id: uuid.UUID, closed: Callable[[], None]) -> None:
        """Begin with the first page; `closed` is called when the last one has gone."""
        self.household_id = household_id
        self.pages: set[Page] = set()
        self._closed = closed
        self._news = asyncio.Event()
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
                    await asyncio.wait_for(self._news.wait(), self.refresh_s)
                self._news.clear()
                await self.tell()
                await asyncio.sleep(THROTTLE_S)
        finally:
            listener.cancel()

    async def groups(self) -> list[str]:
        """Return where the news of the household come in."""
        return [group_of(self.household_id)]

    def heard(self, message: dict[str, Any]) -> bool:
        """Take a message; whether it is news for the pages."""
        return True

    def listening(self) -> None:  # noqa: B027 - most feeds need not know
        """Note that from now on every message is heard; what was sent before may be lost."""

    @abstractmethod
    async def tell(self) -> None:
        """Tell the pages."""

    async def _listen(self) -> None:
        """Wait for news; while the broker is away the refresh alone keeps the pages going."""
        layer = get_channel_layer()
        while True:
            try:
                channel, groups = await layer.new_channel(), await self.groups()
                for group in groups:
                    await layer.group_add(group, channel)
                self.listening()
                self._news.set()
                await self._receive(layer, channel, groups)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the broker's client raises: wait and listen again
                logger.warning("Listening for news of a household failed, trying again: %s", error)
                await asyncio.sleep(1)

    async def _receive(self, layer: Any, channel: str, groups: list[str]) -> None:
        try:
            while True:
                message = await layer.receive(channel)
                if message.get("type") == AGAIN:
                    # What was told while the broker was away is lost: the pages read anew.
                    self.listening()
                    self._news.set()
                elif self.heard(message):
                    self._news.set()
        finally:
            for group in groups:
                with suppress(Exception):
                    await asyncio.shield(layer.group_discard(group, channel))


class FlowFeed(Feed):
    """The power flow of one household, worked out once for all of its open pages."""

    def __init__(self, household_id: uuid.UUID, closed: Callable[[], None]) -> None:
        """Begin without knowing how the home is wired."""
        self._wiring: tuple[float, Wiring] | None = None
        self.refresh_s = REFRESH_S
        super().__init__(household_id, closed)

    def heard(self, message: dict[str, Any]) -> bool:
        """Values are news; what else is sent to the household is not."""
        return message.get("type") == LIVE_VALUES

    async def tell(self) -> None:
        """Hand the whole state to every open page."""
        try:
            frame = await in_thread(self._frame)
        except Exception:
            # The next news or the next refresh tries again; the pages show the age of what they have.
            logger.exception("The flow of household %s could not be worked out.", self.household_id)
            return
        for page in list(self.pages):
            page.offer(frame)

    def _frame(self) -> str:
        """Work out the whole state (in a thread), without prices while the time series are away."""
        with tolerated():
            return self._frame_made()

    def _frame_made(self) -> str:
        """Queries only when the wiring is due again."""
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


F = TypeVar("F", bound=Feed)
_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[type[Feed], uuid.UUID], Feed]] = WeakKeyDictionary()


def feeds_here() -> dict[tuple[type[Feed], uuid.UUID], Feed]:
    """Return the feeds of the running event loop, by kind and household."""
    return _feeds.setdefault(asyncio.get_running_loop(), {})


def feed_of(kind: type[F], household_id: uuid.UUID) -> F:
    """Return the household's feed of this kind, begun if there is none."""
    feeds = feeds_here()
    found = feeds.get((kind, household_id))
    if found is None:

        def closed() -> None:
            feeds.pop((kind, household_id), None)

        found = feeds[kind, household_id] = kind(household_id, closed)
    return cast("F", found)
