"""A simulated community on real Modbus TCP ports, served from a thread of its own."""

import asyncio
import threading
from datetime import UTC, date, datetime

import pytest

from devices import tasks
from devices.simulator.community import Spec
from devices.simulator.installation import devices_plan
from devices.simulator.live import Live
from devices.simulator.server import Simulator
from devices.simulator.timeline import Timeline
from devices.tests.factories import modbus_device


class Community:
    """The simulator, and devices of the registry that stand for its devices."""

    def __init__(self):
        spec = Spec(origin=date.fromordinal(datetime.now(UTC).date().toordinal() - 1), seed=3)
        self.simulator = Simulator(live=Live(Timeline(spec)), placed=devices_plan(spec), base_port=0)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.run(self.simulator.start())

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=20)

    def call(self, function, *arguments):
        async def go():
            return function(*arguments)

        return self.run(go())

    def grid_meter(self, home, **options):
        """Register the grid meter of a home; they stand on different ports."""
        host, port, unit_id = self.simulator.address(f"home-{home}-grid")
        return modbus_device(now=datetime.now(UTC), host=host, port=port, unit_id=unit_id, **options)

    def close(self):
        self.call(self.simulator.stop)
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture
def community():
    served = Community()
    yield served
    served.close()


@pytest.fixture
def poll(settings):
    """Poll devices now, on a loop as a worker has it, and wait until what they answered is noted."""

    def poll(*meters, wait=True):
        tasks.devices_poll(device_ids=[meter.device.pk.hex for meter in meters])
        if wait:
            assert tasks.poll_loop().wait(timeout_s=15)

    yield poll
    for loop in tasks._loops:
        loop.close()
    tasks._loops.clear()
