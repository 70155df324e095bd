"""The simulated devices on real Modbus TCP ports of this machine; tests may kill, hang and revive them."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.simulator.simcore import SimCore
from pymodbus.simulator.simruntime import SimRuntime

from devices.simulator.installation import PORTS_PER_HOME, Placed
from devices.simulator.live import Live
from devices.simulator.registers import RegisterMap, register_map

LOOPBACK = "127.0.0.1"
_FRESH_S = 0.2  # one poll asks several times and should see one moment


class UnableToListen(OSError):
    """A port of the simulator is taken by another program."""


class Mood(StrEnum):
    """How a device behaves: it answers, is dead behind its gateway, or never answers."""

    WELL = "well"
    DEAD = "dead"
    HANGING = "hanging"


@dataclass(slots=True)
class Served:
    """A device that is served: where, and how it behaves."""

    placed: Placed
    map: RegisterMap
    mood: Mood = Mood.WELL
    recovered: asyncio.Event = field(default_factory=asyncio.Event)
    fresh_at: float = 0.0
    reads: int = 0


class Simulator:
    """All devices of the community on their ports, live by the clock."""

    def __init__(self, *, live: Live, placed: Iterable[Placed], base_port: int) -> None:
        self.live = live
        self.base_port = base_port
        self.devices: dict[str, Served] = {}
        self.ports: dict[int, int] = {}
        self._at_port: dict[int, list[Served]] = defaultdict(list)
        self._servers: dict[int, ModbusTcpServer] = {}
        for one in placed:
            served = Served(one, register_map(one, live.timeline.homes[one.home]))
            self.devices[one.key] = served
            self._at_port[one.port_offset].append(served)

    async def start(self) -> None:
        """Listen on all ports (any free ones if the base port is 0)."""
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        for offset in sorted(self._at_port):
            await self._listen(offset, self.base_port + offset if self.base_port else 0)

    def stop(self) -> None:
        """Close all ports."""
        for server in self._servers.values():
            server.close()
        self._servers.clear()

    def address(self, key: str) -> tuple[str, int, int]:
        """Host, port and unit of a device."""
        placed = self.devices[key].placed
        return LOOPBACK, self.ports[placed.port_offset], placed.unit_id

    def mood_set(self, key: str, mood: Mood) -> None:
        """Let one device fall dead, hang, or be well again; others behind its gateway go on."""
        served = self.devices[key]
        served.mood = mood
        served.recovered = asyncio.Event() if mood is Mood.HANGING else _set(served.recovered)

    def unplug(self, key: str) -> None:
        """Stop listening on the port of this device, as if its network cable were pulled."""
        offset = self.devices[key].placed.port_offset
        server = self._servers.pop(offset, None)
        if server is not None:
            server.close()

    async def plug_in(self, key: str) -> None:
        """Listen again on the same port."""
        offset = self.devices[key].placed.port_offset
        if offset not in self._servers:
            await self._listen(offset, self.ports[offset])

    async def _listen(self, offset: int, port: int) -> None:
        for served in self._at_port[offset]:
            served.fresh_at = 0.0
        units = [_Unit(self.live, served).sim_device() for served in self._at_port[offset]]
        server = ModbusTcpServer(units, address=(LOOPBACK, port))
        assert isinstance(server.context, SimCore)
        server.context.devices[0] = _nobody()
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            msg = f"Port {port} is in use by another program: stop it, or choose another base port."
            raise UnableToListen(msg) from error
        self._servers[offset] = server
        self.ports[offset] = _port_of(server)


class _Unit:
    """One device behind a port: its registers are brought up to date when they are asked for."""

    def __init__(self, live: Live, served: Served) -> None:
        self._live = live
        self._served = served

    def sim_device(self) -> SimDevice:
        """The device as pymodbus serves it."""
        one = self._served.map
        data = SimData(one.start, count=one.size, values=0, datatype=DataType.REGISTERS)

        async def action(*request: object) -> ExcCodes | None:
            _function, _start, _address, _count, registers, values = request
            assert isinstance(registers, list)
            return await self._answer(registers, writes=values is not None)

        return SimDevice(self._served.placed.unit_id, data, action=action)

    async def _answer(self, registers: list[int], *, writes: bool) -> ExcCodes | None:
        served = self._served
        if served.mood is Mood.HANGING:
            await served.recovered.wait()
        if served.mood is Mood.DEAD:
            return ExcCodes.GATEWAY_NO_RESPONSE
        if writes:
            return ExcCodes.ILLEGAL_FUNCTION
        now = self._live.clock()
        if abs(now - served.fresh_at) > _FRESH_S:
            served.map.write(self._live.moment_at(served.placed.home, now), registers)
            served.fresh_at = now
            served.reads += 1
        return None


def devices_repeated(placed: tuple[Placed, ...], count: int, *, homes: int) -> tuple[Placed, ...]:
    """Exactly `count` devices: the community's own, as often as needed, each time on further ports."""
    repeated: list[Placed] = []
    round_ = 0
    while len(repeated) < count:
        shift = round_ * homes * PORTS_PER_HOME
        for one in placed[: count - len(repeated)]:
            key = one.key if round_ == 0 else f"{one.key}-copy-{round_}"
            repeated.append(replace(one, key=key, port_offset=one.port_offset + shift))
        round_ += 1
    return tuple(repeated)


@cache
def _nobody() -> SimRuntime:
    """What a gateway answers for a unit that does not exist; one for all gateways, it holds every address."""

    async def action(*_request: object) -> ExcCodes | None:
        return ExcCodes.GATEWAY_NO_RESPONSE

    data = SimData(0, count=65_535, values=0, datatype=DataType.REGISTERS)
    return SimRuntime(SimDevice(0, data, action=action))


def _set(event: asyncio.Event) -> asyncio.Event:
    event.set()
    return event


def _port_of(server: ModbusTcpServer) -> int:
    listener = server.transport
    return int(listener.sockets[0].getsockname()[1])  # type: ignore[attr-defined] # asyncio says AbstractServer
