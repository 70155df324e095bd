"""The community at this moment: powers glide between the minutes, registers grow within them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from devices.simulator.battery import Whole
from devices.simulator.calendar import day_of_number
from devices.simulator.electrics import frequency, voltage
from devices.simulator.noise import key_of, wave
from devices.simulator.timeline import FLOWS, Day, Timeline
from devices.simulator.weather import MINUTES

_TO_WATT = 60.0 / 1_000_000
_RIPPLE = 41
_POWERS = ("solar", "windmill", "charge", "discharge", "car", "heat_pump", "laundry", "consumption")


@dataclass(frozen=True, slots=True)
class Moment:
    """A home at an instant: powers in W by flow (grid positive when drawn), registers in µWh, content in percent."""

    powers: dict[str, float]
    registers: dict[str, int]
    content_percent: float | None
    voltages: tuple[float, float, float]
    frequency: float


class Live:
    """The community by the wall clock, a day in memory at a time."""

    def __init__(self, timeline: Timeline, clock: Callable[[], float] = time.time) -> None:
        self.timeline = timeline
        self.clock = clock
        self._day: Day | None = None
        self._edges: dict[str, Whole] = {}

    def moment(self, home: int) -> Moment:
        """The home now."""
        return self.moment_at(home, self.clock())

    def moment_at(self, home: int, at_s: float) -> Moment:
        """The home at that many seconds since 1970; time only goes on from day to day."""
        minutes = at_s / 60.0
        day = self._day_at(int(minutes // MINUTES))
        within = minutes - day.start_minute
        minute = min(max(int(within), 0), MINUTES - 1)
        part = min(max(within - minute, 0.0), 1.0)
        registers = {
            flow: int(self._edges[flow][home, minute]) + int(part * int(day.flows[flow][home, minute]))
            for flow in FLOWS
        }
        powers = self._powers(day, home, within)
        grid = powers["grid"]
        seed = self.timeline.spec.seed
        volts = tuple(voltage(seed, home, phase, minutes, grid) for phase in range(3))
        return Moment(
            powers=powers,
            registers=registers,
            content_percent=self._content(day, home, minute, part),
            voltages=(volts[0], volts[1], volts[2]),
            frequency=frequency(seed, minutes),
        )

    @property
    def day(self) -> Day | None:
        """The day in memory."""
        return self._day

    def _day_at(self, number: int) -> Day:
        if self._day is not None and self._day.number >= number:
            return self._day  # time only goes on: a clock set back to yesterday shows the start of today
        for day in self.timeline.days(until=number + 1):
            self._day = day
        if self._day is None:
            origin = day_of_number(self.timeline.number)
            msg = f"The simulation begins on {origin} and knows nothing before it."
            raise ValueError(msg)
        self._edges = {flow: self._day.register(flow) for flow in FLOWS}
        return self._day

    def _powers(self, day: Day, home: int, within: float) -> dict[str, float]:
        """Powers glide from the middle of one minute to the middle of the next; the grid closes the balance."""
        centre = min(max(within - 0.5, 0.0), MINUTES - 1.000_001)
        left = int(centre)
        weight = centre - left
        powers = {}
        for flow in _POWERS:
            row = day.flows[flow][home]
            low = float(row[left])
            powers[flow] = (low + (float(row[left + 1]) - low) * weight) * _TO_WATT
        parts = powers["car"] + powers["heat_pump"] + powers["laundry"]
        key = key_of(self.timeline.spec.seed, _RIPPLE, home)
        ripple = 1.0 + 0.03 * (wave(key, (day.start_minute + within) * 60.0, 7.0) - 0.5)
        powers["consumption"] = parts + (powers["consumption"] - parts) * ripple
        powers["battery"] = powers["discharge"] - powers["charge"]
        powers["grid"] = powers["consumption"] - powers["solar"] - powers["windmill"] - powers["battery"]
        return powers

    def _content(self, day: Day, home: int, minute: int, part: float) -> float | None:
        if home not in day.packs:
            return None
        row, capacity = day.packs[home]
        before = day.content[row, minute - 1] if minute else day.content_before[row]
        now = float(before) + part * float(day.content[row, minute] - before)
        return min(max(now / capacity * 100.0, 0.0), 100.0)
