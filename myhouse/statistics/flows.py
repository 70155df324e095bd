"""Energy flows of a home per quarter-hour, exact in µWh, from what each of its meters measured; numpy only."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from myhouse.models.metering import PointRole, Quantity
from telemetry.model import ESTIMATED, PARTIAL, PRESENT, QUARTER_MS

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Meter:
    """What one series measured at a point, and from when until when it counts."""

    point_id: uuid.UUID
    role: str
    quantity: str
    starts_ms: int
    ends_ms: int
    energy: Ints  # µWh per quarter; of a signed power into the home positive
    flags: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Flows:
    """Per quarter-hour in µWh; consumption = import + production + discharge − export − charge, always."""

    starts: Ints
    imported: Ints
    exported: Ints
    production: Ints
    charge: Ints
    discharge: Ints
    covered: Flags  # every meter that should have measured did
    estimated: Flags
    expected: Flags  # something was being measured at that time
    grid_derived: Flags  # no meter at the grid connection

    @property
    def consumption(self) -> Ints:
        """What the home used."""
        return self.imported + self.production + self.discharge - self.exported - self.charge

    @property
    def own_use(self) -> Ints:
        """What the home used and did not import."""
        return self.production + self.discharge - self.exported - self.charge

    @property
    def battery_use(self) -> Ints:
        """The part of own use that came out of the battery."""
        return np.maximum(np.minimum(self.discharge, self.own_use), 0)

    def part(self, first: int, end: int) -> Flows:
        """Return the quarters [first, end)."""
        return Flows(**{f.name: getattr(self, f.name)[first:end] for f in fields(self)})


@dataclass(eq=False)
class _Sum:
    """A quantity added up over meters: energy, whether any should have measured, whether one is missing."""

    energy: Ints
    active: Flags
    missing: Flags
    estimated: Flags

    @classmethod
    def zeros(cls, count: int) -> _Sum:
        """Return nothing measured."""
        return cls(np.zeros(count, np.int64), *(np.zeros(count, np.bool_) for _flag in range(3)))


def flows_of(starts: Ints, meters: Sequence[Meter]) -> Flows:
    """Combine the meters of a home; sub-meters only count where there is no meter at the grid connection."""
    count = len(starts)
    parts = {quantity: _Sum.zeros(count) for quantity in _MAIN}
    for point in dict.fromkeys(meter.point_id for meter in meters):
        for quantity, found in _of_point(starts, [m for m in meters if m.point_id == point]).items():
            _add(parts[quantity], found)
    grid_in, grid_out = parts[Quantity.IMPORT], parts[Quantity.EXPORT]
    production, used = parts[Quantity.PRODUCTION], parts[Quantity.CONSUMPTION]
    charge, discharge = parts[Quantity.CHARGE], parts[Quantity.DISCHARGE]
    has_grid = grid_in.active | grid_out.active
    derived = ~has_grid & (used.active | production.active | charge.active | discharge.active)
    net = used.energy + charge.energy - production.energy - discharge.energy
    imported = np.where(derived, np.maximum(net, 0), grid_in.energy)
    exported = np.where(derived, np.maximum(-net, 0), grid_out.energy)
    # Nobody measures the roof, but energy leaves the house: at least that much was produced.
    unmetered = has_grid & ~production.active & (exported > 0)
    made = np.where(unmetered, np.maximum(exported + charge.energy - discharge.energy, 0), production.energy)
    counted = [grid_in, grid_out, production, charge, discharge]
    missing = np.logical_or.reduce([part.missing for part in counted]) | (derived & used.missing)
    expected = has_grid | derived
    estimated = np.logical_or.reduce([part.estimated for part in counted]) | (derived & used.estimated) | unmetered
    return Flows(
        starts=starts,
        imported=imported,
        exported=exported,
        production=made,
        charge=charge.energy,
        discharge=discharge.energy,
        covered=expected & ~missing,
        estimated=expected & ~missing & estimated,
        expected=expected,
        grid_derived=derived,
    )


def sub_meter_energy(starts: Ints, meters: Sequence[Meter]) -> Ints:
    """Return what a sub-meter's device drew per quarter-hour in µWh."""
    energy = _Sum.zeros(len(starts))
    found = _of_point(starts, list(meters))
    if Quantity.CONSUMPTION in found:
        _add(energy, found[Quantity.CONSUMPTION])
    return energy.energy


_MAIN = (
    Quantity.IMPORT,
    Quantity.EXPORT,
    Quantity.PRODUCTION,
    Quantity.CHARGE,
    Quantity.DISCHARGE,
    Quantity.CONSUMPTION,
)
# What the signed power of a point says when no register does: (when positive, when negative).
_OF_POWER: dict[str, tuple[Quantity, Quantity | None]] = {
    PointRole.GRID: (Quantity.IMPORT, Quantity.EXPORT),
    PointRole.PRODUCTION: (Quantity.PRODUCTION, None),
    PointRole.BATTERY: (Quantity.DISCHARGE, Quantity.CHARGE),
    PointRole.CONSUMER: (Quantity.CONSUMPTION, None),
}


def _of_point(starts: Ints, meters: list[Meter]) -> dict[Quantity, _Sum]:
    """Add up a point's meters one after the other; a power only counts where no register measures the same."""
    result: dict[Quantity, _Sum] = {}
    for quantity in _MAIN:
        own = [m for m in meters if m.quantity == quantity]
        if own:
            result[quantity] = _of_registers(starts, own)
    powers = [m for m in meters if m.quantity == Quantity.POWER]
    if powers:
        _fill_from_power(starts, powers, result)
    return result


def _of_registers(starts: Ints, meters: list[Meter]) -> _Sum:
    """Add up one quantity over meters that follow each other; in the quarter of a swap both have a part."""
    total = _Sum.zeros(len(starts))
    whole = np.zeros(len(starts), np.bool_)
    seen = np.zeros(len(starts), np.int64)
    for meter in meters:
        active = _active(starts, meter)
        present = active & ((meter.flags & PRESENT) != 0)
        total.energy += np.where(present, meter.energy, 0)
        total.active |= active
        total.estimated |= present & ((meter.flags & ESTIMATED) != 0)
        whole |= present & ((meter.flags & PARTIAL) == 0)
        seen += present
    total.missing = total.active & ~whole & (seen < 2)
    return total


def _fill_from_power(starts: Ints, meters: list[Meter], result: dict[Quantity, _Sum]) -> None:
    into, out = _OF_POWER[meters[0].role]
    power = _of_registers(starts, meters)
    measured = np.zeros(len(starts), np.bool_)
    for quantity in (into, out):
        if quantity in result:
            measured |= result[quantity].active
    use = power.active & ~measured
    if not use.any():
        return
    # In and out within one quarter-hour cancel in its mean: good for a roof, an estimate where energy goes both ways.
    rough = use if out is not None else np.zeros(len(starts), np.bool_)
    for quantity, energy in ((into, np.maximum(power.energy, 0)), (out, np.maximum(-power.energy, 0))):
        if quantity is None:
            continue
        part = _Sum(np.where(use, energy, 0), use, use & power.missing, use & (power.estimated | rough))
        if quantity in result:
            _add(result[quantity], part)
        else:
            result[quantity] = part


def _active(starts: Ints, meter: Meter) -> Flags:
    """Tell which quarters overlap the time in which the meter counts."""
    return (starts + QUARTER_MS > meter.starts_ms) & (starts < meter.ends_ms)


def _add(total: _Sum, part: _Sum) -> None:
    total.energy = total.energy + part.energy
    total.active = total.active | part.active
    total.missing = total.missing | part.missing
    total.estimated = total.estimated | part.estimated
