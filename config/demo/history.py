"""Writing the simulated past: the same registers that the live devices show, straight into the time-series store."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from devices.selectors import poll_plans
from devices.simulator.checkpoint import checkpoint_read, checkpoint_write
from devices.simulator.community import Spec
from devices.simulator.electrics import frequencies, voltages
from devices.simulator.installation import Placed, devices_plan, energy_point
from devices.simulator.noise import Floats
from devices.simulator.shown import energy_shown
from devices.simulator.timeline import Day, Timeline
from telemetry.model import Batch, Quality
from telemetry.selectors import latest
from telemetry.services import history_write

Progress = Callable[[int, int], None]
_DAY_MS = 86_400_000
_MINUTE_MS = 60_000
COARSE, FINE = 5, 1  # minutes between readings: of the past, of the last two days
_FINE_DAYS = 2
_BLOCK_DAYS = 32
_TO_WATT = 60.0 / 1_000_000


@dataclass(frozen=True)
class _Series:
    """A series of the demo: the device and channel that feed it, and from when on it lacks readings."""

    series_id: uuid.UUID
    placed: Placed
    role: str
    quantity: str
    lacks_from_ms: int


def history_fill(
    *, spec: Spec, base_port: int, state: Path, begins_ms: int, now: datetime, progress: Progress | None = None
) -> int:
    """Write what the demo's devices would have shown, from the newest reading of each (or the beginning) until now.

    Returns how many readings were written; again at the same moment writes nothing.
    """
    now_ms = int(now.timestamp() * 1000) // _MINUTE_MS * _MINUTE_MS
    series = _series_lacking(spec, base_port, begins_ms)
    wanted = [one for one in series if one.lacks_from_ms <= now_ms]
    if not wanted:
        return 0
    first = min(one.lacks_from_ms for one in wanted) // _DAY_MS
    last = now_ms // _DAY_MS
    timeline = _timeline_at(spec, state, first)
    written, block, days = 0, [], 0
    for day in timeline.days(until=last + 1):
        if day.number < first:
            continue
        if day.number == last:
            _checkpoint_keep(state, spec, day)
        block += _readings_of(day, wanted, spec=spec, now_ms=now_ms, fine=day.number > last - _FINE_DAYS)
        days += 1
        if days % _BLOCK_DAYS == 0 or day.number == last:
            written += _write(block, now_ms)
            block = []
        if progress is not None:
            progress(day.number - first + 1, last - first + 1)
    return written


def _series_lacking(spec: Spec, base_port: int, begins_ms: int) -> list[_Series]:
    """Each series that a simulated device feeds, with the time after its newest reading."""
    at = {(base_port + placed.port_offset, placed.unit_id): placed for placed in devices_plan(spec)}
    found: list[tuple[Placed, str, uuid.UUID]] = []
    for plan in poll_plans().values():
        placed = at.get((plan.port, plan.unit_id))
        if placed is not None and plan.model == placed.model:
            found += [(placed, name, target.series_id) for name, target in plan.targets.items() if target.simulated]
    newest = latest(series_ids=[series_id for _placed, _name, series_id in found])
    series = []
    for placed, name, series_id in found:
        role, _dot, quantity = name.rpartition(".")
        known = newest.get(series_id)
        lacks_from = begins_ms if known is None else known.time_ms + 1
        series.append(_Series(series_id, placed, role, quantity, lacks_from))
    return series


def _timeline_at(spec: Spec, state: Path, first: int) -> Timeline:
    """A timeline that is not past this day: from the checkpoint if that helps, else from the origin."""
    kept = checkpoint_read(state / "checkpoint.json", spec)
    return Timeline(spec, kept if kept is not None and kept.number <= first else None)


def _checkpoint_keep(state: Path, spec: Spec, day: Day) -> None:
    checkpoint_write(state / "checkpoint.json", spec, day.checkpoint_before())


def _readings_of(day: Day, series: Iterable[_Series], *, spec: Spec, now_ms: int, fine: bool) -> list[Batch]:
    step = FINE if fine else COARSE
    minutes = np.arange(0, 1440, step)
    times = day.number * _DAY_MS + minutes.astype(np.int64) * _MINUTE_MS
    edges = {flow: day.register(flow)[:, :-1:step] for flow in day.flows}
    means = {flow: values.reshape(len(values), -1, step).mean(axis=2) * _TO_WATT for flow, values in day.flows.items()}
    seen = _Seen(day, spec, times, edges, means, step)
    batches = []
    for one in series:
        values = seen.values(one)
        if values is None:
            continue
        keep = (times >= one.lacks_from_ms) & (times <= now_ms)
        if keep.any():
            batches.append(Batch.of(one.series_id, times[keep], values[keep], Quality.SIMULATED))
    return batches


@dataclass(frozen=True)
class _Seen:
    """A day as the devices show it, on a grid of minutes."""

    day: Day
    spec: Spec
    times: npt.NDArray[np.int64]
    edges: dict[str, npt.NDArray[np.int64]]
    means: dict[str, Floats]
    step: int

    def values(self, one: _Series) -> Floats | None:
        """The values of a series; None where nothing is kept of so long ago (voltage, frequency)."""
        home = one.placed.home
        if one.quantity.endswith("_energy"):
            return self._energy(one)
        if one.quantity == "power":
            return self._power(one, home)
        if one.quantity == "state_of_charge":
            return np.rint(self.day.content_percent(home)[:: self.step] * 100) / 100
        if self.step > FINE:
            return None
        minutes = self.times / _MINUTE_MS
        if one.quantity == "frequency":
            return frequencies(self.spec.seed, minutes)
        grid = self.means["import"][home] - self.means["export"][home]
        return voltages(self.spec.seed, home, int(one.quantity[-1]) - 1, minutes, grid)

    def _energy(self, one: _Series) -> Floats:
        """The register at these minutes, with its own resolution."""
        wanted = one.quantity
        for quantity, flow in one.placed.flows:
            if quantity == wanted or (len(one.placed.flows) == 1 and one.role in {"consumer", "production"}):
                point, power = energy_point(one.placed, quantity)
                return energy_shown(self.edges[flow][one.placed.home], point, power)
        msg = f"{one.placed.key} does not measure {wanted}."
        raise ValueError(msg)

    def _power(self, one: _Series, home: int) -> Floats:
        """The mean power from each of these minutes to the next."""
        if one.role == "grid":
            return np.asarray(self.means["import"][home] - self.means["export"][home])
        if one.role == "battery":
            return np.asarray(self.means["discharge"][home] - self.means["charge"][home])
        return np.asarray(self.means[one.placed.flows[0][1]][home])


def _write(batches: list[Batch], now_ms: int) -> int:
    if not batches:
        return 0
    return history_write(batch=Batch.concat(batches), now_ms=now_ms).accepted
