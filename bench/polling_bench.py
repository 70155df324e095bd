"""500 simulated devices at 10 s: the real Celery worker polls them over Modbus TCP; what was stored is counted.

Worker and web server are the product's own processes. The simulator's share of the processors is told apart, and
raw pymodbus reads against the same simulator are measured in the same run.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench.ingest_bench import broker_start
from bench.rows import Row

DEVICES = 500
PERIOD_S = 10
WARM_S = 25
MEASURED_S = 60
RAW_S = 6
RAW_AT_ONCE = 50
CORES = 2


@dataclass
class Site:
    """The processes that run, by name."""

    processes: dict[str, subprocess.Popen[bytes]]
    listed: list[dict[str, Any]]

    def cpu_s(self) -> dict[str, float]:
        """Return the processor seconds each process has used, its children included."""
        used = {}
        for name, process in self.processes.items():
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            used[name] = sum(sum(one.cpu_times()[:2]) for one in family)
        return used


def rows() -> list[Row]:
    """Measure everything once."""
    with site_running() as site:
        raw_reads, raw_cpu_s = asyncio.run(raw_measure(site.listed))
        started = time.time()
        worker_start(site)
        time.sleep(max(0.0, WARM_S - (time.time() - started)))
        before, begins_ms = site.cpu_s(), time.time_ns() // 1_000_000
        time.sleep(MEASURED_S)
        after, ends_ms = site.cpu_s(), time.time_ns() // 1_000_000
        # What was asked in the measured minute is stored within a second after it.
        time.sleep(2)
        used = {name: after[name] - before[name] for name in after}
        seconds = (ends_ms - begins_ms) / 1000
        return report(polls_stored(begins_ms, ends_ms), seconds, used, raw_reads / raw_cpu_s)


def report(stored: Stored, seconds: float, used: dict[str, float], raw_per_cpu_s: float) -> list[Row]:
    """Return the three rows."""
    due = round(DEVICES * seconds / PERIOD_S)
    polls = stored.polls
    share = 100 * (used["worker"] + used["web"]) / (CORES * seconds)
    others = ", ".join(
        f"{name} {100 * used[name] / (CORES * seconds):.1f} %" for name in ("worker", "web", "simulator", "broker")
    )
    return [
        Row(
            name=f"{DEVICES} Modbus devices at {PERIOD_S} s: polls stored",
            ours=polls,
            unit="polls",
            target="none left out",
            # A device whose moment lies on the edge of the measured minute may fall on either side of it.
            met=stored.devices == DEVICES and stored.left_out == 0 and polls >= 0.98 * due,
            limit=due,
            limit_name="due",
            note=f"{stored.left_out} left out; longest time between two polls of a device {stored.longest_s:.1f} s; "
            f"{missed()} handed out late by a period or more",
        ),
        Row(
            name="workers and web while polling",
            ours=share,
            unit="% of two cores",
            target="≤ 50",
            met=share <= 50,
            note=others,
        ),
        Row(
            name="devices polled and stored per processor second of the worker",
            ours=polls / used["worker"],
            unit="polls/s",
            target="for comparison",
            met=True,
            limit=raw_per_cpu_s,
            limit_name="raw pymodbus reads of the same registers",
        ),
    ]


@contextmanager
def site_running() -> Iterator[Site]:
    """Run broker, simulator and web server, with the devices registered; the worker is started apart."""
    var = Path(os.environ["MYHOUSE_VAR"])
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        processes["broker"] = broker_start(var)
        listed_at = var / "devices.json"
        command = [sys.executable, "-m", "devices.simulator", "--base-port", "0", "--devices", str(DEVICES)]
        processes["simulator"] = subprocess.Popen([*command, "--port-file", str(listed_at)], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while not listed_at.exists():
            if time.monotonic() > until or processes["simulator"].poll() is not None:
                raise SystemExit("The simulator did not start.")
            time.sleep(0.1)
        site = Site(processes, json.loads(listed_at.read_text(encoding="utf-8")))
        registry_fill(site.listed)
        command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", "0", "--log-level", "error"]
        processes["web"] = subprocess.Popen(command)
        yield site
    finally:
        for process in reversed(processes.values()):
            process.terminate()
            process.wait()


def worker_start(site: Site) -> None:
    """Run the product's worker with its clock, and wait until it takes tasks."""
    ready = Path(os.environ["MYHOUSE_VAR"]) / "worker-ready"
    site.processes["worker"] = subprocess.Popen([sys.executable, "-m", "config.serve.worker", str(ready)])
    until = time.monotonic() + 60
    while not ready.exists():
        if time.monotonic() > until or site.processes["worker"].poll() is not None:
            raise SystemExit("The worker did not start.")
        time.sleep(0.05)


def registry_fill(listed: list[dict[str, Any]]) -> None:
    """Register every simulated device, each in a household of its own, with all that its model measures there."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from devices.models import DeviceKind
    from devices.services.channels import QUANTITIES, Binding
    from devices.services.registry import Address, device_register
    from myhouse.documents.services import SYSTEM
    from myhouse.models import Household
    from myhouse.services.metering import metering_point_create

    now = datetime.now(UTC)
    wanted = ("energy", "power", "state_of_charge")
    for number, one in enumerate(listed):
        household = Household.objects.create(name=f"Home {number}")
        point = metering_point_create(household=household, role=one["role"], name="Meter", actor=SYSTEM, now=now)
        quantities = [
            str(name) for name in QUANTITIES[one["role"]] if str(name).endswith(wanted) and name != "heat_energy"
        ]
        device_register(
            name=one["key"],
            kind=DeviceKind.MODBUS,
            household=household,
            external_id=one["key"],
            model=one["model"],
            address=Address(one["host"], one["port"], one["unit_id"]),
            period_s=PERIOD_S,
            metering_point=point,
            bindings=[Binding(f"{one['role']}.{name}", point, name) for name in quantities],
            simulated=True,
            actor=SYSTEM,
            now=now,
        )


async def raw_measure(listed: list[dict[str, Any]]) -> tuple[int, float]:
    """Read the same registers with nothing but pymodbus; returns device reads and the processor seconds they took."""
    from pymodbus.client import AsyncModbusTcpClient

    from devices.drivers import ConnectionPool, ModbusDevice, model_load

    pool = ConnectionPool()
    spans = {}
    for model in {one["model"] for one in listed}:
        one = next(each for each in listed if each["model"] == model)
        device = ModbusDevice(model=model_load(model), unit_id=one["unit_id"])
        connection = pool.connection(one["host"], one["port"])
        await device.read(connection)
        spans[model] = (await device._plan(connection)).spans  # noqa: SLF001 the very spans the driver reads
    pool.close()
    reads = 0
    ends = time.monotonic() + RAW_S
    cpu_s = time.process_time()

    async def reader(part: list[dict[str, Any]]) -> None:
        nonlocal reads
        clients: dict[tuple[str, int], AsyncModbusTcpClient] = {}
        while time.monotonic() < ends:
            for one in part:
                address = (one["host"], one["port"])
                if address not in clients:
                    clients[address] = AsyncModbusTcpClient(address[0], port=address[1])
                    await clients[address].connect()
                model = model_load(one["model"])
                for span in spans[one["model"]]:
                    plain = model.protocol == "registers" and model.function == "input"
                    ask = clients[address].read_input_registers if plain else clients[address].read_holding_registers
                    await ask(span.start, count=span.count, device_id=one["unit_id"])
                reads += 1
        for client in clients.values():
            client.close()

    await asyncio.gather(*(reader(listed[start::RAW_AT_ONCE]) for start in range(RAW_AT_ONCE)))
    return reads, time.process_time() - cpu_s


@dataclass(frozen=True)
class Stored:
    """What the store holds of the measured minute: devices, polls, polls left out, the longest gap."""

    devices: int
    polls: int
    left_out: int
    longest_s: float


def polls_stored(begins_ms: int, ends_ms: int) -> Stored:
    """Count the polls of each device in the store by the times of its power, and look for gaps between them."""
    from myhouse.models import Measurement
    from telemetry.selectors import scan

    period_ms = PERIOD_S * 1_000
    counts: list[int] = []
    gaps: list[int] = []
    for series_id in Measurement.objects.filter(quantity="power").values_list("series_id", flat=True):
        # From the poll before the minute to the one after it, so that its edges hide nothing.
        times = scan(series_id=series_id, start_ms=begins_ms - period_ms - 2_000, end_ms=ends_ms + 2_000).times
        counts.append(int(((times >= begins_ms) & (times < ends_ms)).sum()))
        gaps += (times[1:] - times[:-1]).tolist()
    left_out = sum(max(0, round(gap / period_ms) - 1) for gap in gaps)
    return Stored(sum(count > 0 for count in counts), sum(counts), left_out, max(gaps, default=0) / 1_000)


def missed() -> int:
    """Return how many polls were passed over because they came too late."""
    from devices.polling.schedule import SKIPPED_KEY
    from devices.state import connection

    return int(connection().get(SKIPPED_KEY) or 0)
