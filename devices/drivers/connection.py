"""Modbus TCP connections that stay open between polls: one request at a time, closed when idle."""

from __future__ import annotations

import asyncio
import logging
import time

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.constants import ExcCodes

from devices.drivers.errors import UnableToReach, UnableToUnderstand
from devices.drivers.plan import Plan

# What fails is raised and told by us, once; the library would also log it, at every poll of a dead device.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
# The device itself says that the question is wrong; every other exception code may pass.
_WRONG_QUESTION: dict[int, str] = {
    ExcCodes.ILLEGAL_FUNCTION: "it does not know this kind of request",
    ExcCodes.ILLEGAL_ADDRESS: "it has no such register",
    ExcCodes.ILLEGAL_VALUE: "it refuses a request of this length",
}
_DEFAULT_TIMEOUT_S = 3.0


class Connection:
    """A TCP connection to one host and port; behind a gateway several units share it, in turn."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.plans: dict[tuple[str, int], Plan] = {}  # by model name and unit, made once per connection
        self.used_at = time.monotonic()
        self._client: AsyncModbusTcpClient | None = None
        self._lock = asyncio.Lock()

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_open(self) -> bool:
        """Whether the TCP connection stands."""
        return self._client is not None and self._client.connected

    @property
    def is_busy(self) -> bool:
        """Whether somebody is reading just now."""
        return self._lock.locked()

    def close(self) -> None:
        """Close the TCP connection; the next read opens it again."""
        if self._client is not None:
            self._client.close()
        self._client = None
        self.plans.clear()

    async def registers_read(
        self, *, function: str, address: int, count: int, unit_id: int, timeout_s: float = _DEFAULT_TIMEOUT_S
    ) -> list[int]:
        """Read registers of one unit; the waiting for its turn does not count towards the time limit."""
        async with self._lock:
            self.used_at = time.monotonic()
            try:
                async with asyncio.timeout(timeout_s):
                    return await self._ask(function, address, count, unit_id, timeout_s)
            except (TimeoutError, OSError, ModbusException) as error:
                # A late answer must not be taken for the answer to the next question.
                self.close()
                msg = f"{self} unit {unit_id} did not answer within {timeout_s:g} s. Is it switched on and connected?"
                raise UnableToReach(msg) from error
            except asyncio.CancelledError:
                self.close()
                raise

    async def _ask(self, function: str, address: int, count: int, unit_id: int, timeout_s: float) -> list[int]:
        client = await self._connected(timeout_s)
        ask = client.read_input_registers if function == "input" else client.read_holding_registers
        answer = await ask(address, count=count, device_id=unit_id)
        if answer.isError():
            reason = _WRONG_QUESTION.get(answer.exception_code)
            where = f"{self} unit {unit_id}, register {address} (0x{address:04X}), {count} registers"
            if reason is None:
                msg = f"{where}: the device or its gateway answers with Modbus exception {answer.exception_code}."
                raise UnableToReach(msg)
            msg = f"{where}: {reason}. Is it the right device model and unit?"
            raise UnableToUnderstand(msg)
        if len(answer.registers) != count:
            msg = f"{self} unit {unit_id} answered {len(answer.registers)} registers instead of {count}."
            raise UnableToUnderstand(msg)
        return list(answer.registers)

    async def _connected(self, timeout_s: float) -> AsyncModbusTcpClient:
        if self._client is not None and self._client.connected:
            return self._client
        self.close()
        client = AsyncModbusTcpClient(
            self.host, port=self.port, timeout=timeout_s, retries=0, reconnect_delay=0, reconnect_delay_max=0
        )
        if not await client.connect():
            msg = f"No connection to {self}. Is the address right, and is the device switched on?"
            raise UnableToReach(msg)
        self._client = client
        return client


class ConnectionPool:
    """The open connections of one asyncio loop; not for several loops or threads."""

    def __init__(self, *, idle_s: float = 60.0) -> None:
        self.idle_s = idle_s
        self._connections: dict[tuple[str, int], Connection] = {}
        self._sweep: asyncio.TimerHandle | None = None

    def connection(self, host: str, port: int) -> Connection:
        """The connection to this host and port, opened at its first read."""
        key = (host, port)
        if key not in self._connections:
            self._connections[key] = Connection(host, port)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self.idle_s, self._sweep_now)
        self._connections[key].used_at = time.monotonic()
        return self._connections[key]

    def close_idle(self) -> int:
        """Close and forget the connections unused for `idle_s`; return how many."""
        border = time.monotonic() - self.idle_s
        idle = [key for key, one in self._connections.items() if one.used_at <= border and not one.is_busy]
        for key in idle:
            self._connections.pop(key).close()
        return len(idle)

    def close(self) -> None:
        """Close all connections."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for one in self._connections.values():
            one.close()
        self._connections.clear()

    def _sweep_now(self) -> None:
        self.close_idle()
        self._sweep = None
        if self._connections:
            self._sweep = asyncio.get_running_loop().call_later(self.idle_s, self._sweep_now)
