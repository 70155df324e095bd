"""What a home is made of, as the community's plan decides it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from devices.simulator.battery import Pack
from devices.simulator.solar import Roof
from devices.simulator.wind import Mill


class Habit(StrEnum):
    """How the people of a home spend their days."""

    COMMUTERS = "commuters"
    FAMILY = "family"
    RETIRED = "retired"
    HOME_OFFICE = "home office"
    SHIFTS = "shifts"
    SINGLE = "single"


@dataclass(frozen=True, slots=True)
class HeatPump:
    """A modulating heat pump: rated electric power, and what the house loses per kelvin (W/K)."""

    rated_w: int
    loss_w_per_k: int


@dataclass(frozen=True, slots=True)
class Car:
    """An electric car: charging power and what a usual day needs."""

    charge_w: int
    daily_wh: int
    three_phase: bool


@dataclass(frozen=True, slots=True)
class Home:
    """A home of the community."""

    index: int
    name: str
    habit: Habit
    persons: int
    base_w: int
    fridge_w: int
    fridge_period: int
    stoves: int
    lights: int
    household_appliances: int
    entertainment: int
    roof: Roof | None = None
    pack: Pack | None = None
    mill: Mill | None = None
    heat_pump: HeatPump | None = None
    car: Car | None = None
    laundry_metered: bool = False

    @property
    def produces(self) -> bool:
        """Whether it has a roof or a windmill."""
        return self.roof is not None or self.mill is not None
