"""Which devices stand in the homes, and where on the network: gateways with several meters, inverters of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from devices.drivers.model import Measured, Role, model_load
from devices.simulator.community import Spec, homes_plan
from devices.simulator.home import Home

PORTS_PER_HOME = 2  # a gateway with the meters behind it, and the inverter's own network port
ENERGY_POWER = -1  # the simulated inverters count in tenths of a Wh


@dataclass(frozen=True, slots=True)
class Placed:
    """A device of a home: its model, its place in the home and on the network, and the flows it measures."""

    key: str
    home: int
    name: str
    model: str
    role: Role
    port_offset: int
    unit_id: int
    flows: tuple[tuple[str, str], ...]  # (energy quantity in the model, flow)

    @property
    def has_battery(self) -> bool:
        """Whether it is a hybrid inverter."""
        return any(quantity == "charge_energy" for quantity, _flow in self.flows)

    @property
    def serial(self) -> str:
        """Its serial number; starts with SIM so that nobody takes it for a real device."""
        return f"SIM{self.home + 1:02d}{self.port_offset % PORTS_PER_HOME}{self.unit_id:02d}"


@dataclass(frozen=True, slots=True)
class _Meter:
    """A kind of meter behind the gateway of a home."""

    what: str
    name: str
    model: str
    role: Role
    unit_id: int
    flows: tuple[tuple[str, str], ...]


_GRID = _Meter(
    "grid", "Grid meter", "eastron-sdm630", "grid", 1, (("import_energy", "import"), ("export_energy", "export"))
)
_MILL = _Meter("windmill", "Windmill", "eastron-sdm230", "production", 2, (("export_energy", "windmill"),))
_HEAT = _Meter("heat-pump", "Heat pump", "eastron-sdm230", "consumer", 3, (("import_energy", "heat_pump"),))
_CAR_1 = _Meter("car", "Charging point", "eastron-sdm120", "consumer", 4, (("import_energy", "car"),))
_CAR_3 = _Meter("car", "Charging point", "carlo-gavazzi-em24", "consumer", 4, (("import_energy", "car"),))
_LAUNDRY = _Meter("laundry", "Washing machine", "eastron-sdm120", "consumer", 5, (("import_energy", "laundry"),))


@lru_cache(maxsize=8)
def devices_plan(spec: Spec) -> tuple[Placed, ...]:
    """All devices of the community, home by home, the grid meter first."""
    placed: list[Placed] = []
    for home in homes_plan(seed=spec.seed, homes=spec.homes):
        placed.append(_behind_gateway(home, _GRID))
        if home.roof is not None:
            placed.append(_inverter(home))
        placed += [_behind_gateway(home, meter) for meter in _meters_of(home)]
    return tuple(placed)


def energy_point(placed: Placed, quantity: str) -> tuple[Measured, int]:
    """The register behind an energy of this device, and its power of ten (SunSpec scale factor)."""
    model = model_load(placed.model)
    point = next(point for point in model.measured if point.quantity == quantity)
    return point, ENERGY_POWER if model.protocol == "sunspec" else 0


def _meters_of(home: Home) -> list[_Meter]:
    meters = []
    if home.mill is not None:
        meters.append(_MILL)
    if home.heat_pump is not None:
        meters.append(_HEAT)
    if home.car is not None:
        meters.append(_CAR_3 if home.car.three_phase else _CAR_1)
    if home.laundry_metered:
        meters.append(_LAUNDRY)
    return meters


def _behind_gateway(home: Home, meter: _Meter) -> Placed:
    return Placed(
        key=f"home-{home.index + 1}-{meter.what}",
        home=home.index,
        name=meter.name,
        model=meter.model,
        role=meter.role,
        port_offset=home.index * PORTS_PER_HOME,
        unit_id=meter.unit_id,
        flows=meter.flows,
    )


def _inverter(home: Home) -> Placed:
    flows: tuple[tuple[str, str], ...] = (("production_energy", "solar"),)
    if home.pack is not None:
        flows += (("charge_energy", "charge"), ("discharge_energy", "discharge"))
    return Placed(
        key=f"home-{home.index + 1}-inverter",
        home=home.index,
        name="Hybrid inverter" if home.pack else "Solar inverter",
        model="sunspec-inverter",
        role="production",
        port_offset=home.index * PORTS_PER_HOME + 1,
        unit_id=1,
        flows=flows,
    )
