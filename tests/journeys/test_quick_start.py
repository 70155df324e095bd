"""The quick start is run as it is printed, and the event stream heard, on a real installation."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import httpx
import pytest

from bench.serving import ROOT, Served, serving
from tests.servers import surroundings

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.xdist_group("serve")]
SMALL = {"MYHOUSE_DEMO_HOMES": "4", "MYHOUSE_DEMO_DAYS": "8"}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    path = Path(tempfile.mkdtemp(prefix="mh-"))
    with serving(var=path / "var", environment=surroundings(path / "var") | SMALL) as one:
        yield one
    shutil.rmtree(path, ignore_errors=True)


def client_of(served: Served, role: str) -> httpx.Client:
    email, password = served.logins[role]
    login = {"email": email, "password": password, "name": "test"}
    token = httpx.post(f"{served.url}/api/v1/tokens", json=login).raise_for_status().json()["token"]
    return httpx.Client(
        base_url=f"{served.url}/api/v1/", headers={"Authorization": f"Bearer {token}"}, timeout=httpx.Timeout(30)
    )


def device_of(client: httpx.Client, home: str, point: dict[str, object]) -> str:
    """Register a device with a meter of its own, both named alike; return its key."""
    made = client.post(f"{home}/metering-points", json=point).raise_for_status().json()
    device = {
        "household": home.rpartition("/")[2],
        "metering_point": made["id"],
        "name": point["name"],
        "kind": "http",
        "external_id": point["name"],
    }
    return client.post("devices", json=device).raise_for_status().json()["key"]


def post(served: Served, key: str, name: str, **values: float) -> int:
    """Hand in a reading as the device of this name."""
    units = {"power": "W", "state_of_charge": "%"}
    packet = {
        "version": 1,
        "property": "home",
        "reading_ts": int(time.time() * 1000),
        "device_id": name,
        "points": [{"name": kind, "value": value, "unit": units[kind]} for kind, value in values.items()],
    }
    answer = httpx.post(f"{served.url}/ingest/packets", json=packet, headers={"Authorization": f"Bearer {key}"})
    return answer.status_code


def home_of(client: httpx.Client) -> str:
    return f"households/{client.get('households').raise_for_status().json()['results'][0]['id']}"


REFRESH = """
from django.utils import timezone
from marketplace.services.sellable import sellable_refresh
from myhouse.models import Household
sellable_refresh(household=Household.objects.get(pk="{household}"), now=timezone.now())
"""


@pytest.fixture(scope="module")
def stocked(served: Served) -> Served:
    """Give the household a full second battery, so that it has something to sell at any hour."""
    client = client_of(served, "household")
    home = home_of(client)
    battery = {"capacity_wh": 10_000, "max_charge_w": 5_000, "max_discharge_w": 5_000}
    key = device_of(client, home, {"role": "battery", "name": "store", "battery": battery})
    assert post(served, key, "store", state_of_charge=90.0) == 200
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", REFRESH.format(household=home.rpartition("/")[2])],
        cwd=ROOT,
        env=surroundings(served.var),
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert client.get(f"{home}/sellable").json()["stored_free_wh"] > 8_000
    return served


def test_the_quick_start_runs_as_it_is_printed(stocked: Served) -> None:
    served = stocked
    text = (ROOT / "docs" / "quick-start.md").read_text(encoding="utf-8")
    program = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    _email, password = served.logins["household"]

    done = subprocess.run(
        [sys.executable, "-"],
        input=program,
        env={**os.environ, "MYHOUSE_URL": served.url, "MYHOUSE_PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("imported yesterday:", "offered:", "bought:", "heard of it:", "->"):
        assert said in done.stdout, done.stdout


class Listener(threading.Thread):
    """Keeps every event of a stream with the time it came."""

    def __init__(self, client: httpx.Client, home: str) -> None:
        super().__init__(daemon=True)
        self.client, self.home = client, home
        self.events: Queue[tuple[float, str, dict]] = Queue()
        self.ended_cleanly = False

    def run(self) -> None:
        name = ""
        with self.client.stream("GET", f"{self.home}/events") as stream:
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    self.events.put((time.monotonic(), name, json.loads(line.removeprefix("data: "))))
        self.ended_cleanly = True

    def heard(self, name: str, of: str) -> float:
        """Return when an event of this name that says `of` came."""
        while True:
            at, found, data = self.events.get(timeout=10)
            if found == name and of in json.dumps(data):
                return at


def bought(client: httpx.Client, neighbour: httpx.Client, home: str) -> tuple[float, str]:
    """Let the neighbour buy what the household offers; return when he asked for it and the trade's id."""
    wanted = {"kind": "stored", "energy_wh": 40, "total": "0.01"}
    offer = client.post(f"{home}/offers", json=wanted).raise_for_status().json()
    path = f"{home_of(neighbour)}/offers/{offer['id']}/purchases"
    asked = time.monotonic()
    return asked, neighbour.post(path, json={"energy_wh": 40}).raise_for_status().json()["id"]


def test_readings_and_purchases_reach_two_programs_within_a_second(stocked: Served) -> None:
    client, neighbour = client_of(stocked, "household"), client_of(stocked, "neighbour")
    home = home_of(client)
    key = device_of(client, home, {"role": "consumer", "name": "kettle"})
    listeners = [Listener(client_of(stocked, "household"), home) for _program in range(2)]
    for listener in listeners:
        listener.start()
        listener.heard("hello", home.rpartition("/")[2])
    assert post(stocked, key, "kettle", power=1_500.0) == 200  # the first one binds the device's point to its meter

    began = time.monotonic()
    assert post(stocked, key, "kettle", power=2_345.5) == 200
    took = [listener.heard("readings", "2345.5") - began for listener in listeners]
    asked, trade = bought(client, neighbour, home)
    took += [listener.heard("trade", trade) - asked for listener in listeners]

    assert max(took) < 1


def test_a_stream_ends_with_the_server() -> None:
    path = Path(tempfile.mkdtemp(prefix="mh-"))
    few = {"MYHOUSE_DEMO_HOMES": "2", "MYHOUSE_DEMO_DAYS": "1"}
    with serving(var=path / "var", environment=surroundings(path / "var") | few) as small:
        client = client_of(small, "household")
        home = home_of(client)
        listener = Listener(client, home)
        listener.start()
        listener.heard("hello", home.rpartition("/")[2])
        small.process.send_signal(signal.SIGINT)
        small.process.wait(20)
        listener.join(5)
        said = small.text()
    shutil.rmtree(path, ignore_errors=True)

    assert listener.ended_cleanly
    assert "running task" not in said
