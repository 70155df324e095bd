"""kill -9 of web server, worker and broker, again and again, while readings come in over HTTP and by polling."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from bench.serving import ROOT, Served, serving
from telemetry.selectors import scan, series_get_many
from tests.servers import broker_of, on_servers, store_of, surroundings

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.xdist_group("serve")]
ROUNDS = 3
VICTIMS = {"web": "config.serve.web", "worker": "config.serve.worker", "broker": "valkey.sock"}
DEMO = {"MYHOUSE_DEMO_HOMES": "2", "MYHOUSE_DEMO_DAYS": "1"}
SENDERS = 3
SETUP = """
import json
from datetime import UTC, datetime, timedelta
from devices.models import DeviceChannel, DeviceKind, KeySlot
from devices.services.channels import Binding
from devices.services.keys import device_key_issue
from devices.services.registry import device_register
from myhouse.documents.services import SYSTEM
from myhouse.models import Household, Measurement
from myhouse.services.metering import metering_point_create
now = datetime.now(UTC)
sent = []
for number in range({senders}):
    home = Household.objects.create(name=f"Home {{number}}")
    point = metering_point_create(household=home, role="grid", name="Grid", actor=SYSTEM, now=now)
    bindings = [Binding("import_energy", point, "import_energy")]
    device = device_register(name="Meter", kind=DeviceKind.HTTP, household=home, external_id="meter",
                             bindings=bindings, actor=SYSTEM, now=now)
    secret = device_key_issue(device=device, slot=KeySlot.PRIMARY, actor=SYSTEM, now=now)[1]
    sent.append([secret, Measurement.objects.get(metering_point=point).series_id.hex])
ids = DeviceChannel.objects.filter(device__kind="modbus").values_list("measurement_id", flat=True)
polled = Measurement.objects.filter(pk__in=list(ids), quantity="import_energy")
print(json.dumps({{"sent": sent, "polled": [one.series_id.hex for one in polled]}}))
"""


@dataclass
class Sender:
    """Posts one reading after the other, each until it is acknowledged, whatever dies meanwhile."""

    url: str
    secret: str
    series_id: uuid.UUID
    stop: threading.Event = field(default_factory=threading.Event)
    acknowledged: dict[int, float] = field(default_factory=dict)
    tried: set[int] = field(default_factory=set)
    broken: int = 0
    faults: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Send until told to stop; the last reading is left as it is, acknowledged or not."""
        host = self.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=10)
        register, at = 0, 0
        while not self.stop.is_set():
            register, at = register + 1, max(at + 1, time.time_ns() // 1_000_000)
            while not self.stop.is_set() and not self._sent(connection, at, register):
                self.broken += 1
                connection.close()
                time.sleep(0.05)
        connection.close()

    def _sent(self, connection: http.client.HTTPConnection, at: int, register: int) -> bool:
        points = [{"name": "import_energy", "value": register, "unit": "Wh"}]
        packet = {"version": 1, "property": "home", "reading_ts": at, "device_id": "meter", "points": points}
        self.tried.add(at)
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/ingest/packets", json.dumps(packet), headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return False
        if answer.status == 200:
            self.acknowledged[at] = float(register)
            return True
        if answer.status not in {429, 503}:
            self.faults.append(f"{answer.status} {body[:200]!r}")
        return False


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    path = Path(tempfile.mkdtemp(prefix="mh-"))
    with serving(var=path / "var", environment=surroundings(path / "var") | DEMO) as one:
        yield one
    shutil.rmtree(path, ignore_errors=True)


def pid_of(served: Served, victim: str) -> int | None:
    return next((pid for pid, command in served.pids().items() if VICTIMS[victim] in command), None)


def kill(served: Served, victim: str) -> None:
    """End a part with -9 and wait until the supervisor has another one running."""
    if victim == "broker" and on_servers():
        broker = broker_of(served.var)
        broker.kill()
        broker.start()
        return
    before = pid_of(served, victim)
    assert before is not None, f"the {victim} does not run"
    os.kill(before, signal.SIGKILL)
    end = time.monotonic() + 30
    while (fresh := pid_of(served, victim)) in {None, before}:
        assert time.monotonic() < end, f"the {victim} was not started again"
        time.sleep(0.05)
    assert fresh


def set_up(served: Served) -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", SETUP.format(senders=SENDERS)],
        cwd=ROOT,
        env=surroundings(served.var),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout.splitlines()[-1])


def polls_since(series: list[uuid.UUID], start_ms: int) -> list[int]:
    end_ms = time.time_ns() // 1_000_000 + 1_000
    return [len(scan(series_id=one, start_ms=start_ms, end_ms=end_ms)) for one in series]


@pytest.mark.timeout(300)
def test_every_acknowledged_reading_survives_kills_of_every_part_and_none_is_there_twice(served: Served) -> None:
    facts = set_up(served)
    senders = [Sender(served.url, secret, uuid.UUID(hex=series)) for secret, series in facts["sent"]]
    polled = [uuid.UUID(hex=one) for one in facts["polled"]]
    assert polled
    threads = [threading.Thread(target=sender.run, daemon=True) for sender in senders]
    for thread in threads:
        thread.start()
    for _round in range(ROUNDS):
        for victim in VICTIMS:
            time.sleep(1.5)
            kill(served, victim)
    last_kill_ms = time.time_ns() // 1_000_000
    with store_of(served.var):
        end = time.monotonic() + 90
        while min(polls_since(polled, last_kill_ms)) < 2:
            assert time.monotonic() < end, f"polling did not go on: {polls_since(polled, last_kill_ms)}"
            time.sleep(0.5)
        for sender in senders:
            sender.stop.set()
        for thread in threads:
            thread.join(timeout=20)
        for sender in senders:
            assert sender.faults == []
            assert sender.broken > 0, "nothing died while it was sending"
            check_sent(sender)
        for one in polled:
            check_polled(one)


def check_sent(sender: Sender) -> None:
    found = scan(series_id=sender.series_id, start_ms=0, end_ms=2**52)
    stored = dict(zip(found.times.tolist(), found.values.tolist(), strict=True))
    assert len(stored) == len(found)
    lost = {at: value for at, value in sender.acknowledged.items() if stored.get(at) != value}
    assert not lost, f"{len(lost)} of {len(sender.acknowledged)} acknowledged readings are gone"
    assert stored.keys() <= sender.tried
    assert len(sender.acknowledged) > 100
    # A register read once a moment only rises: had one request been applied to two moments, it would not.
    assert (np.diff(found.values) == 1).all()


def check_polled(series_id: uuid.UUID) -> None:
    found = scan(series_id=series_id, start_ms=0, end_ms=2**52)
    assert (np.diff(found.times) > 0).all()
    assert (np.diff(found.values) >= 0).all()
    assert series_get_many(series_ids=[series_id])[series_id].simulated
