"""The community through time: UTC days of minutes in whole µWh, with registers that count from the origin.

Days are always computed whole and for all homes, and everything that is carried from day to day is a whole number:
so history written at once and the same days lived through give the same registers, digit for digit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from devices.simulator.battery import Whole, battery_run, content_at_first
from devices.simulator.calendar import day_number, day_of_number
from devices.simulator.community import Spec, homes_plan
from devices.simulator.habits import diary_of
from devices.simulator.home import HeatPump, Home
from devices.simulator.noise import Floats, key_of, uniform, waves
from devices.simulator.solar import solar_power
from devices.simulator.weather import MINUTES, Weather, minutes_of, weather_of
from devices.simulator.wind import wind_power

_MICRO_PER_WATT_MINUTE = 1_000_000 / 60.0
_BLOCK_DAYS = 16
_BASE, _REGISTER = 31, 32
# consumption is everything the home uses; car, heat_pump and laundry are parts of it.
FLOWS = (
    "consumption",
    "solar",
    "windmill",
    "charge",
    "discharge",
    "import",
    "export",
    "car",
    "heat_pump",
    "laundry",
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that is carried into a day: registers and battery contents, in µWh."""

    number: int
    registers: dict[str, list[int]]
    content: list[int]


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC day: µWh per minute [home, minute] by flow, registers at its start, battery contents after each minute."""

    number: int
    flows: dict[str, Whole]
    registers: dict[str, Whole]
    content: Whole
    content_before: Whole
    packs: dict[int, tuple[int, int]]  # by home: row of its battery in `content`, its capacity in µWh

    @property
    def start_minute(self) -> int:
        """Its first minute, in minutes since 1970 UTC."""
        return self.number * MINUTES

    def register(self, flow: str) -> Whole:
        """The register [home, minute 0 … 1440] at the edges of the minutes, in µWh."""
        edges = np.empty((len(self.registers[flow]), MINUTES + 1), dtype=np.int64)
        edges[:, 0] = self.registers[flow]
        np.cumsum(self.flows[flow], axis=1, out=edges[:, 1:])
        edges[:, 1:] += self.registers[flow][:, None]
        return edges

    def content_percent(self, home: int) -> Floats:
        """What a home's battery holds at the start of each minute, in percent."""
        row, capacity = self.packs[home]
        starts = np.concatenate([self.content_before[row : row + 1], self.content[row, :-1]])
        return np.asarray(starts / (capacity / 100.0))

    def checkpoint_before(self) -> Checkpoint:
        """What a Timeline needs to begin with this day."""
        registers = {flow: values.tolist() for flow, values in self.registers.items()}
        return Checkpoint(self.number, registers, self.content_before.tolist())


class Timeline:
    """The days of a community, one after the other from a checkpoint or the origin."""

    def __init__(self, spec: Spec, checkpoint: Checkpoint | None = None) -> None:
        self.spec = spec
        self.homes = homes_plan(seed=spec.seed, homes=spec.homes)
        self._packs = tuple(home.pack for home in self.homes if home.pack is not None)
        with_pack = [home for home in self.homes if home.pack is not None]
        self._pack_rows = {
            home.index: (row, home.pack.capacity_wh * 1_000_000) for row, home in enumerate(with_pack) if home.pack
        }
        self._with_pack = np.array([home.index for home in self.homes if home.pack is not None], dtype=np.intp)
        self.number = day_number(spec.origin)
        self._registers = {flow: self._first_registers(flow) for flow in FLOWS}
        self._content = content_at_first(self._packs)
        if checkpoint is not None:
            self.number = checkpoint.number
            self._registers = {flow: np.array(checkpoint.registers[flow], dtype=np.int64) for flow in FLOWS}
            self._content = np.array(checkpoint.content, dtype=np.int64)

    def checkpoint(self) -> Checkpoint:
        """What a later Timeline needs to go on from here."""
        registers = {flow: values.tolist() for flow, values in self._registers.items()}
        return Checkpoint(number=self.number, registers=registers, content=self._content.tolist())

    def days(self, *, until: int) -> Iterator[Day]:
        """The next days, up to before day `until` (days since 1970)."""
        while self.number < until:
            yield from self._block(min(_BLOCK_DAYS, until - self.number))

    def _block(self, count: int) -> list[Day]:
        parts = [self._demand(self.number + step) for step in range(count)]
        if self._packs:
            surplus = np.stack([part["solar"] + part["windmill"] - part["consumption"] for part in parts])
            run = battery_run(
                self._packs, np.ascontiguousarray(surplus[:, self._with_pack].transpose(0, 2, 1)), self._content
            )
        days = []
        for step, flows in enumerate(parts):
            charge, discharge = np.zeros_like(flows["solar"]), np.zeros_like(flows["solar"])
            content = np.zeros((0, MINUTES), dtype=np.int64)
            if self._packs:
                charge[self._with_pack] = run.charge[step].T
                discharge[self._with_pack] = run.discharge[step].T
                content = np.ascontiguousarray(run.content[step].T)
            days.append(self._close(flows, charge, discharge, content))
        return days

    def _close(self, flows: dict[str, Whole], charge: Whole, discharge: Whole, content: Whole) -> Day:
        """Settle the day at the grid connection and carry its registers on."""
        net = flows["consumption"] + charge - flows["solar"] - flows["windmill"] - discharge
        flows |= {
            "charge": charge,
            "discharge": discharge,
            "import": np.maximum(net, 0),
            "export": np.maximum(-net, 0),
        }
        before = self._registers
        self._registers = {flow: before[flow] + flows[flow].sum(axis=1) for flow in FLOWS}
        content_before = self._content
        if content.size:
            self._content = content[:, -1].copy()
        day = Day(self.number, flows, before, content, content_before, self._pack_rows)
        self.number += 1
        return day

    def _demand(self, number: int) -> dict[str, Whole]:
        """Everything that does not depend on the day before: what homes use, roofs and windmills give."""
        spec = self.spec
        weather = weather_of(number, seed=spec.seed, latitude=spec.latitude, longitude=spec.longitude)
        shape = (len(self.homes), MINUTES)
        watts = {name: np.zeros(shape) for name in ("main", "laundry", "car", "heat_pump", "solar", "windmill")}
        minute = minutes_of(number)
        for home in self.homes:
            row = home.index
            lit = self._switch_on(home, number, {name: grid[row] for name, grid in watts.items()})
            watts["main"][row] += _always_on(home, spec.seed, minute, weather)
            watts["main"][row] += lit * _lamps(home, weather)
            if home.heat_pump is not None:
                watts["heat_pump"][row] += _heating(home.heat_pump, home.index, number, weather)
            if home.roof is not None:
                watts["solar"][row] = solar_power(home.roof, weather)
            if home.mill is not None:
                watts["windmill"][row] = wind_power(home.mill, weather)
        energy = {name: np.rint(grid * _MICRO_PER_WATT_MINUTE).astype(np.int64) for name, grid in watts.items()}
        energy["consumption"] = energy.pop("main") + energy["laundry"] + energy["car"] + energy["heat_pump"]
        return energy

    def _switch_on(self, home: Home, number: int, watts: dict[str, Floats]) -> Floats:
        """Add what people use to the minutes of the day; return when somebody is up, as 0 or 1."""
        first = number * MINUTES
        lit = np.zeros(MINUTES)
        today = day_of_number(number)
        for local in (today - timedelta(days=1), today, today + timedelta(days=1)):
            diary = diary_of(home, local, seed=self.spec.seed, zone=self.spec.zone)
            for start, end in diary.present:
                if end > first and start < first + MINUTES:
                    lit[max(start - first, 0) : max(end - first, 0)] = 1.0
            for use in diary.uses:
                start, end = use.start - first, use.start + use.minutes - first
                if end > 0 and start < MINUTES:
                    watts[use.part][max(start, 0) : end] += use.watts
        return lit

    def _first_registers(self, flow: str) -> npt.NDArray[np.int64]:
        """Meters are not new when the simulation begins: some hundred kWh are on them."""
        key = key_of(self.spec.seed, _REGISTER, FLOWS.index(flow))
        first = [int(uniform(key, home.index) * 400_000) * 1_000_000 for home in self.homes]
        return np.array(first, dtype=np.int64)


def _always_on(home: Home, seed: int, minute: Floats, weather: Weather) -> Floats:
    """Standby and the fridge, which works more on warm days."""
    standby = home.base_w * (0.92 + 0.16 * waves(key_of(seed, _BASE, home.index), minute, 41.0))
    share = 0.33 + 0.008 * (weather.daily_temperature - 10.0)
    phase = (minute + 17.0 * home.index) % home.fridge_period
    fridge = np.where(phase < share * home.fridge_period, home.fridge_w, 0.0)
    result: Floats = standby + fridge
    return result


def _lamps(home: Home, weather: Weather) -> Floats:
    """A third of the lamps is on where people are up, as far as it is dark outside."""
    daylight = (weather.beam + weather.diffuse) / 90.0
    result: Floats = home.lights * 8.0 / 3.0 * np.clip(1.0 - daylight, 0.0, 1.0)
    return result


def _heating(pump: HeatPump, index: int, number: int, weather: Weather) -> Floats:
    """A modulating heat pump: follows the cold, cycles when little is needed, warms the water twice a day."""
    outside = weather.temperature * 0.4 + weather.daily_temperature * 0.6
    clock = (np.arange(MINUTES) + 60 * 1) % MINUTES  # the house's own clock, without summer time
    setback = np.where((clock < 300) | (clock >= 1320), 0.8, 1.0)
    heat = np.maximum(16.5 - outside, 0.0) * pump.loss_w_per_k * setback
    wanted = heat / np.clip(2.7 + 0.085 * outside, 1.8, 4.6)
    least = 0.35 * pump.rated_w
    on = ((np.arange(MINUTES) + number * MINUTES + 13 * index) % 42) < 42 * np.clip(wanted / least, 0.0, 1.0)
    power = np.where(on & (wanted > 0.02 * pump.rated_w), np.clip(wanted, least, pump.rated_w), 0.0)
    water = 290 + 7 * (index % 5)
    for start in (water, water + 510):
        power[start : start + 32] = np.maximum(power[start : start + 32], 0.8 * pump.rated_w)
    result: Floats = power
    return result
