"""From a reading posted to two hundred open pages: how long until each of them shows it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.parse
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import websockets

from bench.browsing import Client
from bench.rows import Row
from bench.serving import serving

PAGES = 200
READINGS = 60
PAUSE_SECONDS = 0.5
TARGET_MS = 1_000.0


@dataclass
class Sender:
    """A device of the household that posts the power of one sub-meter."""

    device_id: str
    point_id: str
    secret: str


@dataclass
class Seen:
    """When which value was first on which page."""

    at: dict[float, list[float]] = field(default_factory=dict)
    frames: int = 0
    open: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))


def rows() -> list[Row]:
    """Start an installation with its demo, open the pages, post readings, and take the times."""
    from django.conf import settings

    with serving(var=settings.VAR_DIR) as served:
        address, password = served.logins["household"]
        visitor = Client(served.url)
        page = visitor.sign_in("/sign-in/", address, password)
        household_id = next(part for part in page.split("/") if len(part) == 36)
        sender = sender_of(uuid.UUID(household_id))
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        times, alone = asyncio.run(measure(served.url, household_id, cookie, sender))
    p99 = float(np.percentile(times, 99))
    return [
        Row(
            f"reading posted → shown on {PAGES} open pages, p99",
            p99,
            "ms",
            f"≤ {TARGET_MS:.0f} ms",
            met=p99 <= TARGET_MS and len(times) == PAGES * READINGS,
            limit=float(np.percentile(alone, 99)),
            limit_name="answer to the post alone",
            note=f"{len(times)} of {PAGES * READINGS} seen, p50 {np.percentile(times, 50):.0f} ms",
        )
    ]


def sender_of(household_id: uuid.UUID) -> Sender:
    """Register a device with a sub-meter in the household, and issue its key."""
    from devices.models import DeviceKind
    from devices.services.keys import device_key_issue
    from devices.services.registry import device_register
    from myhouse.documents.services import SYSTEM
    from myhouse.models import Household
    from myhouse.models.metering import PointRole, Quantity
    from myhouse.services.metering import measurement_start, metering_point_create

    now = datetime.now(UTC)
    household = Household.objects.get(pk=household_id)
    point = metering_point_create(household=household, role=PointRole.CONSUMER, name="Bench", actor=SYSTEM, now=now)
    measurement_start(metering_point=point, quantity=Quantity.POWER, starts_at=now - timedelta(hours=1))
    device = device_register(
        name="Bench",
        kind=DeviceKind.HTTP,
        household=household,
        metering_point=point,
        actor=SYSTEM,
        now=now - timedelta(minutes=30),
    )
    _key, secret = device_key_issue(device=device, slot="primary", actor=SYSTEM, now=now)
    return Sender(device.external_id, str(point.pk), secret)


async def measure(url: str, household_id: str, cookie: str, sender: Sender) -> tuple[list[float], list[float]]:
    """Open the pages and post; return ms per page and reading, and ms of the posts' own answers."""
    seen = Seen()
    parts = urllib.parse.urlsplit(url)
    address = f"ws://{parts.netloc}/live/{household_id}/"
    pages = [asyncio.create_task(watch(address, url, cookie, sender, seen)) for _page in range(PAGES)]
    try:
        for _page in range(PAGES):
            await asyncio.wait_for(seen.open.acquire(), 60)
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            await known(client, sender)
            posted, alone = await post_all(client, sender)
        await asyncio.sleep(2)
    finally:
        for task in pages:
            task.cancel()
        await asyncio.gather(*pages, return_exceptions=True)
    times = [(at - posted[value]) * 1000 for value in posted for at in seen.at.get(value, [])]
    return times, alone


async def watch(address: str, origin: str, cookie: str, sender: Sender, seen: Seen) -> None:
    """Be one open page: note when each value of the sub-meter is on it for the first time."""
    mine: set[float] = set()
    async with websockets.connect(address, origin=origin, additional_headers={"Cookie": cookie}) as page:
        first = True
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in page:
                now = time.perf_counter()
                seen.frames += 1
                if first:
                    first = False
                    seen.open.release()
                frame = json.loads(text)
                for point in frame["flow"]["points"]:
                    value = point["power_w"]
                    if point["point_id"] == sender.point_id and value is not None and value not in mine:
                        mine.add(value)
                        seen.at.setdefault(value, []).append(now)


async def post(client: httpx.AsyncClient, sender: Sender, value: float) -> int:
    """Send one reading as a device does."""
    packet = {
        "version": 1,
        "property": "bench",
        "reading_ts": int(time.time() * 1000),
        "device_id": sender.device_id,
        "points": [{"name": "power", "value": value, "unit": "W"}],
    }
    answer = await client.post("/ingest/packets", json=packet, headers={"Authorization": f"Bearer {sender.secret}"})
    return answer.status_code


async def known(client: httpx.AsyncClient, sender: Sender) -> None:
    """Wait until the server knows the device, and the open pages its meter."""
    until = time.monotonic() + 60
    while (status := await post(client, sender, 1.0)) >= 300:
        assert time.monotonic() < until, f"the device is not let in: {status}"
        await asyncio.sleep(0.5)
    await asyncio.sleep(20)


async def post_all(client: httpx.AsyncClient, sender: Sender) -> tuple[dict[float, float], list[float]]:
    """Post the readings, each with a value of its own."""
    posted: dict[float, float] = {}
    alone = []
    for number in range(READINGS):
        value = 1_000.0 + number
        posted[value] = time.perf_counter()
        status = await post(client, sender, value)
        assert status < 300, status
        alone.append((time.perf_counter() - posted[value]) * 1000)
        await asyncio.sleep(PAUSE_SECONDS)
    return posted, alone
