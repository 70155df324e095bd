"""The live connection of an open market page: /live/market/<household_id>/ says what has changed, not what it is now.

The page then reads its parts again, so what it shows is always what the server shows.
"""

from __future__ import annotations

import json
from typing import Any

from django.utils import timezone

from marketplace.news import NEWS, market_group
from myhouse.consumers import LiveConsumer
from myhouse.feeds import Feed, Page, feed_of, in_thread
from myhouse.models import Household
from myhouse.selectors.households import community_of
from myhouse.services.live import group_of

# From here on no news is missed: what the page shows may be older, so it reads all of its parts again.
READY = "ready"


class MarketFeed(Feed):
    """What has changed in the market of one household since its pages were last told."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begin with nothing to tell."""
        self._changed: set[str] = set()
        self._listening = False
        super().__init__(*args, **kwargs)

    async def groups(self) -> list[str]:
        """Listen to the household's own news and to those of its community."""
        community_id = await in_thread(self._community)
        own = group_of(self.household_id)
        return [own, market_group(community_id)] if community_id else [own]

    def heard(self, message: dict[str, Any]) -> bool:
        """Note the kind of news; meter readings, which come by the same way, are none."""
        if message.get("type") != NEWS:
            return False
        self._changed.add(message["news"]["kind"])
        return True

    def join(self, page: Page) -> None:
        """Let a page take part; it is told from when on it misses nothing."""
        super().join(page)
        if self._listening:
            page.offer(_frame(READY))

    def listening(self) -> None:
        """Tell every page to read again: at the beginning, and after the broker was away."""
        self._listening = True
        for page in list(self.pages):
            page.offer(_frame(READY))

    async def tell(self) -> None:
        """Tell every page each kind of news once."""
        changed, self._changed = self._changed, set()
        for kind in sorted(changed):
            for page in list(self.pages):
                page.offer(_frame(kind))

    def _community(self) -> Any:
        household = Household.objects.get(pk=self.household_id)
        community = community_of(household=household, now=timezone.now())
        return community.pk if community else None


def _frame(kind: str) -> str:
    return json.dumps({"kind": kind, "at": int(timezone.now().timestamp() * 1000)})


class MarketConsumer(LiveConsumer):
    """Tells one page which of its parts to read again; of each kind of news the newest only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begin with nothing to send."""
        super().__init__(*args, **kwargs)
        self._frames: dict[str, str] = {}

    def feed_here(self) -> Feed:
        """Listen to the market as the household sees it."""
        return feed_of(MarketFeed, self.household_id)

    def offer(self, frame: str) -> None:
        """Keep the newest frame of each kind for sending."""
        self._frames[json.loads(frame)["kind"]] = frame
        self._waiting.set()

    def frames_take(self) -> list[str]:
        """Send what has gathered."""
        frames, self._frames = self._frames, {}
        return list(frames.values())
