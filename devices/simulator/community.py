"""The plan of the community: which homes there are and what they have. Decided by the seed alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from devices.simulator.battery import Pack
from devices.simulator.home import Car, Habit, HeatPump, Home
from devices.simulator.noise import key_of
from devices.simulator.solar import Roof
from devices.simulator.wind import Mill

MOST_HOMES = 20
_PLAN = 11

# Habit and belongings of the homes: S roof, B battery, W windmill, H heat pump, C car, L metered laundry.
_HOMES: tuple[tuple[Habit, str], ...] = (
    (Habit.FAMILY, "SBHC"),
    (Habit.RETIRED, "S"),
    (Habit.COMMUTERS, "L"),
    (Habit.HOME_OFFICE, "SB"),
    (Habit.FAMILY, "SC"),
    (Habit.SHIFTS, ""),
    (Habit.FAMILY, "SBW"),
    (Habit.RETIRED, "H"),
    (Habit.COMMUTERS, "SBC"),
    (Habit.SINGLE, "L"),
    (Habit.FAMILY, "SH"),
    (Habit.HOME_OFFICE, "SBH"),
    (Habit.COMMUTERS, "C"),
    (Habit.RETIRED, "S"),
    (Habit.FAMILY, "L"),
    (Habit.FAMILY, "SB"),
    (Habit.SHIFTS, "W"),
    (Habit.SINGLE, ""),
    (Habit.HOME_OFFICE, "S"),
    (Habit.FAMILY, "SBHC"),
)
_PERSONS = {
    Habit.COMMUTERS: (2, 2),
    Habit.FAMILY: (3, 5),
    Habit.RETIRED: (1, 2),
    Habit.HOME_OFFICE: (1, 3),
    Habit.SHIFTS: (1, 2),
    Habit.SINGLE: (1, 1),
}


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything the simulation depends on. Registers count from `origin` (a UTC day)."""

    origin: date
    seed: int = 1
    homes: int = MOST_HOMES
    zone: str = "Europe/Berlin"
    latitude: float = 48.8
    longitude: float = 9.2


@lru_cache(maxsize=8)
def homes_plan(*, seed: int, homes: int) -> tuple[Home, ...]:
    """The first `homes` homes of the community of this seed."""
    if not 1 <= homes <= MOST_HOMES:
        msg = f"The simulated community has 1 to {MOST_HOMES} homes, not {homes}."
        raise ValueError(msg)
    return tuple(_home(seed, index) for index in range(homes))


def _home(seed: int, index: int) -> Home:
    habit, belongings = _HOMES[index]
    rng = random.Random(key_of(seed, _PLAN, index))  # noqa: S311 - a plan, not a secret
    persons = rng.randint(*_PERSONS[habit])
    roof = _roof(rng, persons) if "S" in belongings else None
    return Home(
        index=index,
        name=f"Sonnenhof {index + 1}",
        habit=habit,
        persons=persons,
        base_w=rng.randint(55, 110) + 22 * persons,
        fridge_w=rng.randint(70, 120),
        fridge_period=rng.randint(38, 70),
        stoves=2 if persons >= 5 else 1,
        lights=rng.randint(6, 9) + 3 * persons,
        household_appliances=rng.randint(2, 3) + persons,
        entertainment=1 + persons // 2 + rng.randint(0, 1),
        roof=roof,
        pack=_pack(rng, roof) if "B" in belongings else None,
        mill=Mill(rated_w=rng.choice((1500, 2500, 4000))) if "W" in belongings else None,
        heat_pump=HeatPump(rated_w=rng.randint(22, 34) * 100, loss_w_per_k=rng.randint(95, 165))
        if "H" in belongings
        else None,
        car=_car(rng) if "C" in belongings else None,
        laundry_metered="L" in belongings,
    )


def _roof(rng: random.Random, persons: int) -> Roof:
    panels = rng.randint(10, 16) + persons
    peak_w = panels * 410
    azimuth = rng.choice((180.0, 165.0, 200.0, 225.0, 135.0, 110.0, 180.0))
    inverter_w = next(size for size in (5000, 6000, 8000, 10_000, 15_000) if size >= peak_w * 0.85)
    return Roof(peak_w=peak_w, panels=panels, tilt=float(rng.randint(22, 42)), azimuth=azimuth, inverter_w=inverter_w)


def _pack(rng: random.Random, roof: Roof | None) -> Pack:
    wanted = (roof.peak_w if roof else 5000) * rng.uniform(0.8, 1.25)
    capacity = min((5100, 7700, 10_200, 12_800), key=lambda size: abs(size - wanted))
    power = min(capacity // 2 // 100 * 100 + 500, 5000)
    return Pack(capacity_wh=capacity, charge_w=power, discharge_w=power)


def _car(rng: random.Random) -> Car:
    three_phase = rng.random() < 0.6
    return Car(charge_w=11_000 if three_phase else 3680, daily_wh=rng.randint(60, 110) * 100, three_phase=three_phase)
