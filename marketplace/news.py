"""Telling open pages and event streams that something of the market has changed; called after it is durable."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from myhouse.services.live import group_of, groups_tell

NEWS = "market.news"
Kind = Literal["offer", "trade", "balance"]


def market_group(community_id: uuid.UUID) -> str:
    """Name the group in which a community's news are sent."""
    return f"market_{community_id.hex}"


def market_changed(
    *,
    community_id: uuid.UUID,
    households: Iterable[uuid.UUID],
    kind: Kind,
    payload: Mapping[str, Any],
    now: datetime,
) -> None:
    """Tell the news to whoever watches; never an error. The payload holds ids and whole numbers, no names.

    An offer is news for its whole community. A trade or a balance is told to its households alone; of a trade the
    community learns only that the book has changed.
    """
    at = int(now.timestamp() * 1000)
    news = {**payload, "kind": kind, "at": at}
    messages: dict[str, dict[str, Any]] = {}
    if kind != "balance":
        seen = news if kind == "offer" else {"kind": "offer", "id": payload.get("offer_id"), "at": at}
        messages[market_group(community_id)] = {"type": NEWS, "news": _plain(seen)}
    if kind != "offer":
        messages |= {group_of(one): {"type": NEWS, "news": _plain(news)} for one in households}
    groups_tell(messages=messages)


def _plain(news: Mapping[str, Any]) -> dict[str, Any]:
    """Write ids as text: the broker's language has no type for them."""
    return {name: str(value) if isinstance(value, uuid.UUID) else value for name, value in news.items()}
