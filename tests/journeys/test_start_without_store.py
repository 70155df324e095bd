"""The product is started while nobody runs its time-series server: it serves, takes readings, and keeps them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import surroundings

ROOT = Path(__file__).resolve().parents[2]
READY_S = 120
pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(600)]

# Registered while the store was there; what this machine knows of the series stays beside the spool.
REGISTER = """
import sys, uuid
import django
django.setup()
from datetime import UTC, datetime, timedelta
from pathlib import Path
from devices.tests.factories import http_meter
from myhouse.models import Measurement
from telemetry.process import store_current
from telemetry.series_copy import SeriesCopy

meter = http_meter(now=datetime.now(UTC) - timedelta(hours=1))
ids = list(Measurement.objects.filter(metering_point=meter.point).values_list("series_id", flat=True))
known = store_current().rows(ids)
SeriesCopy(Path(sys.argv[1])).put([known[one] for one in ids])
print(meter.secret)
"""


@contextmanager
def served(env: dict[str, str], log: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    command = [sys.executable, "manage.py", "serve", "--port", "0"]
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + READY_S
        while not (found := re.search(r"runs at (http://\S+)", log.read_text())):
            assert server.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < until, log.read_text()[-3000:]
            time.sleep(0.2)
        yield found.group(1), server
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


def asked(url: str, *, key: str = "", body: object = None) -> tuple[int, bytes, float]:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(url, headers=headers, data=json.dumps(body).encode() if body else None)
    begun = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read(), time.monotonic() - begun
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(), time.monotonic() - begun


def packet(at_ms: int) -> dict:
    points = [{"name": "power", "value": 1.5, "unit": "kW"}]
    return {"version": 1, "property": "home", "reading_ts": at_ms, "device_id": "meter-1", "points": points}


def web_processes(server: subprocess.Popen) -> list[int]:
    command = ["ps", "-o", "pid=,args=", "--ppid", str(server.pid)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in told.splitlines() if "config.serve.web" in line]


def test_it_serves_takes_readings_and_keeps_them_through_kills_and_starts(tmp_path_factory):
    var = Path(tmp_path_factory.mktemp("s"))
    env = surroundings(var)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        away = env | {
            "TELEMETRY_URL": f"cassandra://127.0.0.1:{held.getsockname()[1]}/away?replication=1",
            "SECRET_KEY": "a key for tests that is long enough to be taken by the settings",
        }
        there = away | {"TELEMETRY_URL": f"sqlite:///{var}/telemetry.sqlite3"}
        subprocess.run([sys.executable, "manage.py", "prepare"], cwd=ROOT, env=there, check=True, capture_output=True)
        register = [sys.executable, "-c", REGISTER, str(var / "spool" / "away")]
        told = subprocess.run(register, cwd=ROOT, env=there, check=True, stdout=subprocess.PIPE, text=True)
        key, at_ms, taken = told.stdout.split()[-1], time.time_ns() // 1_000_000 - 60_000, 0
        with served(away, var / "first.txt") as (url, server):
            assert asked(f"{url}/sign-in/")[0] == 200
            for _number in range(20):
                status, said, took = asked(f"{url}/ingest/packets", key=key, body=packet(at_ms + taken))
                assert (status, json.loads(said)["spooled"]) == (202, True)
                assert took < 10
                taken += 1
            ready = json.loads(asked(f"{url}/readyz")[1])
            assert (ready["status"], ready["spool"]["readings"]) == ("degraded", taken)
            killed = web_processes(server)
            assert killed
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        with served(away, var / "second.txt") as (url, _server):
            assert json.loads(asked(f"{url}/readyz")[1])["spool"]["readings"] == taken
            assert asked(f"{url}/ingest/packets", key=key, body=packet(at_ms + taken))[0] == 202
            assert json.loads(asked(f"{url}/readyz")[1])["spool"]["readings"] == taken + 1
        log = (var / "log" / "web.log").read_text()
        assert "New readings go to the spool" in log
        assert "Traceback" not in log
