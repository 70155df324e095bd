"""SunSpec: the device describes its own map; it is walked once, then only the needed registers are read."""

from __future__ import annotations

from dataclasses import dataclass

from devices.drivers.connection import Connection
from devices.drivers.decoding import decode_text
from devices.drivers.errors import UnableToUnderstand
from devices.drivers.model import Block, Measured, Model, Modules
from devices.drivers.plan import Layout, Located

MAGIC = [0x5375, 0x6E53]  # "SunS"
_END = 0xFFFF
_MOST_MODELS = 64
_MOST_MODULES = 32


async def layout_walk(*, connection: Connection, model: Model, unit_id: int, timeout_s: float) -> Layout:
    """Walk the map from its mark to its end."""
    read = _Reader(connection, unit_id, timeout_s)
    address = await _base_find(read, model) + 2
    found: list[tuple[int, int, int]] = []
    while len(found) < _MOST_MODELS:
        model_id, length = await read.registers(address, 2)
        if model_id == _END:
            break
        found.append((model_id, address, length))
        address += 2 + length
    if not found or found[0][0] != 1 or found[0][2] < 64:
        msg = f"{connection} unit {unit_id} has no SunSpec “common” block at the start of its map."
        raise UnableToUnderstand(msg)
    common = await read.registers(found[0][1] + 2, 64)
    located = await _located(read, model, found)
    if not located:
        msg = (
            f"{connection} unit {unit_id} has SunSpec models {[one[0] for one in found]}, none of which is known here."
        )
        raise UnableToUnderstand(msg)
    return Layout(
        manufacturer=decode_text(common[0:16]),
        device=decode_text(common[16:32]),
        serial=decode_text(common[48:64]),
        models=tuple(found),
        located=tuple(located),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    connection: Connection
    unit_id: int
    timeout_s: float

    async def registers(self, address: int, count: int) -> list[int]:
        return await self.connection.registers_read(
            function="holding", address=address, count=count, unit_id=self.unit_id, timeout_s=self.timeout_s
        )


async def _base_find(read: _Reader, model: Model) -> int:
    for base in model.bases:
        try:
            if await read.registers(base, 2) == MAGIC:
                return base
        except UnableToUnderstand:
            continue
    msg = f"{read.connection} unit {read.unit_id} has no SunSpec mark at {', '.join(map(str, model.bases))}."
    raise UnableToUnderstand(msg)


async def _located(read: _Reader, model: Model, found: list[tuple[int, int, int]]) -> list[Located]:
    """Where each known value stands; a quantity comes from the first block that has it."""
    present = {model_id for model_id, _address, _length in found}
    taken: set[tuple[str, str]] = set()
    located: list[Located] = []
    for block in model.blocks:
        if present & set(block.unless):
            continue
        for model_id, address, length in found:
            if model_id in block.ids:
                new = [_at(point, address, address) for point in block.points if point.end - 2 <= length]
                new += await _modules_located(read, block, address, length)
                new = [one for one in new if (one.point.role, one.point.quantity) not in taken]
                taken |= {(one.point.role, one.point.quantity) for one in new}
                located += new
                break
    return located


async def _modules_located(read: _Reader, block: Block, address: int, length: int) -> list[Located]:
    modules: Modules | None = block.modules
    if modules is None:
        return []
    count = (await read.registers(address + modules.count_at, 1))[0]
    count = min(count, (length + 2 - modules.first) // modules.size, _MOST_MODULES)
    located: list[Located] = []
    for number in range(count):
        start = address + modules.first + number * modules.size
        label = decode_text(await read.registers(start + modules.label_at, modules.label_length))
        for kind in modules.kinds:
            if label.lower().startswith(kind.label.lower()):
                located += [_at(point, start, address) for point in kind.points]
                break
    return located


def _at(point: Measured, start: int, block_start: int) -> Located:
    scale_at = None if point.scale_at is None else block_start + point.scale_at
    return Located(point=point, address=start + point.address, scale_at=scale_at)
