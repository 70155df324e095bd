"""Reads over real HTTP, of 15-minute and of 10-second data, beside a view that does nothing on the same server."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self

import numpy as np

from bench.rows import Row
from bench.serving import ROOT

ROUNDS = 300
WARM_UP = 30
DAY_MS = 86_400_000
SECONDS = {"15-min": 900, "10-s": 10}
YEAR_TARGET_MS = 2.5
DAY_TARGET_MS = 4.0
ZONE = "Europe/Berlin"


@dataclass(frozen=True)
class Stock:
    """What was stored: a token, a measurement per resolution, the days that are asked for, the year's energy."""

    secret: str
    measurements: dict[str, str]
    year: tuple[date, date]
    day: date
    energy_wh: dict[str, int]


def rows() -> list[Row]:
    """Store a year at both resolutions, ask for it over HTTP, count what came back."""
    stock = _stock()
    with _server() as port, _Connection(port, stock.secret) as connection:
        floor = _p50(connection, "/ingest/noop")
        found = []
        for name, measurement in stock.measurements.items():
            year = f"/api/v1/measurements/{measurement}/buckets?bucket=day&start={stock.year[0]}&end={stock.year[1]}"
            answer = json.loads(connection.get(year))["buckets"]
            assert len(answer) == (stock.year[1] - stock.year[0]).days
            assert sum(row["value"] for row in answer) == stock.energy_wh[name], "the year does not add up"
            found.append(_row(f"daily totals of a year, {name} data", _p50(connection, year), floor, YEAR_TARGET_MS))
        for name, measurement in stock.measurements.items():
            start = datetime(stock.day.year, stock.day.month, stock.day.day, tzinfo=UTC)
            end = datetime.fromtimestamp(start.timestamp() + 86_400, UTC)
            span = f"start={start:%Y-%m-%dT%H:%M:%SZ}&end={end:%Y-%m-%dT%H:%M:%SZ}"
            curve = f"/api/v1/measurements/{measurement}/buckets?bucket=5min&{span}"
            assert sum(row["covered"] > 0 for row in json.loads(connection.get(curve))["buckets"]) >= 96
            found.append(_row(f"24 h at 5 min, {name} data", _p50(connection, curve), floor, DAY_TARGET_MS))
    return found


def _row(name: str, ours: float, floor: float, target: float) -> Row:
    return Row(
        f"{name}, over HTTP, p50",
        ours,
        "ms",
        f"≤ {target} ms",
        met=ours <= target,
        limit=floor,
        limit_name="no-op view",
        note=f"one connection, {ROUNDS} requests with a bearer token, totals checked",
    )


def _p50(connection: _Connection, target: str) -> float:
    for _ in range(WARM_UP):
        connection.get(target)
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        connection.get(target)
        times.append((time.perf_counter() - started) * 1000)
    return float(np.median(times))


class _Connection:
    """One kept-alive connection that does nothing but send and receive."""

    def __init__(self, port: int, secret: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\n\r\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def get(self, target: str) -> bytes:
        """Ask for one address, return the body; anything but 200 ends the measurement."""
        self._socket.sendall(f"GET {target}{self._head}".encode())
        data = self._socket.recv(262_144)
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(262_144)
        head, _separator, body = data.partition(b"\r\n\r\n")
        if b" 200 " not in head[:15]:
            raise RuntimeError(f"{target}: {data[:400]!r}")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        parts, got = [body], len(body)
        while got < length:
            parts.append(self._socket.recv(262_144))
            got += len(parts[-1])
        return b"".join(parts)


@contextmanager
def _server() -> Iterator[int]:
    """The product's own application on uvicorn, with the view that does nothing beside it."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.set_inheritable(True)
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.ingest_server", "config.asgi", str(listener.fileno())],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "bench.ingest_settings"},
        pass_fds=[listener.fileno()],
    )
    try:
        yield listener.getsockname()[1]
    finally:
        process.terminate()
        process.wait(10)
        listener.close()


def _stock() -> Stock:
    """A household with the same year of consumption at two resolutions, stored as the product stores it."""
    from django.core.management import call_command
    from django.utils import timezone

    from myhouse.documents.services import SYSTEM
    from myhouse.models import User
    from myhouse.services.households import household_create
    from myhouse.services.metering import measurement_start, metering_point_create
    from myhouse.services.tokens import token_issue
    from telemetry.calendar import day_start_ms
    from telemetry.model import Batch, Kind
    from telemetry.services import history_write, quarters_refresh

    call_command("migrate", verbosity=0)
    now = timezone.now()
    now_ms = round(now.timestamp() * 1000)
    user = User.objects.create_user("bench@example.org", name="Bench")
    place = {"time_zone": ZONE, "currency": "EUR", "community": None}
    home = household_create(owner=user, name="Bench", actor=SYSTEM, now=now, **place)
    _token, secret = token_issue(user=user, name="bench", now=now)
    last = now.date().replace(day=1)
    first = last.replace(year=last.year - 1)
    start, end = day_start_ms(ZONE, first), day_start_ms(ZONE, last)
    measurements, energy = {}, {}
    random = np.random.default_rng(1)
    for name, seconds in SECONDS.items():
        point = metering_point_create(household=home, role="consumer", name=name, actor=SYSTEM, now=now)
        since = datetime.fromtimestamp(start / 1000, UTC)
        shape = {"kind": Kind.MEAN, "interval_ms": seconds * 1000}
        measured = measurement_start(metering_point=point, quantity="consumption_energy", starts_at=since, **shape)
        times = np.arange(start, end, seconds * 1000, dtype=np.int64)
        watts = random.integers(80, 4_000, len(times)).astype(np.float64)
        stored = history_write(batch=Batch.of(measured.series_id, times, watts), now_ms=now_ms)
        assert stored.accepted == len(times)
        measurements[name] = str(measured.pk)
        micro = np.rint(watts.reshape(-1, 900 // seconds).mean(axis=1) * 250_000).astype(np.int64)
        energy[name] = int((micro.sum() + 500_000) // 1_000_000)
    quarters_refresh(now_ms=now_ms)
    return Stock(secret, measurements, (first, last), date.fromordinal(last.toordinal() - 3), energy)
