"""A key's devices are looked up once, and again beside the requests that use them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async

from devices.ingest import routes
from devices.ingest.tests.test_packets import moment, now_ms, packet, post
from devices.tests.factories import http_meter

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def looked_up(monkeypatch):
    """Whose devices the documents were asked for."""
    digests, load = [], routes.route_load

    def counted(digest):
        found = load(digest)
        digests.append(digest)
        return found

    monkeypatch.setattr(routes, "route_load", counted)
    routes._remembered.clear()
    return digests


async def meter_of():
    return await sync_to_async(http_meter)(now=moment() - timedelta(days=1))


async def sent(meter, at_ms):
    return (await post(meter, packet(reading_ts=at_ms))).status_code


async def test_requests_that_come_together_wait_for_one_look_up(looked_up):
    meter = await meter_of()
    now = now_ms()
    statuses = await asyncio.gather(*(sent(meter, now - number) for number in range(10)))
    assert statuses == [200] * 10
    assert len(looked_up) == 1


async def test_what_ages_is_used_and_looked_up_beside_the_request(looked_up, monkeypatch):
    meter = await meter_of()
    assert await sent(meter, now_ms()) == 200
    monkeypatch.setattr(routes, "AGEING_S", 0.0)
    held, done = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(routes, "sync_to_async", lambda load: lambda digest: _later(held, done, load, digest))
    # Answered though the look-up has not come to an end.
    assert await sent(meter, now_ms()) == 200
    assert len(looked_up) == 1
    held.set()
    await asyncio.wait_for(done.wait(), 20)
    assert len(looked_up) == 2


async def _later(held, done, load, digest):
    await held.wait()
    found = await sync_to_async(load)(digest)
    done.set()
    return found


async def test_what_is_too_old_is_looked_up_before_the_answer(looked_up, monkeypatch):
    meter = await meter_of()
    assert await sent(meter, now_ms()) == 200
    monkeypatch.setattr(routes, "MAX_AGE_S", 0.0)
    assert await sent(meter, now_ms()) == 200
    assert len(looked_up) == 2
