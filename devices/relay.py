"""What follows a durable write, off the path of the request: latest values, live pages, presence, swap questions.

One thread per process takes what was stored since its last turn, so that hundreds of writes a second cost
a few round trips to Redis. What is lost here (a crash, Redis away) is never a reading: pages read the store.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from django.db import close_old_connections

from devices.intake import Row, Sheet, spikes
from devices.models import DeviceChannel
from devices.services.swaps import swap_question_open
from devices.state import seen_put
from devices.targets import Target
from telemetry.live import live_get, live_put
from telemetry.model import Kind, Quality, Reading

Places = npt.NDArray[np.intp]
Newest = dict[uuid.UUID, tuple[Target, Reading]]
T = TypeVar("T")
TURN_S = 0.15
LONGEST_TURN_S = 0.6
BACKLOG = 2_000
LIVE_AGE_MS = 900_000
STEP_BACK = 1e-6
"""How far, relative to itself, a register may fall before that is a question: beyond float32 noise."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """A register that went back: the two readings around the step."""

    target: Target
    before: Reading
    after: Reading


@dataclass
class Relay:
    """The thread and what waits for it; `put` never waits and never fails."""

    turn_s: float = TURN_S
    _sheets: deque[tuple[Sheet, int]] = field(default_factory=lambda: deque(maxlen=BACKLOG))
    _rows: deque[tuple[list[Row], int]] = field(default_factory=lambda: deque(maxlen=10 * BACKLOG))
    _wake: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _busy: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None
    _registers: dict[uuid.UUID, Reading] = field(default_factory=dict)

    def put(self, sheet: Sheet, *, now_ms: int) -> None:
        """Pass on what was just stored."""
        self._sheets.append((sheet, now_ms))
        self._notify()

    def put_rows(self, rows: list[Row], *, now_ms: int) -> None:
        """Pass on the few readings that were just stored."""
        self._rows.append((rows, now_ms))
        self._notify()

    def _notify(self) -> None:
        if self._thread is None:
            self._start()
        if not self._wake.is_set():
            self._wake.set()

    def flush(self) -> None:
        """Do now what waits; for the end of a process, and for tests."""
        with self._busy:
            self._turn()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="devices-relay", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            begun = time.monotonic()
            try:
                self.flush()
            except Exception:
                # Live values are worth a log line, never the thread that brings the next ones.
                logger.exception("Live values were not passed on")
            # A long turn is followed by a longer pause: requests come before what is told of them.
            spent = time.monotonic() - begun
            time.sleep(min(LONGEST_TURN_S, max(self.turn_s, 4 * spent)))

    def _turn(self) -> None:
        sheets, few = taken(self._sheets), taken(self._rows)
        if not sheets and not few:
            return
        now_ms = max(at for _stored, at in [*sheets, *few])
        rows = [row for listed, _at in few for row in listed]
        joined = sheets_join(sheet for sheet, _at in sheets)
        seen = {device_id: now_ms for sheet in joined for device_id in sheet.targets.device_ids}
        seen |= {row.target.device_id: at for listed, at in few for row in listed}
        newest: Newest = {}
        for sheet in joined:
            newest_keep(newest, newest_of(sheet, after_ms=now_ms - LIVE_AGE_MS))
        newest_keep(newest, newest_rows(rows, after_ms=now_ms - LIVE_AGE_MS))
        self._know(target for sheet in joined for target in sheet.targets)
        self._know(row.target for row in rows)
        steps = [step for sheet in joined for step in self._steps(sheet)]
        steps += [step for row in rows if row.target.kind is Kind.COUNTER and (step := self._step_row(row))]
        publish(newest.values(), now_ms=now_ms)
        seen_put(seen)
        questions_open(steps, now_ms=now_ms)

    def _know(self, targets: Iterable[Target]) -> None:
        """Learn the last value of registers this process has not yet seen, before newer ones replace it."""
        new = [one.series_id for one in targets if one.kind is Kind.COUNTER and one.series_id not in self._registers]
        if new:
            self._registers.update(live_get(new))

    def _steps(self, sheet: Sheet) -> list[Step]:
        """Return the first step back of each register in the sheet, and remember each one's last reading."""
        order = ordered(sheet, np.flatnonzero(sheet.targets.registers[sheet.index]))
        if len(order) == 0:
            return []
        index, values = sheet.index[order], sheet.values[order]
        firsts = np.flatnonzero(np.diff(index, prepend=-1))
        lasts = np.append(firsts[1:], len(order)) - 1
        falls = np.flatnonzero((values[1:] < values[:-1] * (1 - STEP_BACK)) & (index[1:] == index[:-1]))
        falling = set(index[falls].tolist())
        first_times, last_times = sheet.times[order[firsts]].tolist(), sheet.times[order[lasts]].tolist()
        first_values, last_values = values[firsts].tolist(), values[lasts].tolist()
        steps: list[Step] = []
        for row, place in enumerate(index[firsts].tolist()):
            target = sheet.targets[place]
            before = self._registers.get(target.series_id)
            if before is not None and last_times[row] <= before.time_ms:
                continue
            rises = before is None or (first_times[row] > before.time_ms and first_values[row] >= before.value)
            if rises and place not in falling:
                self._registers[target.series_id] = Reading(last_times[row], last_values[row], Quality.MEASURED)
                continue
            step = self._step(sheet, target, order[firsts[row] : lasts[row] + 1])
            if step is not None:
                steps.append(step)
        return steps

    def _step_row(self, row: Row) -> Step | None:
        """Return the step back that this reading of a register is, if it is one; remember it."""
        before = self._registers.get(row.target.series_id)
        if before is not None and row.time_ms <= before.time_ms:
            return None
        after = Reading(row.time_ms, row.value, Quality(row.quality))
        self._registers[row.target.series_id] = after
        if before is None or after.value >= before.value * (1 - STEP_BACK):
            return None
        return Step(row.target, before, after)

    def _step(self, sheet: Sheet, target: Target, rows: Places) -> Step | None:
        """Return the first step back among these rows, which are in order of time; remember the last one."""
        before = self._registers.get(target.series_id)
        newer = rows[sheet.times[rows] > before.time_ms] if before else rows
        if len(newer) == 0:
            return None
        self._registers[target.series_id] = reading_at(sheet, int(newer[-1]))
        values = sheet.values[newer]
        start = before.value if before else float(values[0])
        previous = np.concatenate(([start], values[:-1]))
        fell = np.flatnonzero(values < previous * (1 - STEP_BACK))
        if len(fell) == 0:
            return None
        place = int(fell[0])
        earlier = reading_at(sheet, int(newer[place - 1])) if place else before
        return Step(target, earlier, reading_at(sheet, int(newer[place]))) if earlier else None


def taken(waiting: deque[tuple[T, int]]) -> list[tuple[T, int]]:
    """Return what waits, and leave nothing waiting."""
    found: list[tuple[T, int]] = []
    while waiting:
        found.append(waiting.popleft())
    return found


def newest_keep(newest: Newest, found: Iterable[tuple[Target, Reading]]) -> None:
    """Let newer readings replace older ones of the same series."""
    for target, reading in found:
        known = newest.get(target.series_id)
        if known is None or known[1].time_ms <= reading.time_ms:
            newest[target.series_id] = (target, reading)


def newest_rows(rows: Iterable[Row], *, after_ms: int) -> Iterable[tuple[Target, Reading]]:
    """Return the readings that may be shown live: not too old, and not in quarantine."""
    for target, time_ms, value, quality in rows:
        if time_ms > after_ms and abs(value) <= target.limit:
            yield target, Reading(time_ms, value, Quality(quality))


def sheets_join(sheets: Iterable[Sheet]) -> list[Sheet]:
    """Return one sheet for all those that have the very same targets, in the order they came."""
    groups: dict[int, list[Sheet]] = {}
    for sheet in sheets:
        groups.setdefault(id(sheet.targets), []).append(sheet)
    return [
        group[0]
        if len(group) == 1
        else Sheet(
            group[0].targets,
            np.concatenate([sheet.index for sheet in group]),
            np.concatenate([sheet.times for sheet in group]),
            np.concatenate([sheet.values for sheet in group]),
            np.concatenate([sheet.quality for sheet in group]),
            group[0].place,
        )
        for group in groups.values()
    ]


def ordered(sheet: Sheet, rows: Places) -> Places:
    """Return these rows by target and time; at no cost when they already stand so."""
    index, times = sheet.index[rows], sheet.times[rows]
    steps = np.diff(index)
    if ((steps > 0) | ((steps == 0) & (np.diff(times) >= 0))).all():
        return rows
    return rows[np.lexsort((times, index))]


def reading_at(sheet: Sheet, row: int) -> Reading:
    """Return one row of the sheet."""
    return Reading(int(sheet.times[row]), float(sheet.values[row]), Quality(int(sheet.quality[row])))


def newest_of(sheet: Sheet, *, after_ms: int) -> list[tuple[Target, Reading]]:
    """Return the newest reading of each target later than `after_ms`, without those in quarantine."""
    order = ordered(sheet, np.flatnonzero((sheet.times > after_ms) & ~spikes(sheet)))
    last = order[np.flatnonzero(np.diff(sheet.index[order], append=-1))]
    return [(sheet.targets[int(sheet.index[row])], reading_at(sheet, int(row))) for row in last]


def publish(newest: Iterable[tuple[Target, Reading]], *, now_ms: int) -> None:
    """Make the newest readings the latest ones, and send them to the open pages of their households."""
    fresh = list(newest)
    if not fresh:
        return
    from myhouse.services.live import live_publish

    live_put({target.series_id: reading for target, reading in fresh})
    households: dict[uuid.UUID, dict[str, dict[str, float]]] = {}
    for target, reading in fresh:
        values = households.setdefault(target.household_id, {})
        values[target.measurement_id.hex] = {"t": reading.time_ms, "v": reading.value}
    live_publish(values=households, now=datetime.fromtimestamp(now_ms / 1000, UTC))


def questions_open(steps: Iterable[Step], *, now_ms: int) -> None:
    """Ask the household about each register that went back."""
    listed = list(steps)
    if not listed:
        return
    try:
        for step in listed:
            _question_open(step, datetime.fromtimestamp(now_ms / 1000, UTC))
    finally:
        close_old_connections()


def _question_open(step: Step, now: datetime) -> None:
    channel = DeviceChannel.objects.filter(pk=step.target.channel_id).first()
    if channel is None:
        return
    before = datetime.fromtimestamp(step.before.time_ms / 1000, UTC)
    after = datetime.fromtimestamp(step.after.time_ms / 1000, UTC)
    swap_question_open(channel=channel, before=(before, step.before.value), after=(after, step.after.value), now=now)


relay = Relay()
