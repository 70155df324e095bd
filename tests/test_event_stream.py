"""The event stream over the real broker: hello, readings, market news, gaps, refusals, leaving."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from config.handlers import DirectHandler, streams_end
from marketplace.api import events, hub
from marketplace.news import market_changed
from myhouse.documents.services import SYSTEM
from myhouse.models import AccessToken, Membership
from myhouse.models.households import Role
from myhouse.services.live import live_publish
from myhouse.services.tokens import service_token_issue, token_issue
from myhouse.tests.factories import CommunityFactory, CommunityMembershipFactory, MembershipFactory
from tests.brokers import own_broker

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["own_broker"]
MEASUREMENT = "0190f3c2a1b47c1e8d2f000000000001"


@pytest.fixture(autouse=True)
def _nobody_listens():
    yield
    assert events._open == set()


@sync_to_async
def lived_in(role=Role.OWNER, community=None):
    """A household in a community, and the secret of the token of one of its people."""
    membership = MembershipFactory(role=role, starts_at=timezone.now() - timedelta(days=9))
    entered = CommunityMembershipFactory(household=membership.household, community=community or CommunityFactory())
    _token, secret = token_issue(user=membership.user, name="stream", now=timezone.now())
    return membership.household, entered.community, secret


class Client:
    """Reads a stream as a program would."""

    def __init__(self, parts):
        self.parts = parts
        self.text = ""

    async def event(self, seconds=3.0):
        """Return the next event as (name, data, id); comments and the retry line are passed over."""
        async with asyncio.timeout(seconds):
            while True:
                while "\n\n" not in self.text:
                    message = await self.parts.get()
                    assert message.get("more_body"), "the stream has ended"
                    self.text += message["body"].decode()
                block, _, self.text = self.text.partition("\n\n")
                fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
                if "event" in fields:
                    return fields["event"], json.loads(fields["data"]), fields["id"]

    async def ended(self, seconds=3.0):
        """Wait until the server closes."""
        async with asyncio.timeout(seconds):
            while (await self.parts.get()).get("more_body"):
                continue


@asynccontextmanager
async def asked(household_id, secret, **headers):
    """Open the stream on the handler that serves it; yields status, headers and the parts that arrive."""
    parts = asyncio.Queue()
    left = asyncio.Event()
    asked_once = False

    async def receive():
        nonlocal asked_once
        if not asked_once:
            asked_once = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/api/v1/households/{household_id}/events",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {secret}".encode())]
        + [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    task = asyncio.create_task(DirectHandler()(scope, receive, parts.put))
    try:
        start = await asyncio.wait_for(parts.get(), 3)
        yield start["status"], {name.decode().lower(): value.decode() for name, value in start["headers"]}, parts
    finally:
        left.set()
        await asyncio.wait_for(task, 3)


@asynccontextmanager
async def listening(household_id, secret, **headers):
    """Open the stream and take its greeting."""
    async with asked(household_id, secret, **headers) as (status, answered, parts):
        assert (status, answered["content-type"]) == (200, "text/event-stream")
        client = Client(parts)
        name, client.hello, client.hello_id = await client.event()
        assert name == "hello"
        yield client


async def refused(household_id, secret):
    async with asked(household_id, secret) as (status, headers, parts):
        assert headers["content-type"] == "application/problem+json"
        return status, headers.get("retry-after"), json.loads((await parts.get())["body"])["detail"]


@sync_to_async
def told(household, value):
    values = {MEASUREMENT: {"t": 1_795_240_560_000, "v": value}}
    live_publish(values={household.pk: values}, now=timezone.now())


@sync_to_async
def changed(community, households, kind, **payload):
    market_changed(
        community_id=community.pk,
        households=[one.pk for one in households],
        kind=kind,
        payload=payload,
        now=timezone.now(),
    )


async def test_greets_with_the_time_from_which_on_nothing_is_missed():
    household, community, secret = await lived_in()

    async with listening(household.pk, secret) as client:
        assert client.hello["household"] == str(household.pk)
        assert client.hello["community"] == str(community.pk)
        assert client.hello["at"].endswith("Z")
        assert (client.hello["readings"], client.hello["market"], client.hello["heartbeat_s"]) == (True, True, 15)


async def test_tells_readings_to_every_client_within_a_second():
    household, _community, secret = await lived_in()

    async with listening(household.pk, secret) as one, listening(household.pk, secret) as other:
        began = time.monotonic()
        await told(household, 420.5)
        first, second = await one.event(), await other.event()

        assert time.monotonic() - began < 1
        assert first[:2] == second[:2]
        assert first[0] == "readings"
        assert first[1]["readings"] == [
            {
                "measurement": "0190f3c2-a1b4-7c1e-8d2f-000000000001",
                "time": "2026-11-21T05:56:00.000Z",
                "value": 420.5,
            }
        ]


async def test_tells_trades_and_balances_to_their_households_and_offers_to_the_community():
    seller, community, secret = await lived_in()
    stranger, _elsewhere, strangers_secret = await lived_in()
    neighbour, _same, neighbours_secret = await lived_in(community=community)

    async with (
        listening(seller.pk, secret) as selling,
        listening(neighbour.pk, neighbours_secret) as near,
        listening(stranger.pk, strangers_secret) as far,
    ):
        await changed(community, [seller], "trade", id="t", offer_id="o", energy_wh=500, total_uct=12_345_678)
        await changed(community, [seller], "balance", id=str(seller.pk))
        await changed(community, [seller], "offer", id="p", left_wh=1_500)
        for_seller = [await selling.event() for _event in range(4)]
        for_neighbour = [await near.event() for _event in range(2)]
        await told(stranger, 1.0)

        trade = next(data for name, data, _id in for_seller if name == "trade")
        assert sorted(name for name, _data, _id in for_seller) == ["balance", "offer", "offer", "trade"]
        assert (trade["total"], trade["currency"], trade["energy_wh"]) == ("0.12345678", "EUR", 500)
        assert [name for name, _data, _id in for_neighbour] == ["offer", "offer"]
        assert [data["id"] for _name, data, _id in for_neighbour] == ["o", "p"]
        assert (await far.event())[0] == "readings"


async def test_a_returning_client_is_told_since_when_it_missed_events():
    household, _community, secret = await lived_in()

    async with listening(household.pk, secret, last_event_id="1795210560000-7") as client:
        name, data, _id = await client.event()

    assert name == "gap"
    assert data["since"] == "2026-11-20T21:36:00.000Z"


async def test_a_heartbeat_comes_while_nothing_happens(monkeypatch):
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    household, _community, secret = await lived_in()

    async with asked(household.pk, secret) as (_status, _headers, parts):
        await parts.get()
        assert (await asyncio.wait_for(parts.get(), 1))["body"].startswith(b": ")


async def test_a_stranger_a_guest_and_a_supplier_are_refused():
    household, _community, _secret = await lived_in()
    _other, _elsewhere, strangers_secret = await lived_in()
    supplied, _where, suppliers_secret = await lived_in(Role.SUPPLIER)

    assert (await refused(household.pk, strangers_secret))[0] == 404
    assert (await refused(household.pk, "wrong"))[0] == 401
    assert (await refused(household.pk, ""))[0] == 401
    assert (await refused(supplied.pk, suppliers_secret))[0] == 403


@sync_to_async
def service_secret(household, scopes):
    owner = Membership.objects.get(household=household).user
    now = timezone.now()
    shape = {"name": "x", "expires_at": now + timedelta(days=1), "actor": SYSTEM, "now": now}
    return service_token_issue(user=owner, household=household, scopes=scopes, **shape)[1]


async def test_a_service_hears_what_its_scopes_name():
    household, community, _secret = await lived_in()
    readings = await service_secret(household, ["readings:read"])
    market = await service_secret(household, ["market:read"])
    neither = await service_secret(household, ["devices:read"])

    async with listening(household.pk, readings) as meter, listening(household.pk, market) as trader:
        await changed(community, [household], "balance", id="b")
        await told(household, 2.0)

        assert (await meter.event())[0] == "readings"
        assert (await trader.event())[0] == "balance"
    assert (await refused(household.pk, neither))[0] == 403


async def test_ends_once_the_token_was_revoked(monkeypatch):
    monkeypatch.setattr(events, "RECHECK_S", 0.05)
    household, _community, secret = await lived_in()

    async with listening(household.pk, secret) as client:
        await sync_to_async(AccessToken.objects.all().delete)()
        name, data, _id = await client.event()
        await client.ended()

    assert (name, data["status"]) == ("end", 401)


async def test_ends_once_the_membership_is_over(monkeypatch):
    monkeypatch.setattr(events, "RECHECK_S", 0.05)
    household, _community, secret = await lived_in()

    async with listening(household.pk, secret) as client:
        await sync_to_async(Membership.objects.update)(ends_at=timezone.now())
        name, data, _id = await client.event()
        await client.ended()

    assert (name, data["status"]) == ("end", 404)


async def test_ends_when_the_server_does():
    household, _community, secret = await lived_in()

    async with listening(household.pk, secret) as client:
        streams_end()
        await client.ended()


async def test_one_user_and_one_process_have_so_many_streams_and_are_told_when_to_come_again(monkeypatch):
    monkeypatch.setattr(events, "STREAMS_PER_USER", 1)
    monkeypatch.setattr(events, "STREAMS_AT_MOST", 2)
    household, _community, secret = await lived_in()
    second, _elsewhere, seconds_secret = await lived_in()
    third, _where, thirds_secret = await lived_in()

    async with listening(household.pk, secret):
        assert (await refused(household.pk, secret))[:2] == (429, "30")
        async with listening(second.pk, seconds_secret):
            assert (await refused(third.pk, thirds_secret))[:2] == (503, "30")


async def test_a_client_that_connects_again_and_again_is_told_when_to_come_again(settings):
    settings.API_RATES = settings.API_RATES | {"write": 2}
    household, _community, secret = await lived_in()

    for _connection in range(2):
        async with listening(household.pk, secret):
            pass
    status, wait, _detail = await refused(household.pk, secret)

    assert (status, 0 < int(wait) <= 60) == (429, True)


async def test_a_slow_client_is_told_a_gap_instead_of_news_without_bound(monkeypatch):
    monkeypatch.setattr(hub, "KEPT_AT_MOST", 3)
    box = hub.Box(["g"])
    for number in range(5):
        box.offer({"n": number}, timezone.now())

    gap, *rest = await box.take(0)

    assert isinstance(gap, hub.Gap)
    assert rest == [{"n": 3}, {"n": 4}]


async def test_a_listener_that_stumbles_listens_again_and_tells_a_gap(monkeypatch, caplog):
    household, _community, secret = await lived_in()
    monkeypatch.setattr(hub, "_AGAIN_S", 0.01)
    passed_on, stumbled = hub.Hub._pass_on, []

    def stumble(self, message):
        if message["type"] == "message" and not stumbled:
            stumbled.append(message)
            raise ValueError("nobody thought of this")
        passed_on(self, message)

    monkeypatch.setattr(hub.Hub, "_pass_on", stumble)
    async with listening(household.pk, secret) as client:
        await told(household, 1.0)
        name, _data, _id = await client.event()
        await told(household, 2.0)
        heard, data, _id = await client.event()

    assert (name, heard) == ("gap", "readings")
    assert "2.0" in json.dumps(data)
    assert "nobody thought of this" in caplog.text


@pytest.mark.slow
async def test_a_broker_that_was_away_is_told_as_a_gap_and_then_news_come_again(own_broker, monkeypatch):
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.2)
    started, start = own_broker
    household, _community, secret = await lived_in()

    async with listening(household.pk, secret) as client:
        started[-1].kill()
        started[-1].wait()
        beat = await asyncio.wait_for(client.parts.get(), 2)
        await sync_to_async(start)()
        name, data, _id = await client.event(10)
        await told(household, 3.0)

        assert beat["body"] == b": still here\n\n"
        assert name == "gap"
        assert data["since"] < data["until"]
        assert (await client.event())[0] == "readings"
