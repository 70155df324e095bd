"""The registers of the simulated devices: exactly the maps that the drivers read from the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from devices.drivers.decoding import encode_number, encode_text
from devices.drivers.model import Measured, model_load
from devices.simulator.home import Home
from devices.simulator.installation import ENERGY_POWER, Placed
from devices.simulator.live import Moment
from devices.simulator.shown import energy_number

SUNSPEC_BASE = 40_000
_END_OF_METER = 0x0180  # meters answer up to here; what they do not measure reads 0


class RegisterMap(Protocol):
    """The registers of one device: from `start`, refreshed for a moment."""

    start: int
    size: int

    def write(self, moment: Moment, registers: list[int]) -> None:
        """Bring `registers` (index 0 = `start`) up to the moment."""


def register_map(placed: Placed, home: Home) -> RegisterMap:
    """The map of a device."""
    if placed.model == "sunspec-inverter":
        return SunSpecMap(placed, home)
    return MeterMap(placed, home)


class MeterMap:
    """A plain meter: the points of its model at their addresses."""

    def __init__(self, placed: Placed, home: Home) -> None:
        self.start = 0
        self.size = _END_OF_METER
        model = model_load(placed.model)
        self._word_order = model.word_order
        self._flows = dict(placed.flows)
        self._writes = [(point, self._source(placed, home, point)) for point in model.points]
        self._constants = {0x000B: 1650} if placed.model == "carlo-gavazzi-em24" else {}

    def write(self, moment: Moment, registers: list[int]) -> None:
        """Bring the registers up to the moment."""
        for point, source in self._writes:
            words = encode_number(source(moment), point.type, self._word_order)
            registers[point.address : point.address + len(words)] = words
        for address, value in self._constants.items():
            registers[address] = value

    def _source(self, placed: Placed, home: Home, point: Measured) -> Callable[[Moment], float]:
        """The number to show in this register at a moment."""
        quantity = point.quantity
        if quantity.endswith("_energy"):
            flow = self._flows.get(quantity)
            if flow is None:
                return lambda _moment: 0.0
            return lambda moment: energy_number(moment.registers[flow], point, 0)
        phase = int(quantity[-1]) - 1 if quantity[-3:-1] == "_l" else None
        if quantity == "frequency":
            return lambda moment: moment.frequency / point.scale
        if quantity.startswith("voltage"):
            return lambda moment: moment.voltages[phase or 0] / point.scale
        share = 1.0 if phase is None else _phase_share(placed, home, phase)
        if quantity.startswith("current"):
            return lambda moment: abs(_power(placed, moment)) * share / moment.voltages[phase or 0] / point.scale
        return lambda moment: _power(placed, moment) * share / point.scale


class SunSpecMap:
    """A SunSpec inverter: common block, inverter (103), with a battery also storage (124), and its inputs (160)."""

    def __init__(self, placed: Placed, home: Home) -> None:
        self.start = SUNSPEC_BASE
        self._pack = home.pack
        labels = ["MPPT 1", "MPPT 2", *(["StCha 3", "StDisCha 4"] if placed.has_battery else [])]
        self._fixed = [0x5375, 0x6E53, *_common(placed)]
        self._inverter = len(self._fixed)
        self._fixed += [103, 50, *[0] * 50]
        self._storage = len(self._fixed)
        if placed.has_battery:
            self._fixed += [124, 24, *[0] * 24]
        self._inputs = len(self._fixed)
        self._fixed += [160, 8 + 20 * len(labels), *[0] * (8 + 20 * len(labels))]
        self._fixed += [0xFFFF, 0]
        self._fill_fixed(labels)
        self.size = len(self._fixed)

    def write(self, moment: Moment, registers: list[int]) -> None:
        """Bring the registers up to the moment."""
        if registers[0] != self._fixed[0]:  # newly plugged in: everything is empty
            registers[: self.size] = self._fixed
        solar, battery = moment.powers["solar"], moment.powers["battery"]
        self._write_inverter(registers, moment, solar + battery)
        self._write_inputs(registers, moment)
        if moment.content_percent is not None:
            registers[self._storage + 8] = round(moment.content_percent * 100)
            registers[self._storage + 11] = 4 if battery < -5 else 3 if battery > 5 else 6

    def _write_inverter(self, registers: list[int], moment: Moment, power: float) -> None:
        at = self._inverter
        current = abs(power) / 3.0 / moment.voltages[0]
        registers[at + 2 : at + 6] = [round(current * 300), *[round(current * 100)] * 3]
        registers[at + 10 : at + 13] = [round(volt * 10) for volt in moment.voltages]
        registers[at + 14] = round(power) & 0xFFFF
        registers[at + 16] = round(moment.frequency * 100)
        flows = moment.registers
        produced = max(flows["solar"] + flows["discharge"] - flows["charge"], 0)
        registers[at + 24 : at + 26] = encode_number(produced // 100_000, "uint32", "big")
        registers[at + 38] = 4 if moment.powers["solar"] > 1.0 else 2  # MPPT, sleeping

    def _write_inputs(self, registers: list[int], moment: Moment) -> None:
        """Two strings share the roof; the odd tenth of a Wh stays with the first."""
        tenths = moment.registers["solar"] // 100_000
        watt = round(moment.powers["solar"] * 10)
        self._write_input(registers, 0, watt - watt // 2, tenths - tenths // 2)
        self._write_input(registers, 1, watt // 2, tenths // 2)
        if self._pack is not None:
            for number, flow in ((2, "charge"), (3, "discharge")):
                watt = round(moment.powers[flow] * 10)
                self._write_input(registers, number, watt, moment.registers[flow] // 100_000)

    def _write_input(self, registers: list[int], number: int, tenth_watt: int, tenth_wh: int) -> None:
        at = self._inputs + 10 + 20 * number
        registers[at + 11] = min(tenth_watt, 0xFFFE)
        registers[at + 12 : at + 14] = encode_number(tenth_wh, "uint32", "big")

    def _fill_fixed(self, labels: list[str]) -> None:
        """Scale factors, labels, and the marks of what is not measured."""
        fixed = self._fixed
        at = self._inverter
        for offset in (7, 8, 9, 18, 20, 22, 27, 29, 31, 34, 35, 36):
            fixed[at + offset] = 0x8000 if offset in {18, 20, 22, 31, 34, 35, 36} else 0xFFFF
        fixed[at + 33] = 35
        for offset, power in ((6, -2), (13, -1), (15, 0), (17, -2), (26, ENERGY_POWER), (37, 0)):
            fixed[at + offset] = power & 0xFFFF
        at = self._inputs
        fixed[at + 4], fixed[at + 5], fixed[at + 8] = -1 & 0xFFFF, ENERGY_POWER & 0xFFFF, len(labels)
        for number, label in enumerate(labels):
            start = at + 10 + 20 * number
            fixed[start] = number + 1
            fixed[start + 1 : start + 9] = encode_text(label, 8)
            fixed[start + 9], fixed[start + 10], fixed[start + 16] = 0xFFFF, 0xFFFF, 0x8000
        if self._pack is not None:
            at = self._storage
            fixed[at + 2] = self._pack.charge_w
            fixed[at + 7], fixed[at + 9], fixed[at + 10] = self._pack.reserve_percent, 0xFFFF, 0xFFFF
            fixed[at + 22] = -2 & 0xFFFF


def _common(placed: Placed) -> list[int]:
    words = encode_text("myhouse simulator", 16)
    words += encode_text("Hybrid inverter" if placed.has_battery else "Solar inverter", 16)
    words += [*encode_text("", 8), *encode_text("1", 8), *encode_text(placed.serial, 16)]
    return [1, 66, *words, placed.unit_id, 0x8000]


def _power(placed: Placed, moment: Moment) -> float:
    """The power a meter shows: positive towards what it feeds, so a windmill's is negative."""
    if placed.role == "grid":
        return moment.powers["grid"]
    power = moment.powers[placed.flows[0][1]]
    return -power if placed.role == "production" else power


def _phase_share(placed: Placed, home: Home, phase: int) -> float:
    """How a three-phase meter's power spreads over the phases."""
    if placed.role != "grid":
        return 1.0 / 3.0
    shares = ((0.45, 0.30, 0.25), (0.25, 0.45, 0.30), (0.30, 0.25, 0.45))
    return shares[home.index % 3][phase]
