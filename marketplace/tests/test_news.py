"""What open pages are told of the market, over the real broker."""

import asyncio
import threading
import uuid

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from marketplace.news import market_changed, market_group
from myhouse.services.live import group_of
from myhouse.tests.factories import NOW

COMMUNITY, SELLER, BUYER = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)


async def heard(kind, payload):
    """What each of the groups hears of one piece of news."""
    layer, found = get_channel_layer(), {}
    groups = {"market": market_group(COMMUNITY), "seller": group_of(SELLER), "buyer": group_of(BUYER)}
    channels = {}
    for name, group in groups.items():
        channels[name] = await layer.new_channel()
        await layer.group_add(group, channels[name])
    await sync_to_async(market_changed)(
        community_id=COMMUNITY, households=[SELLER, BUYER], kind=kind, payload=payload, now=NOW
    )
    for name, channel in channels.items():
        try:
            found[name] = (await asyncio.wait_for(layer.receive(channel), 0.3))["news"]
        except TimeoutError:
            found[name] = None
        await layer.group_discard(groups[name], channel)
    return found


async def test_an_offer_is_told_to_its_community():
    told = await heard("offer", {"id": COMMUNITY, "left_wh": 500})

    assert told["market"] == {"id": str(COMMUNITY), "left_wh": 500, "kind": "offer", "at": 1_781_517_600_000}
    assert (told["seller"], told["buyer"]) == (None, None)


async def test_a_trade_is_told_to_both_sides_and_to_others_only_that_the_book_changed():
    told = await heard("trade", {"id": uuid.UUID(int=9), "offer_id": uuid.UUID(int=8), "total_uct": 5})

    assert told["seller"] == told["buyer"]
    assert told["buyer"]["total_uct"] == 5
    assert told["market"] == {"kind": "offer", "id": str(uuid.UUID(int=8)), "at": 1_781_517_600_000}


async def test_a_balance_is_told_to_its_household_alone():
    told = await heard("balance", {"balance_uct": 7})

    assert told["market"] is None
    assert told["seller"]["balance_uct"] == 7


def test_telling_news_without_a_broker_is_no_error(settings, caplog, monkeypatch):
    monkeypatch.setattr("myhouse.services.live._broker_is_away", threading.Event())
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"

    market_changed(community_id=COMMUNITY, households=[SELLER], kind="balance", payload={}, now=NOW)

    assert "hear no news" in caplog.text
