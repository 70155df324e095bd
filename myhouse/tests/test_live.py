"""The live channel over the real broker: state on connect, news, refusals, throttling, leaving."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser

from myhouse import consumers, feeds
from myhouse.documents.services import SYSTEM
from myhouse.models import Membership
from myhouse.models.households import Role
from myhouse.models.metering import PointRole, Quantity
from myhouse.routing import websocket_urlpatterns
from myhouse.services.live import live_publish
from myhouse.services.metering import measurement_start, metering_point_create
from myhouse.tests.factories import HouseholdFactory, MembershipFactory, UserFactory
from telemetry.live import live_put
from telemetry.model import Kind, Quality, Reading
from tests.brokers import own_broker

pytestmark = pytest.mark.django_db(transaction=True)
application = URLRouter(websocket_urlpatterns)
__all__ = ["own_broker"]


def now():
    return datetime.now(UTC)


@sync_to_async
def lived_in(role=Role.OWNER):
    """A household with a power gauge at its grid connection, and one who lives there."""
    membership = MembershipFactory(role=role, starts_at=now() - timedelta(days=9))
    point = metering_point_create(
        household=membership.household, role=PointRole.GRID, name="Grid", actor=SYSTEM, now=now()
    )
    gauge = measurement_start(
        metering_point=point, quantity=Quantity.POWER, starts_at=now() - timedelta(days=9), kind=Kind.GAUGE
    )
    return membership.user, membership.household, gauge


class OpenPage(ApplicationCommunicator):
    """The browser's side of a connection."""

    async def connect(self):
        await self.send_input({"type": "websocket.connect"})
        assert (await self.receive_output(3))["type"] == "websocket.accept"

    async def frame(self):
        message = await self.receive_output(3)
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    async def closing_code(self):
        message = await self.receive_output(3)
        while message["type"] == "websocket.send":
            message = await self.receive_output(3)
        return message["code"]

    async def leave(self):
        await self.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.wait(3)


def page_of(user, household_id):
    return OpenPage(application, {"type": "websocket", "path": f"/live/{household_id}/", "headers": [], "user": user})


@sync_to_async
def put(gauge, watts, household):
    live_put({gauge.series_id: Reading(int(now().timestamp() * 1000), watts, Quality.MEASURED)})
    live_publish(values={household.pk: {gauge.pk.hex: {"t": 0, "v": watts}}}, now=now())


async def refused(page):
    await page.connect()
    return await page.closing_code()


async def test_a_page_gets_the_state_at_once_and_again_after_news():
    user, household, gauge = await lived_in()
    await put(gauge, 420.0, household)
    page = page_of(user, household.pk)
    await page.connect()

    first = await page.frame()
    await asyncio.sleep(0.3)
    await put(gauge, -1300.0, household)
    seen = first
    while seen["flow"]["grid_w"] != -1300.0:
        seen = await page.frame()

    assert first["kind"] == "state"
    assert first["flow"]["grid_w"] == first["flow"]["home_w"] == 420.0
    await page.leave()


async def test_many_pages_share_one_feed_which_ends_with_the_last():
    user, household, _gauge = await lived_in()
    pages = [page_of(user, household.pk) for _page in range(20)]
    for page in pages:
        await page.connect()
    for page in pages:
        await page.frame()

    assert len(feeds.feeds_here()) == 1
    for page in pages:
        await page.leave()
    assert feeds.feeds_here() == {}


async def test_a_burst_of_news_is_throttled_and_ends_with_the_newest():
    user, household, gauge = await lived_in()
    page = page_of(user, household.pk)
    await page.connect()
    await page.frame()
    await asyncio.sleep(0.3)

    for watts in range(50):
        await put(gauge, float(watts), household)
    frames = [await page.frame()]
    while frames[-1]["flow"]["grid_w"] != 49.0:
        frames.append(await page.frame())

    assert len(frames) <= 5
    await page.leave()


async def test_a_stranger_a_guest_and_a_supplier_are_turned_away_with_a_code():
    _user, household, _gauge = await lived_in()
    stranger = await sync_to_async(UserFactory)()
    supplier, supplied, _gauge = await lived_in(Role.SUPPLIER)

    assert await refused(page_of(AnonymousUser(), household.pk)) == consumers.SIGNED_OUT
    assert await refused(page_of(stranger, household.pk)) == consumers.NOT_YOURS
    assert await refused(page_of(supplier, supplied.pk)) == consumers.SUMS_ONLY


async def test_a_page_is_closed_once_its_reader_is_no_longer_a_member(monkeypatch):
    monkeypatch.setattr(consumers, "RECHECK_S", 0.05)
    user, household, _gauge = await lived_in()

    async def same_user(self):
        return user

    monkeypatch.setattr(consumers.FlowConsumer, "_user_again", same_user)
    page = page_of(user, household.pk)
    await page.connect()
    await sync_to_async(Membership.objects.filter(user=user).update)(ends_at=now())

    assert await page.closing_code() == consumers.NOT_YOURS


async def test_a_page_of_a_session_that_ended_is_closed(monkeypatch):
    monkeypatch.setattr(consumers, "RECHECK_S", 0.05)
    user, household, _gauge = await lived_in()
    page = page_of(user, household.pk)
    await page.connect()

    assert await page.closing_code() == consumers.SIGNED_OUT


async def test_too_many_pages_of_one_user_are_told_to_come_later(monkeypatch):
    monkeypatch.setattr(consumers, "PAGES_PER_USER", 1)
    user, household, _gauge = await lived_in()
    page = page_of(user, household.pk)
    await page.connect()

    assert await refused(page_of(user, household.pk)) == consumers.TRY_LATER
    await page.leave()


def test_publishing_without_a_broker_is_no_error_and_is_said_once(settings, caplog):
    there = settings.REDIS_URL
    news = {HouseholdFactory().pk: {}}
    for address in (there, "unix:///nowhere/valkey.sock", "unix:///nowhere/valkey.sock", there):
        settings.REDIS_URL = address
        live_publish(values=news, now=now())
    said = [one.message for one in caplog.records if "hear no news" in one.message]
    assert len(said) == 1
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    live_publish(values=news, now=now())
    said = [one.message for one in caplog.records if "hear no news" in one.message]
    assert len(said) == 2


@pytest.mark.slow
async def test_pages_hear_news_again_after_the_broker_was_killed(own_broker, monkeypatch):
    monkeypatch.setattr(feeds, "REFRESH_S", 600)
    started, start = own_broker
    user, household, gauge = await lived_in()
    page = page_of(user, household.pk)
    await page.connect()
    await page.frame()
    await asyncio.sleep(0.5)

    started[-1].kill()
    started[-1].wait()
    start()
    seen = None
    until = time.monotonic() + 10
    while seen != 777.0 and time.monotonic() < until:
        await put(gauge, 777.0, household)
        if not await page.receive_nothing(0.5):
            seen = (await page.frame())["flow"]["grid_w"]

    assert seen == 777.0
    await page.leave()
