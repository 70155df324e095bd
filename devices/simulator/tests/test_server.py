import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from datetime import date

import numpy as np
import pytest

from devices.drivers import ConnectionPool, UnableToReach, device_probe, device_read, model_load, readings_at
from devices.simulator.checkpoint import checkpoint_read, checkpoint_write, spec_read, spec_write
from devices.simulator.community import Spec
from devices.simulator.installation import devices_plan, energy_point
from devices.simulator.live import Live
from devices.simulator.server import Mood, Simulator, UnableToListen, devices_repeated
from devices.simulator.shown import energy_shown
from devices.simulator.timeline import Timeline

SPEC = Spec(origin=date(2026, 6, 10), seed=3)
NOON = 1_781_262_000.0  # 2026-06-12 11:00 UTC


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
async def served():
    clock = Clock(NOON)
    simulator = Simulator(live=Live(Timeline(SPEC), clock), placed=devices_plan(SPEC), base_port=0)
    await simulator.start()
    pool = ConnectionPool()

    async def read(key, **options):
        placed = simulator.devices[key].placed
        host, port, unit_id = simulator.address(key)
        readings = await device_read(
            connection=pool.connection(host, port), model=model_load(placed.model), unit_id=unit_id, **options
        )
        return {one.channel: one.value for one in readings_at(readings, placed.role)}

    yield simulator, clock, read
    pool.close()
    simulator.stop()


async def test_every_device_answers_in_the_words_of_its_place(served):
    simulator, _clock, read = served
    for key, device in simulator.devices.items():
        values = await read(key)
        assert f"{device.placed.role}.power" in values
        assert any(channel.endswith("_energy") for channel in values)


async def test_the_powers_of_a_home_balance_at_any_instant(served):
    _simulator, clock, read = served
    for step in (0, 7.3, 13.9):
        clock.now = NOON + step
        grid, inverter = await read("home-1-grid"), await read("home-1-inverter")
        used = grid["grid.power"] + inverter["production.power"] + inverter["battery.power"]
        parts = [await read(key) for key in ("home-1-heat-pump", "home-1-car")]
        assert used > sum(part["consumer.power"] for part in parts)


async def test_what_is_read_live_equals_what_history_says(served):
    simulator, clock, read = served
    timeline = Timeline(SPEC)
    day = list(timeline.days(until=int(NOON // 86_400) + 1))[-1]
    for minute in (0, 1, 617, 1439):
        clock.now = (day.start_minute + minute) * 60.0
        for key, device in simulator.devices.items():
            values = await read(key)
            for quantity, flow in device.placed.flows:
                point, power = energy_point(device.placed, quantity)
                edge = day.register(flow)[device.placed.home, minute : minute + 1]
                seen = [value for channel, value in values.items() if channel.endswith("_energy")]
                assert energy_shown(np.array(edge), point, power)[0] in seen


async def test_registers_only_rise(served):
    _simulator, clock, read = served
    last = 0.0
    for second in range(0, 90, 10):
        clock.now = NOON + 43_150 + second  # over midnight
        now = (await read("home-3-grid"))["grid.import_energy"]
        assert now >= last
        last = now


async def test_a_dead_device_leaves_its_neighbour_behind_the_gateway_alone(served):
    simulator, _clock, read = served
    simulator.mood_set("home-1-heat-pump", Mood.DEAD)
    with pytest.raises(UnableToReach):
        await read("home-1-heat-pump")
    assert await read("home-1-grid")
    simulator.mood_set("home-1-heat-pump", Mood.WELL)
    assert await read("home-1-heat-pump")


async def test_a_hanging_device_recovers(served):
    simulator, _clock, read = served
    simulator.mood_set("home-2-inverter", Mood.HANGING)
    with pytest.raises(UnableToReach):
        await read("home-2-inverter", timeout_s=0.2)
    simulator.mood_set("home-2-inverter", Mood.WELL)
    assert await read("home-2-inverter")


async def test_an_unplugged_device_comes_back_on_its_port(served):
    simulator, _clock, read = served
    before = await read("home-2-inverter")
    simulator.unplug("home-2-inverter")
    with pytest.raises(UnableToReach):
        await read("home-2-inverter", timeout_s=0.3)
    await simulator.plug_in("home-2-inverter")
    assert await read("home-2-inverter") == before


async def test_probing_recognises_the_simulated_inverter(served):
    simulator, _clock, _read = served
    host, port, unit_id = simulator.address("home-1-inverter")
    found = await device_probe(host=host, port=port, unit_id=unit_id)
    assert found.models == ("sunspec-inverter",)
    assert found.serial.startswith("SIM")


async def test_a_taken_port_is_named():
    clock = Clock(NOON)
    blocker = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = blocker.sockets[0].getsockname()[1]
    one = devices_plan(SPEC)[:1]
    simulator = Simulator(live=Live(Timeline(SPEC), clock), placed=one, base_port=port)
    with pytest.raises(UnableToListen, match=str(port)):
        await simulator.start()
    blocker.close()


def test_repeats_the_homes_for_the_number_of_devices_wanted():
    devices = devices_repeated(devices_plan(SPEC), 500, homes=SPEC.homes)
    assert len(devices) == 500
    assert len({(one.port_offset, one.unit_id) for one in devices}) == 500


def test_a_checkpoint_of_another_simulation_is_not_used(tmp_path):
    timeline = Timeline(SPEC)
    path = tmp_path / "deep" / "checkpoint.json"
    checkpoint_write(path, SPEC, timeline.checkpoint())
    assert checkpoint_read(path, SPEC) == timeline.checkpoint()
    assert checkpoint_read(path, Spec(origin=SPEC.origin, seed=4)) is None
    path.write_text("{half", encoding="utf-8")
    assert checkpoint_read(path, SPEC) is None


def test_the_kept_simulation_comes_back(tmp_path):
    spec_write(tmp_path / "spec.json", SPEC, base_port=15_100)
    assert spec_read(tmp_path / "spec.json") == (SPEC, 15_100)


@pytest.mark.processes
@pytest.mark.slow
def test_the_process_serves_and_ends_when_told(tmp_path):
    ports = tmp_path / "ports.json"
    process = simulator_process(ports)
    try:
        wait_for(ports.exists)
        assert len(json.loads(ports.read_text(encoding="utf-8"))) == 6
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
    finally:
        process.kill()


@pytest.mark.processes
@pytest.mark.slow
def test_the_process_ends_when_its_parent_ends(tmp_path):
    ports, child = tmp_path / "ports.json", tmp_path / "child"
    script = (
        "import subprocess,sys,time,pathlib;"
        "p=subprocess.Popen([sys.executable,'-m','devices.simulator','--homes','1','--base-port','0',"
        f"'--port-file',{str(ports)!r}]);pathlib.Path({str(child)!r}).write_text(str(p.pid));time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    wait_for(ports.exists)
    parent.kill()
    parent.wait()
    pid = int(child.read_text(encoding="utf-8"))
    wait_for(lambda: not runs(pid))


def simulator_process(ports):
    command = [sys.executable, "-m", "devices.simulator", "--homes", "2", "--base-port", "0", "--port-file"]
    return subprocess.Popen([*command, str(ports)])


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(condition):
    until = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < until, os.getpid()
        time.sleep(0.05)
