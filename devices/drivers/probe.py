"""Finding out what stands at an address: the models whose marks are there."""

from __future__ import annotations

from dataclasses import dataclass

from devices.drivers.connection import Connection, ConnectionPool
from devices.drivers.decoding import decode_number
from devices.drivers.errors import UnableToRead, UnableToUnderstand
from devices.drivers.modbus import ModbusDevice, Reading
from devices.drivers.model import WIDTH, Check, Model, model_load, models_available


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at an address: possible models, best first, its own words, and a first reading."""

    models: tuple[str, ...]
    manufacturer: str = ""
    device: str = ""
    serial: str = ""
    readings: tuple[Reading, ...] = ()


async def device_probe(*, host: str, port: int, unit_id: int = 1, timeout_s: float = 3.0) -> Found:
    """Ask a device for the marks of all models; UnableToReach if nobody answers at all."""
    pool = ConnectionPool()
    try:
        connection = pool.connection(host, port)
        matching = [
            model
            for model in map(model_load, models_available())
            if await _matches(connection, model, unit_id, timeout_s)
        ]
        # The model with most checks knows best; SunSpec devices say themselves what they are.
        matching.sort(key=lambda model: (model.protocol != "sunspec", -len(model.identify), model.name))
        if not matching:
            return Found(models=())
        device = ModbusDevice(matching[0], unit_id, timeout_s)
        readings = tuple(await device.read(connection))
        layout = await device.layout(connection)
        names = tuple(model.name for model in matching)
        if layout is None:
            return Found(models=names, manufacturer=matching[0].manufacturer, readings=readings)
        return Found(
            models=names,
            manufacturer=layout.manufacturer,
            device=layout.device,
            serial=layout.serial,
            readings=readings,
        )
    finally:
        pool.close()


async def _matches(connection: Connection, model: Model, unit_id: int, timeout_s: float) -> bool:
    if model.protocol == "sunspec":
        try:
            return await ModbusDevice(model, unit_id, timeout_s).layout(connection) is not None
        except UnableToUnderstand:
            return False
    if not model.identify:
        return False
    for check in model.identify:
        if not await _passes(connection, model, check, unit_id, timeout_s):
            return False
    return True


async def _passes(connection: Connection, model: Model, check: Check, unit_id: int, timeout_s: float) -> bool:
    try:
        registers = await connection.registers_read(
            function=check.function or model.function,
            address=check.address,
            count=WIDTH[check.type],
            unit_id=unit_id,
            timeout_s=timeout_s,
        )
    except UnableToRead as error:
        if error.retry:
            raise
        return False
    value = decode_number(registers, check.type, model.word_order)
    return check.minimum <= value <= check.maximum
