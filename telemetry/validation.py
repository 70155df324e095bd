"""What a batch must satisfy before it may wait in the queue: afterwards nothing in it can fail, nor its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from telemetry.derivation import amounts
from telemetry.errors import UnableToWrite
from telemetry.model import Batch, Bools, Int32s, Quality
from telemetry.stores.base import HotBatch, SeriesRow

EARLIEST_MS = 946_684_800_000
"""2000-01-01, UTC."""
AHEAD_MS = 300_000
MAX_AMOUNT = 9e9
"""In the unit of the series: exact in millionths within the 53 bits of a float."""
MAX_LEVEL = 1e12
KEPT_FROM = 16
KEPT_AT_MOST = 64


def _refuse(wrong: Bools, field: str, message: str) -> None:
    if wrong.any():
        raise UnableToWrite(message, field, int(np.argmax(wrong)))


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What readings are judged by: the key and nature of each listed series, and the places of unknown ones."""

    ids: Sequence[UUID]
    keys: Int32s
    is_amount: Bools
    is_simulated: Bools
    unknown: list[int]


def facts_of(ids: Sequence[UUID], known: Mapping[UUID, SeriesRow]) -> Facts:
    """The facts of series listed in this order."""
    rows = [known.get(one) for one in ids]
    return Facts(
        ids,
        np.array([row.key if row else 0 for row in rows], np.int32),
        np.array([row is not None and amounts(row.series) for row in rows], np.bool_),
        np.array([row is not None and row.series.simulated for row in rows], np.bool_),
        [place for place, row in enumerate(rows) if row is None],
    )


class FactsKept:
    """The facts of lists that never change: a gateway's thousand meters are the same ones with every request."""

    def __init__(self) -> None:
        self._kept: dict[int, Facts] = {}

    def get(self, ids: Sequence[UUID], rows: Callable[[Sequence[UUID]], Mapping[UUID, SeriesRow]]) -> Facts:
        """The facts of these series; `rows` looks them up."""
        kept = self._kept.get(id(ids))
        if kept is not None and kept.ids is ids:
            return kept
        facts = facts_of(ids, rows(ids))
        if isinstance(ids, tuple) and len(ids) >= KEPT_FROM and not facts.unknown:
            if len(self._kept) >= KEPT_AT_MOST:
                self._kept = {}
            self._kept[id(ids)] = facts
        return facts


def validate(batch: Batch, facts: Facts, now_ms: int) -> HotBatch:
    """The batch under the backend's keys, or UnableToWrite naming the column, the first reading and the remedy."""
    count = len(batch.times)
    for field, column in (("series", batch.index), ("values", batch.values), ("quality", batch.quality)):
        if len(column) != count:
            raise UnableToWrite(f"{field} has {len(column)} entries, times has {count}; give one for each.", field)
    index = batch.index
    _refuse((index < 0) | (index >= len(facts.ids)), "series", "A reading names a series that is not listed.")
    if facts.unknown:
        used = np.isin(index, facts.unknown)
        if used.any():
            at = int(np.argmax(used))
            one = facts.ids[int(index[at])]
            raise UnableToWrite(f"Series {one} is not registered; register it before writing to it.", "series", at)
    times = np.ascontiguousarray(batch.times, np.int64)
    values = np.ascontiguousarray(batch.values, np.float64)
    _refuse(~np.isfinite(values), "values", "A value is not a finite number; leave the reading out instead.")
    _refuse(times < EARLIEST_MS, "times", "A time lies before 2000-01-01; times are milliseconds since 1970, UTC.")
    _refuse(
        times > now_ms + AHEAD_MS, "times", "A time lies more than 5 minutes in the future; set the device's clock."
    )
    counted = facts.is_amount[index]
    _refuse(counted & (values < 0), "values", "A register or an amount is never negative; use two series.")
    limit = np.where(counted, MAX_AMOUNT, MAX_LEVEL)
    _refuse(np.abs(values) > limit, "values", f"A value is too large (registers up to {MAX_AMOUNT:.0e}).")
    quality = np.ascontiguousarray(batch.quality, np.uint8)
    _refuse(quality > max(Quality), "quality", f"Quality is one of 0 to {max(Quality)}.")
    simulated = quality == Quality.SIMULATED
    wanted = facts.is_simulated[index]
    _refuse(simulated & ~wanted, "quality", "Simulated readings do not go into a measured series.")
    _refuse(~simulated & wanted, "quality", "Only simulated readings go into a simulated series.")
    return HotBatch(facts.keys[index], times, values, quality)
