"""A web server and a worker with people in them: what is sent to them, and what they answer."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from config.cluster.child import LOOPBACK, Child, free_port
from config.cluster.valkey import Tls
from config.tests.brokers.surroundings import Broken, installation, wait_for

PASSWORD = "correct horse battery"
PEOPLE = f"""
import json
from datetime import UTC, datetime
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from devices.models import DeviceKind, KeySlot
from devices.services.channels import Binding
from devices.services.keys import device_key_issue
from devices.services.registry import Address, device_register
from marketplace.tests.factories import traders
from myhouse.documents.services import SYSTEM
from myhouse.models import Measurement
from myhouse.services.metering import metering_point_create
from myhouse.services.tokens import token_issue
now = datetime.now(UTC)
seller, buyer = traders(homes=2, now=now)
seller.charge(80, at=now)
offer = seller.offers_stored(1_000, now=now)
buyer.user.set_password({PASSWORD!r})
buyer.user.save()
point = metering_point_create(household=buyer.household, role="consumer", name="Pump", actor=SYSTEM, now=now)
bound = [Binding("power", point, "power")]
meter = device_register(name="Pump", kind=DeviceKind.HTTP, household=buyer.household, external_id="meter",
                        bindings=bound, actor=SYSTEM, now=now)
stove = metering_point_create(household=buyer.household, role="consumer", name="Stove", actor=SYSTEM, now=now)
polled = device_register(name="Dead", kind=DeviceKind.MODBUS, household=buyer.household, external_id="dead",
                         model="eastron-sdm120", address=Address("127.0.0.1", 1), metering_point=stove, actor=SYSTEM,
                         now=now)
session = import_module(settings.SESSION_ENGINE).SessionStore()
session[SESSION_KEY] = str(buyer.user.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = buyer.user.get_session_auth_hash()
session.save()
print(json.dumps({{
    "email": buyer.user.email,
    "home": str(buyer.household.pk),
    "offer": str(offer.pk),
    "version": offer.version,
    "token": token_issue(user=buyer.user, name="test", now=now)[1],
    "key": device_key_issue(device=meter, slot=KeySlot.PRIMARY, actor=SYSTEM, now=now)[1],
    "measurement": str(Measurement.objects.get(metering_point=point).pk),
    "polled": polled.pk.hex,
    "session": session.session_key,
}}))
"""


@dataclass
class Listener:
    """What an event stream said so far."""

    lines: list[str] = field(default_factory=list)

    def heard(self, event: str) -> bool:
        """Whether it told of something."""
        return f"event: {event}" in self.lines


@dataclass
class Living:
    """A running installation and the people in it."""

    broken: Broken
    base: str
    known: dict[str, Any]
    web: Child
    sent: list[int] = field(default_factory=list)

    @property
    def api(self) -> str:
        """Where the member's own part of the API begins."""
        return f"{self.base}/api/v1/households/{self.known['home']}"

    def client(self, *, timeout: float = 10.0) -> httpx.Client:
        """Speak as the member's program."""
        return httpx.Client(headers={"Authorization": f"Bearer {self.known['token']}"}, timeout=timeout)

    def ingest(self, watts: float) -> tuple[int, float]:
        """Send a reading as the meter; returns the status and how long it took."""
        at = max(time.time_ns() // 1_000_000, (self.sent or [0])[-1] + 1)
        points = [{"name": "power", "value": watts, "unit": "W"}]
        packet = {"version": 1, "property": "home", "reading_ts": at, "device_id": "meter", "points": points}
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {self.known['key']}"}
        status = httpx.post(f"{self.base}/ingest/packets", json=packet, headers=headers, timeout=10).status_code
        if status == 200:
            self.sent.append(at)
        return status, time.monotonic() - began

    def page(self, path: str) -> tuple[int, float]:
        """Open a page as the member; returns the status and how long it took."""
        began = time.monotonic()
        cookies = {"myhouse_session": self.known["session"]}
        status = httpx.get(f"{self.base}{path}", cookies=cookies, timeout=15).status_code
        return status, time.monotonic() - began

    def buy(self, energy_wh: int) -> int:
        """Buy from the neighbour's offer; returns the status."""
        with self.client() as client:
            offer = client.get(f"{self.api}/offers/{self.known['offer']}").json()
            asked = {"energy_wh": energy_wh, "version": offer["version"]}
            return client.post(f"{self.api}/offers/{self.known['offer']}/purchases", json=asked).status_code

    def token(self) -> httpx.Response:
        """Sign in as the member's program."""
        asked = {"email": self.known["email"], "password": PASSWORD, "name": "again"}
        return httpx.post(f"{self.base}/api/v1/tokens", json=asked, timeout=15)

    def ready(self) -> bool:
        """Whether the web server says that it can do its work."""
        return httpx.get(f"{self.base}/readyz", timeout=10).status_code == 200

    def stored(self) -> set[int]:
        """Return the times of the readings that the member can see, in ms."""
        today = datetime.now(UTC).date()
        span = {"start": str(today - timedelta(days=1)), "end": str(today + timedelta(days=2))}
        with self.client() as client:
            path = f"{self.base}/api/v1/measurements/{self.known['measurement']}/readings"
            return {time_ms(row) for row in client.get(path, params=span).json()["readings"]}

    def market(self) -> ClientConnection:
        """Open the market's live page."""
        address = f"{self.base.replace('http', 'ws')}/live/market/{self.known['home']}/"
        cookie = {"Cookie": f"myhouse_session={self.known['session']}"}
        return connect(address, additional_headers=cookie, origin=self.base)  # type: ignore[arg-type] # a plain text

    @contextmanager
    def events(self) -> Iterator[Listener]:
        """Listen to the event stream."""
        listener = Listener()

        def listen() -> None:
            try:
                with self.client(timeout=60) as client, client.stream("GET", f"{self.api}/events") as stream:
                    for line in stream.iter_lines():
                        listener.lines.append(line)
            except httpx.HTTPError as error:
                listener.lines.append(f"ended: {error}")

        threading.Thread(target=listen, daemon=True).start()
        wait_for(lambda: listener.heard("hello"))
        yield listener


def time_ms(row: dict[str, Any]) -> int:
    """Return a reading's time in ms."""
    return round(datetime.fromisoformat(row["time"]).timestamp() * 1000)


@contextmanager
def living(folder: Path, *, tls: Tls | None = None) -> Iterator[Living]:
    """Run an installation with people."""
    with installation(folder, tls=tls) as broken:
        broken.manage("prepare")
        known = json.loads(broken.manage("shell", "--no-imports", "-c", PEOPLE).splitlines()[-1])
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--host", LOOPBACK, "--port", str(port)]
        command += ["--ws", "websockets-sansio", "--lifespan", "off", "--no-access-log"]
        web = Child("web", command, log=folder / "web.log", environment=broken.environment)
        web.start()
        broken.workers.append(web)
        one = Living(broken, f"http://{LOOPBACK}:{port}", known, web)
        web.wait_until(lambda: _answers(one), seconds=60)
        broken.worker("worker")
        yield one


def _answers(one: Living) -> bool:
    try:
        return one.ready()
    except httpx.HTTPError:
        return False
