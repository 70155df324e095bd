"""What a device's readings mean at the place where it is installed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from devices.drivers.modbus import Reading

# A plain meter counts import and export; what these are depends on what it is wired to.
_ENERGY_AT: dict[str, dict[str, str | None]] = {
    "grid": {"import_energy": "import_energy", "export_energy": "export_energy"},
    "production": {"import_energy": None, "export_energy": "production_energy"},
    "battery": {"import_energy": "charge_energy", "export_energy": "discharge_energy"},
    "consumer": {"import_energy": "consumption_energy", "export_energy": None},
}


def readings_at(readings: Iterable[Reading], role: str) -> list[Reading]:
    """The readings of a device installed at a point of this role, in the product's words and signs.

    A meter's own power is positive when energy flows from the grid side to what it feeds. At the grid connection
    and at a sub-meter that is the wanted sign; at a production or battery meter power into the home is positive,
    so it is turned round. Readings that name their own role (a hybrid inverter) keep it.
    """
    wanted: list[Reading] = []
    for reading in readings:
        if reading.role:
            wanted.append(reading)
            continue
        quantity = _ENERGY_AT[role].get(reading.quantity, reading.quantity)
        if quantity is None:
            continue
        turned = role in {"production", "battery"} and reading.quantity.startswith("power")
        value = -reading.value if turned else reading.value
        wanted.append(replace(reading, quantity=quantity, value=value, role=role))
    return wanted
