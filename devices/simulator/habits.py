"""What the people of a home switch on during a local day."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

from devices.simulator.calendar import is_free, midnight_minute
from devices.simulator.home import Habit, Home
from devices.simulator.noise import key_of

_DAY, _AWAY = 21, 22
_HOUR = 60


@dataclass(frozen=True, slots=True)
class Use:
    """A device runs: minutes since 1970 UTC, and its mean power. `part` is main, laundry or car."""

    start: int
    minutes: int
    watts: float
    part: str = "main"


@dataclass(slots=True)
class Diary:
    """A local day of a home: when people are at home and awake, and what they use."""

    away: bool
    present: list[tuple[int, int]] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)


@lru_cache(maxsize=256)
def diary_of(home: Home, day: date, *, seed: int, zone: str) -> Diary:
    """The diary of a local day, always the same for the same seed."""
    rng = random.Random(key_of(seed, _DAY, home.index, day.toordinal()))  # noqa: S311 - habits, not secrets
    if _is_away(home, day, seed):
        return Diary(away=True)
    midnight = midnight_minute(day, zone)
    present = _presence(home, is_free(day), rng)
    diary = Diary(away=False, present=[(midnight + start, midnight + end) for start, end in present])
    writer = _Writer(diary, midnight, rng)
    _kitchen(home, present, writer)
    _evening(home, present, writer)
    _washing(home, present, writer)
    if home.car is not None:
        _charging(home, present, writer, free=is_free(day))
    return diary


@dataclass(slots=True)
class _Writer:
    diary: Diary
    midnight: int
    rng: random.Random

    def use(self, start: float, minutes: float, watts: float, part: str = "main") -> None:
        at = self.midnight + round(start)
        self.diary.uses.append(Use(at, max(1, round(minutes)), watts, part))

    def pulses(self, start: float, minutes: float, watts: float, *, on: int, off: int, part: str = "main") -> None:
        """A thermostat: `on` minutes on, `off` minutes off."""
        done = 0.0
        while done < minutes:
            self.use(start + done, min(on, minutes - done), watts, part)
            done += on + off


def _presence(home: Home, free: bool, rng: random.Random) -> list[tuple[int, int]]:  # noqa: FBT001 private, called once a day kind
    """When somebody is at home and awake, in local minutes; may reach beyond midnight."""
    wake = rng.gauss(8.3 if free else 6.6, 0.4) * _HOUR
    sleep = rng.gauss(23.3 if free else 22.6, 0.4) * _HOUR
    if home.habit is Habit.SHIFTS and not free:
        if rng.random() < 0.5:  # late shift
            return _blocks(rng.gauss(8.5, 0.4), 13.2, 22.5, rng.gauss(24.3, 0.3))
        return _blocks(rng.gauss(4.9, 0.2), 5.6, 14.6, rng.gauss(21.6, 0.3))
    leave, back = wake + rng.gauss(65, 10), rng.gauss(17.4, 0.5) * _HOUR
    if home.habit is Habit.FAMILY:
        back = rng.gauss(15.6, 0.5) * _HOUR
    if free or home.habit in {Habit.RETIRED, Habit.HOME_OFFICE}:
        if rng.random() < (0.45 if free else 0.3):
            out = rng.uniform(10, 15)
            return _blocks(wake / _HOUR, out, out + rng.uniform(1.2, 4.0), sleep / _HOUR)
        return [(round(wake), round(sleep))]
    if home.habit is Habit.SINGLE and rng.random() < 0.4:
        back += 150
    return _blocks(wake / _HOUR, leave / _HOUR, back / _HOUR, sleep / _HOUR)


def _blocks(wake: float, leave: float, back: float, sleep: float) -> list[tuple[int, int]]:
    spans = [(round(wake * _HOUR), round(leave * _HOUR)), (round(back * _HOUR), round(sleep * _HOUR))]
    return [(start, end) for start, end in spans if end > start]


def _kitchen(home: Home, present: list[tuple[int, int]], writer: _Writer) -> None:
    rng = writer.rng
    size = 0.7 + 0.15 * home.persons
    morning = present[0][0]
    if rng.random() < 0.9:
        writer.use(morning + rng.uniform(5, 20), 3, 1900)  # kettle or coffee
    if rng.random() < 0.35:
        writer.use(morning + rng.uniform(10, 30), 6, 850)  # toaster
    if _at_home(present, 12.5 * _HOUR) and rng.random() < 0.7:
        writer.pulses(rng.gauss(12.0, 0.4) * _HOUR, 28 * size, 1500, on=4, off=2)
    dinner = max(rng.gauss(18.6, 0.5) * _HOUR, present[-1][0] + 15.0)
    if rng.random() < 0.82:
        plates = rng.choice((1400, 1800, 2200))
        writer.pulses(dinner, rng.uniform(22, 45) * size, plates, on=4, off=2)
        if rng.random() < 0.3:  # the oven as well
            writer.use(dinner, 12, 2400)
            writer.pulses(dinner + 12, rng.uniform(25, 45), 2300, on=3, off=5)
    for _cup in range(rng.randint(0, 1 + home.persons)):
        start, end = rng.choice(present)
        writer.use(rng.uniform(start, end), 2, 2000)


def _evening(home: Home, present: list[tuple[int, int]], writer: _Writer) -> None:
    rng = writer.rng
    start, end = present[-1]
    screens = 55.0 + 45.0 * home.entertainment
    if rng.random() < 0.92:
        on = max(start, rng.gauss(19.3, 0.7) * _HOUR)
        writer.use(on, max(10.0, end - on - rng.uniform(5, 40)), screens)
    if home.habit is Habit.HOME_OFFICE and present[0][1] - present[0][0] > 240:
        writer.use(present[0][0] + 60, rng.uniform(240, 480), 130)  # a desk with screens
    if home.habit is Habit.RETIRED and rng.random() < 0.5:
        writer.use(rng.uniform(13, 16) * _HOUR, rng.uniform(45, 120), screens * 0.6)
    if rng.random() < 0.16:
        writer.use(rng.uniform(*rng.choice(present)), rng.uniform(12, 30), 1100)  # vacuum cleaner


def _washing(home: Home, present: list[tuple[int, int]], writer: _Writer) -> None:
    """Washing machine, dryer, dishwasher: people with a roof like to run them around noon."""
    rng = writer.rng
    noon = home.roof is not None and rng.random() < 0.5
    start = rng.gauss(11.5, 1.0) * _HOUR if noon else rng.uniform(*rng.choice(present))
    if rng.random() < 0.10 + 0.11 * home.persons:
        part = "laundry" if home.laundry_metered else "main"
        writer.use(start, 16, 2050, part)
        writer.use(start + 16, 60, 140, part)
        writer.use(start + 76, 10, 420, part)
        if rng.random() < 0.5:
            writer.use(start + 95, rng.uniform(70, 110), 720, part)
    if rng.random() < 0.22 + 0.14 * home.persons:
        wash = rng.gauss(20.5, 0.7) * _HOUR if not noon else start + 30
        writer.use(wash + 5, 18, 1950)
        writer.use(wash + 23, 45, 70)
        writer.use(wash + 68, 16, 1900)


def _charging(home: Home, present: list[tuple[int, int]], writer: _Writer, *, free: bool) -> None:
    rng, car = writer.rng, home.car
    assert car is not None
    if rng.random() > (0.4 if free else 0.75):
        return
    energy = car.daily_wh * rng.uniform(0.5, 1.5)
    if home.roof is not None and (free or home.habit is Habit.HOME_OFFICE):
        start = rng.gauss(11.3, 0.8) * _HOUR
    else:
        start = present[-1][0] + rng.uniform(5, 30)
    writer.use(start, energy / car.charge_w * 60, car.charge_w, "car")


def _at_home(present: list[tuple[int, int]], minute: float) -> bool:
    return any(start <= minute < end for start, end in present)


def _is_away(home: Home, day: date, seed: int) -> bool:
    """Summer holidays, sometimes a winter journey and a long weekend."""
    return any(start <= day < end for start, end in _journeys(home, day.year, seed)) or any(
        start <= day < end for start, end in _journeys(home, day.year - 1, seed)
    )


@lru_cache(maxsize=128)
def _journeys(home: Home, year: int, seed: int) -> tuple[tuple[date, date], ...]:
    rng = random.Random(key_of(seed, _AWAY, home.index, year))  # noqa: S311 - habits, not secrets
    summer = date(year, 7, 1) + timedelta(days=rng.randint(0, 50))
    journeys = [(summer, summer + timedelta(days=rng.randint(6, 16)))]
    if rng.random() < 0.4:
        winter = date(year, 12, 22) + timedelta(days=rng.randint(0, 5))
        journeys.append((winter, winter + timedelta(days=rng.randint(4, 8))))
    if rng.random() < 0.7:
        short = date(year, 3, 1) + timedelta(days=rng.randint(0, 90))
        journeys.append((short, short + timedelta(days=rng.randint(2, 4))))
    return tuple(journeys)
