"""What a batch must satisfy before it may wait in the queue: afterwards nothing in it can fail, nor its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import numpy as np

from telemetry.derivation import amounts
from telemetry.errors import UnableToWrite
from telemetry.model import Batch, Bools, Quality
from telemetry.stores.base import HotBatch, SeriesRow

EARLIEST_MS = 946_684_800_000
"""2000-01-01, UTC."""
AHEAD_MS = 300_000
MAX_AMOUNT = 9e9
"""In the unit of the series: exact in millionths within the 53 bits of a float."""
MAX_LEVEL = 1e12


def _refuse(wrong: Bools, field: str, message: str) -> None:
    if wrong.any():
        raise UnableToWrite(message, field, int(np.argmax(wrong)))


def validate(batch: Batch, known: Mapping[UUID, SeriesRow], now_ms: int) -> HotBatch:
    """The batch under the backend's keys, or UnableToWrite naming the column, the first reading and the remedy."""
    count = len(batch.times)
    for field, column in (("series", batch.index), ("values", batch.values), ("quality", batch.quality)):
        if len(column) != count:
            raise UnableToWrite(f"{field} has {len(column)} entries, times has {count}; give one for each.", field)
    index = batch.index
    _refuse((index < 0) | (index >= len(batch.series_ids)), "series", "A reading names a series that is not listed.")
    unknown = [place for place, one in enumerate(batch.series_ids) if one not in known]
    if unknown:
        used = np.isin(index, unknown)
        if used.any():
            at = int(np.argmax(used))
            one = batch.series_ids[int(index[at])]
            raise UnableToWrite(f"Series {one} is not registered; register it before writing to it.", "series", at)
    rows = [known.get(one) for one in batch.series_ids]
    keys = np.array([row.key if row else 0 for row in rows], np.int32)
    is_amount = np.array([row is not None and amounts(row.series) for row in rows], np.bool_)
    is_simulated = np.array([row is not None and row.series.simulated for row in rows], np.bool_)
    times = np.ascontiguousarray(batch.times, np.int64)
    values = np.ascontiguousarray(batch.values, np.float64)
    _refuse(~np.isfinite(values), "values", "A value is not a finite number; leave the reading out instead.")
    _refuse(times < EARLIEST_MS, "times", "A time lies before 2000-01-01; times are milliseconds since 1970, UTC.")
    _refuse(
        times > now_ms + AHEAD_MS, "times", "A time lies more than 5 minutes in the future; set the device's clock."
    )
    counted = is_amount[index]
    _refuse(counted & (values < 0), "values", "A register or an amount is never negative; use two series.")
    limit = np.where(counted, MAX_AMOUNT, MAX_LEVEL)
    _refuse(np.abs(values) > limit, "values", f"A value is too large (registers up to {MAX_AMOUNT:.0e}).")
    quality = np.ascontiguousarray(batch.quality, np.uint8)
    _refuse(quality > max(Quality), "quality", f"Quality is one of 0 to {max(Quality)}.")
    simulated = quality == Quality.SIMULATED
    _refuse(simulated & ~is_simulated[index], "quality", "Simulated readings do not go into a measured series.")
    _refuse(~simulated & is_simulated[index], "quality", "Only simulated readings go into a simulated series.")
    return HotBatch(keys[index], times, values, quality)
