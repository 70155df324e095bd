"""Reading a device: its registers, merged into few requests, as quantities in canonical units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devices.drivers.connection import Connection
from devices.drivers.decoding import decode_number, is_absent, is_plausible
from devices.drivers.errors import UnableToUnderstand
from devices.drivers.model import WIDTH, Model
from devices.drivers.plan import Layout, Located, Plan
from devices.drivers.spans import spans_merge
from devices.drivers.sunspec import layout_walk

DEFAULT_TIMEOUT_S = 3.0
_SUM_DIGITS = 6  # adding up the inputs of an inverter must not leave 0.3 as 0.30000000000000004
_SCALE_LIMIT = 10  # SunSpec scale factors lie in -10 … 10


@dataclass(frozen=True, slots=True)
class Reading:
    """A value just read; `role` tells the parts of a hybrid device apart, "" is the device as such."""

    quantity: str
    value: float
    unit: str
    kind: str
    role: str = ""

    @property
    def channel(self) -> str:
        """The device's own name for this value: the quantity, with the part of a hybrid device before it."""
        return f"{self.role}.{self.quantity}" if self.role else self.quantity


@dataclass(frozen=True, slots=True)
class ModbusDevice:
    """A device of a known model at a unit id."""

    model: Model
    unit_id: int = 1
    timeout_s: float = DEFAULT_TIMEOUT_S

    async def read(self, connection: Connection) -> list[Reading]:
        """Read all values once; UnableToReach = try again, UnableToUnderstand = stop."""
        try:
            return await self._read(connection)
        except UnableToUnderstand:
            connection.plans.pop((self.model.name, self.unit_id), None)  # perhaps another device stands there now
            raise

    async def layout(self, connection: Connection) -> Layout | None:
        """The SunSpec map of the device, walked once per connection; None for fixed registers."""
        return (await self._plan(connection)).layout

    async def _read(self, connection: Connection) -> list[Reading]:
        plan = await self._plan(connection)
        function = "holding" if self.model.protocol == "sunspec" else self.model.function
        memory: dict[int, int] = {}
        for span in plan.spans:
            registers = await connection.registers_read(
                function=function,
                address=span.start,
                count=span.count,
                unit_id=self.unit_id,
                timeout_s=self.timeout_s,
            )
            memory.update(zip(range(span.start, span.end), registers, strict=True))
        where = f"{connection} unit {self.unit_id}"
        return readings_decode(model=self.model, located=plan.located, memory=memory, where=where)

    async def _plan(self, connection: Connection) -> Plan:
        key = (self.model.name, self.unit_id)
        if key not in connection.plans:
            if self.model.protocol == "sunspec":
                layout = await layout_walk(
                    connection=connection, model=self.model, unit_id=self.unit_id, timeout_s=self.timeout_s
                )
                connection.plans[key] = plan_make(model=self.model, located=layout.located, layout=layout)
            else:
                located = tuple(Located(point, point.address, point.scale_at) for point in self.model.points)
                connection.plans[key] = plan_make(model=self.model, located=located)
        return connection.plans[key]


async def device_read(
    *, connection: Connection, model: Model, unit_id: int = 1, timeout_s: float = DEFAULT_TIMEOUT_S
) -> list[Reading]:
    """Read a device once; UnableToReach = try again, UnableToUnderstand = stop."""
    return await ModbusDevice(model=model, unit_id=unit_id, timeout_s=timeout_s).read(connection)


def plan_make(*, model: Model, located: tuple[Located, ...], layout: Layout | None = None) -> Plan:
    """The requests that fetch these values."""
    ranges = [(one.address, one.address + WIDTH[one.point.type]) for one in located]
    ranges += [(one.scale_at, one.scale_at + 1) for one in located if one.scale_at is not None]
    spans = spans_merge(ranges, max_registers=model.max_registers, max_gap=model.max_gap)
    return Plan(located=located, spans=spans, layout=layout)


def readings_decode(
    *, model: Model, located: Iterable[Located], memory: Mapping[int, int], where: str
) -> list[Reading]:
    """The readings in these registers: absent values left out, the same quantity of several modules added up."""
    sums: dict[tuple[str, str], Reading] = {}
    for one in located:
        value = _value(model, one, memory)
        if value is None:
            continue
        point = one.point
        if not is_plausible(value, point):
            msg = (
                f"{where}: register {one.address} (0x{one.address:04X}) gives {value:g} {point.unit} as "
                f"{point.quantity}, which cannot be. Is “{model.title}” the right device model?"
            )
            raise UnableToUnderstand(msg)
        key = (point.role, point.quantity)
        if key in sums:
            value = round(sums[key].value + value, _SUM_DIGITS)
        sums[key] = Reading(point.quantity, value, point.unit, point.kind, point.role)
    return list(sums.values())


def _value(model: Model, one: Located, memory: Mapping[int, int]) -> float | None:
    point = one.point
    registers = [memory[one.address + step] for step in range(WIDTH[point.type])]
    number = decode_number(registers, point.type, model.word_order)
    if is_absent(number, point, sunspec=model.protocol == "sunspec"):
        return None
    if one.scale_at is None:
        return number * point.scale
    power = int(decode_number([memory[one.scale_at]], "int16", "big"))
    if abs(power) > _SCALE_LIMIT:
        return None  # the scale factor itself is “not implemented”
    # dividing keeps 5005 / 100 at 50.05, which multiplying by 0.01 would not
    scaled = number * float(10**power) if power >= 0 else number / float(10**-power)
    return scaled * point.scale
