"""The live channel of the market over the real broker: what a page is told, and who is turned away."""

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser

from marketplace.news import market_changed
from marketplace.routing import websocket_urlpatterns
from myhouse import consumers, feeds
from myhouse.models.households import Role
from myhouse.services.live import live_publish
from myhouse.tests.factories import CommunityMembershipFactory, MembershipFactory, UserFactory
from myhouse.tests.test_live import OpenPage, refused
from tests.brokers import own_broker

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["own_broker"]
application = URLRouter(websocket_urlpatterns)


def now():
    return datetime.now(UTC)


@sync_to_async
def neighbour(role=Role.OWNER):
    """Somebody in a household of a community."""
    membership = MembershipFactory(role=role, starts_at=now() - timedelta(days=9))
    commship = CommunityMembershipFactory(household=membership.household, starts_at=now() - timedelta(days=9))
    return membership.user, membership.household, commship.community


def page_of(user, household_id):
    scope = {
        "type": "websocket",
        "path": f"/live/market/{household_id}/",
        "headers": [],
        "user": user,
        "subprotocols": [],
    }
    return OpenPage(application, scope)


async def news(community, households, kind):
    await sync_to_async(market_changed)(
        community_id=community.pk,
        households=[one.pk for one in households],
        kind=kind,
        payload={"id": uuid.uuid4()},
        now=now(),
    )


async def test_a_page_is_told_when_it_misses_nothing_any_more_and_then_each_kind_of_news():
    user, household, community = await neighbour()
    page = page_of(user, household.pk)
    await page.connect()

    assert (await page.frame())["kind"] == "ready"
    await news(community, [], "offer")
    assert (await page.frame())["kind"] == "offer"
    await news(community, [household], "balance")
    assert (await page.frame())["kind"] == "balance"
    await page.leave()


@pytest.mark.slow
async def test_a_page_reads_everything_again_after_the_broker_was_killed(own_broker):
    started, start = own_broker
    user, household, _community = await neighbour()
    page = page_of(user, household.pk)
    await page.connect()
    await page.frame()
    await asyncio.sleep(0.5)

    started[-1].kill()
    started[-1].wait()
    assert await page.receive_nothing(1)
    start()

    message = await page.receive_output(5)
    assert json.loads(message["text"])["kind"] == "ready"
    await page.leave()


async def test_a_burst_of_news_is_told_once():
    user, household, community = await neighbour()
    page = page_of(user, household.pk)
    await page.connect()
    await page.frame()
    await asyncio.sleep(0.3)

    for _offer in range(30):
        await news(community, [], "offer")
    told = 0
    while not await page.receive_nothing(0.5):
        await page.frame()
        told += 1

    assert 1 <= told <= 3
    await page.leave()


async def test_readings_of_the_home_and_news_of_strangers_are_no_news():
    user, household, _community = await neighbour()
    _stranger, foreign, elsewhere = await neighbour()
    page = page_of(user, household.pk)
    await page.connect()
    await page.frame()

    await sync_to_async(live_publish)(values={household.pk: {}}, now=now())
    await news(elsewhere, [foreign], "trade")

    assert await page.receive_nothing(0.5)
    await page.leave()


async def test_a_stranger_a_guest_and_a_supplier_are_turned_away():
    _user, household, _community = await neighbour()
    supplier, supplied, _community = await neighbour(Role.SUPPLIER)
    stranger = await sync_to_async(UserFactory)()

    assert await refused(page_of(AnonymousUser(), household.pk)) == consumers.SIGNED_OUT
    assert await refused(page_of(stranger, household.pk)) == consumers.NOT_YOURS
    assert await refused(page_of(supplier, supplied.pk)) == consumers.SUMS_ONLY


async def test_the_feed_ends_with_its_last_page():
    user, household, _community = await neighbour()
    pages = [page_of(user, household.pk) for _page in range(3)]
    for page in pages:
        await page.connect()
        await page.frame()

    assert len(feeds.feeds_here()) == 1
    for page in pages:
        await page.leave()
    assert feeds.feeds_here() == {}
