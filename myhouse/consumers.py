"""The live connections of open household pages: /live/<household_id>/ sends the whole state, again and again."""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any

from channels.auth import get_user
from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils import timezone

from myhouse.errors import NotFound
from myhouse.feeds import Feed, FlowFeed, feed_of, feeds_here, in_thread
from myhouse.selectors.households import Access, household_for
from myhouse.services.displays import Display, display_for, display_used

RECHECK_S = 30.0
# A page that wants more than this of one process is told to come back later.
PAGES_AT_MOST = 2_000
PAGES_PER_USER = 250
SIGNED_OUT, SUMS_ONLY, NOT_YOURS, TRY_LATER = 4401, 4403, 4404, 1013


class LiveConsumer(AsyncWebsocketConsumer, ABC):  # type: ignore[misc] # channels is untyped
    """One open page of one household: who may have it, for how long, and how frames get to it."""

    feed: Feed | None = None
    recheck_s: float | None = None  # how often it is asked again whether the page may go on; RECHECK_S if not said

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begin without a frame."""
        super().__init__(*args, **kwargs)
        self._waiting = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @abstractmethod
    def feed_here(self) -> Feed:
        """Return the feed that this page listens to."""

    @abstractmethod
    def frames_take(self) -> list[str]:
        """Return what is to be sent now, and begin anew."""

    @property
    def household_id(self) -> uuid.UUID:
        """The household the page is about."""
        found: uuid.UUID = self.scope["url_route"]["kwargs"]["household_id"]
        return found

    async def connect(self) -> None:
        """Accept, or accept and close with a code that says why (a refused handshake could not say it)."""
        refusal = await self._refusal()
        self.user_id = self._holder()
        await self.accept()
        if refusal is None and self._crowded():
            refusal = TRY_LATER
        if refusal is not None:
            await self.close(code=refusal)
            return
        self.feed = self.feed_here()
        self.feed.join(self)
        self._tasks = [asyncio.create_task(self._send_frames()), asyncio.create_task(self._recheck())]

    async def disconnect(self, code: int) -> None:
        """Leave the feed."""
        if self.feed is not None:
            self.feed.leave(self)
            self.feed = None
        for task in self._tasks:
            task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take no words from the page: it asks by opening the connection."""

    async def _send_frames(self) -> None:
        with suppress(asyncio.CancelledError):
            while True:
                await self._waiting.wait()
                self._waiting.clear()
                for frame in self.frames_take():
                    await self.send(text_data=frame)

    async def _recheck(self) -> None:
        """Close the page of someone who signed out, was idle for too long or is no longer a member."""
        with suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(self.recheck_s or RECHECK_S)
                refusal = await self._refusal(again=True)
                if refusal is not None:
                    await self.close(code=refusal)
                    return

    async def _refusal(self, *, again: bool = False) -> int | None:
        """Return the code to close with, or nothing when the page may go on."""
        user = await self._user_again() if again else self.scope.get("user")
        if not getattr(user, "is_authenticated", False):
            return SIGNED_OUT
        try:
            access = await self._access(user)
        except NotFound:
            return NOT_YOURS
        return SUMS_ONLY if access.sums_only else None

    def _holder(self) -> Any:
        """Who the page counts for when there are too many of them."""
        return getattr(self.scope.get("user"), "pk", None)

    async def _user_again(self) -> Any:
        """Read the session again: the one of the handshake remembers who has long signed out."""
        session = self.scope.get("session")
        key = getattr(session, "session_key", None)
        if session is None or key is None:
            return None
        fresh = type(session._wrapped if hasattr(session, "_wrapped") else session)(key)  # noqa: SLF001 a lazy object hides the class
        return await get_user({**self.scope, "session": fresh})

    async def _access(self, user: Any) -> Access:
        return await in_thread(lambda: household_for(user=user, household_id=self.household_id, now=timezone.now()))

    def _crowded(self) -> bool:
        pages = [page for feed in feeds_here().values() for page in feed.pages]
        own = sum(1 for page in pages if getattr(page, "user_id", None) == self.user_id)
        return len(pages) >= PAGES_AT_MOST or own >= PAGES_PER_USER


class FlowConsumer(LiveConsumer):
    """Sends states of one household to one page; the newest only, however slow the page is."""

    _frame = ""

    def feed_here(self) -> Feed:
        """Listen to the power flow of the household."""
        return feed_of(FlowFeed, self.household_id)

    def offer(self, frame: str) -> None:
        """Keep the newest frame for sending."""
        self._frame = frame
        self._waiting.set()

    def frames_take(self) -> list[str]:
        """Send the newest frame only."""
        return [self._frame]


class DisplayConsumer(FlowConsumer):
    """The same states for a wall tablet, which has no account but the secret of a display link."""

    recheck_s = 15.0
    display: Display | None = None

    @property
    def household_id(self) -> uuid.UUID:
        """The household the link shows; known once the link was found."""
        assert self.display is not None
        found: uuid.UUID = self.display.household.pk
        return found

    def _holder(self) -> Any:
        return self.display.link.pk if self.display is not None else None

    async def _refusal(self, *, again: bool = False) -> int | None:
        secret = self.scope["url_route"]["kwargs"]["secret"]
        try:
            self.display = await in_thread(lambda: _display_open(secret))
        except NotFound:
            return NOT_YOURS
        return SUMS_ONLY if self.display.resting else None


def _display_open(secret: str) -> Display:
    now = timezone.now()
    display = display_for(secret=secret, now=now)
    display_used(link=display.link, now=now)
    return display
