import logging
from collections.abc import Iterable
from contextlib import asynccontextmanager

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from devices.drivers import ConnectionPool


@asynccontextmanager
async def modbus_server(
    blocks: Iterable[tuple[int, list[int]]], *, unit_id=1, action=None, function="holding", port=0
):
    """A real Modbus TCP server that knows these registers, of this kind, and nothing else."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    data = [SimData(address, values=words, datatype=DataType.REGISTERS) for address, words in blocks]
    bits = [SimData(0, values=False, datatype=DataType.BITS)]
    other = [SimData(65_000, values=0, datatype=DataType.REGISTERS)]
    spaces = (bits, list(bits), data, other) if function == "holding" else (bits, list(bits), other, data)
    server = ModbusTcpServer(SimDevice(unit_id, spaces, action=action), address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield server.transport.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture
async def pool():
    pool = ConnectionPool()
    yield pool
    pool.close()
