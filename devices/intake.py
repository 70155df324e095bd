"""The one way readings of devices enter the store: checked, guarded, stored, passed on.

Few readings (`Rows`) are worked on one by one, many (`Sheet`) in columns; the rules are the same, and a test
holds the two together. A numpy call costs more than the check of a single value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from devices.targets import Target, Targets
from myhouse.errors import FieldError
from telemetry.model import Batch, Bools, Bytes, Floats, Int32s, Int64s, Quality

EARLIEST_MS = 946_684_800_000  # 2000-01-01T00:00Z
AHEAD_MS = 300_000
UNSAID = 255
"""Quality of a reading whose sender said nothing: measured, or simulated in a simulated series."""
ERRORS_AT_MOST = 20
FEW = 64

NOT_FINITE = gettext_noop("Send a finite number.")
ANCIENT = gettext_noop("Send milliseconds since 1970; times before 2000 are refused.")
FUTURE = gettext_noop("The time lies more than 5 minutes ahead: set the sender's clock, and send milliseconds.")
NEGATIVE = gettext_noop(
    "A register or an amount of energy is never negative: send each direction as a point of its own."
)
MIXED = gettext_noop("Simulated and measured readings never mix in one series: leave the quality out.")

Place = Callable[[int, str], str]


class Row(NamedTuple):
    """One reading on its way to its target, in the target's unit."""

    target: Target
    time_ms: int
    value: float
    quality: int


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A few readings; `place(row, part)` names where a row came from."""

    rows: list[Row]
    place: Place

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Readings of any number of targets in columns; `place(row, part)` names where a row came from."""

    targets: Targets
    index: Int32s
    times: Int64s
    values: Floats
    quality: Bytes
    place: Place

    def __len__(self) -> int:
        return len(self.times)

    @property
    def batch(self) -> Batch:
        """The same readings as the store takes them."""
        return Batch(self.targets.series_ids, self.index, self.times, self.values, self.quality)


def rows_check(rows: Rows, *, now_ms: int) -> list[FieldError]:
    """Return what cannot be stored and why; an empty list lets all rows pass."""
    errors: list[FieldError] = []
    for place, (target, time_ms, value, quality) in enumerate(rows.rows):
        if not math.isfinite(value):
            errors.append(FieldError(rows.place(place, "value"), _(NOT_FINITE)))
        if time_ms < EARLIEST_MS:
            errors.append(FieldError(rows.place(place, "time"), _(ANCIENT)))
        elif time_ms > now_ms + AHEAD_MS:
            errors.append(FieldError(rows.place(place, "time"), _(FUTURE)))
        if value < 0 and target.never_negative:
            errors.append(FieldError(rows.place(place, "value"), _(NEGATIVE)))
        if quality != UNSAID and (quality == Quality.SIMULATED) != target.simulated:
            errors.append(FieldError(rows.place(place, "quality"), _(MIXED)))
    return errors[:ERRORS_AT_MOST]


def rows_guard(rows: Rows) -> list[Row]:
    """Do with a few readings what `sheet_guard` does with many."""
    guarded: list[Row] = []
    for target, time_ms, value, quality in rows.rows:
        kept = quality
        if kept == UNSAID:
            kept = 4 if target.simulated else 0
        if abs(value) > target.limit:
            if target.simulated:
                continue
            kept = 3
        guarded.append(Row(target, time_ms, value, kept))
    return guarded


def sheet_of(rows: Rows) -> Sheet:
    """Return the same readings in columns."""
    positions: dict[int, int] = {}
    index = [positions.setdefault(id(row.target), len(positions)) for row in rows.rows]
    targets = {id(row.target): row.target for row in rows.rows}
    return Sheet(
        Targets(targets.values()),
        np.array(index, dtype=np.int32),
        np.array([row.time_ms for row in rows.rows], dtype=np.int64),
        np.array([row.value for row in rows.rows], dtype=np.float64),
        np.array([row.quality for row in rows.rows], dtype=np.uint8),
        rows.place,
    )


def sheet_check(sheet: Sheet, *, now_ms: int) -> list[FieldError]:
    """Return what cannot be stored and why; an empty list lets the whole sheet pass."""
    errors: list[FieldError] = []
    times, values = sheet.times, sheet.values
    _note(errors, sheet, ~np.isfinite(values), "value", NOT_FINITE)
    _note(errors, sheet, times < EARLIEST_MS, "time", ANCIENT)
    _note(errors, sheet, times > now_ms + AHEAD_MS, "time", FUTURE)
    negative = values < 0
    if negative.any():
        _note(errors, sheet, negative & sheet.targets.amounts[sheet.index], "value", NEGATIVE)
    said = sheet.quality != UNSAID
    if said.any():
        simulated = sheet.targets.simulated[sheet.index]
        _note(errors, sheet, said & (simulated != (sheet.quality == Quality.SIMULATED)), "quality", MIXED)
    return errors


def _note(errors: list[FieldError], sheet: Sheet, wrong: Bools, part: str, message: str) -> None:
    if not wrong.any():
        return
    room = ERRORS_AT_MOST - len(errors)
    errors.extend(FieldError(sheet.place(int(row), part), _(message)) for row in np.flatnonzero(wrong)[:room])


def sheet_guard(sheet: Sheet) -> Sheet:
    """Fill in the quality nobody stated, and quarantine powers beyond the household's connection.

    A simulated series holds nothing but simulated readings: what is quarantined there is left out.
    """
    quality = sheet.quality
    unsaid = quality == UNSAID
    if unsaid.any():
        quality = np.where(unsaid, sheet.targets.quality[sheet.index], quality)
    guarded = replace(sheet, quality=quality)
    beyond = spikes(sheet)
    if not beyond.any():
        return guarded
    simulated = quality == Quality.SIMULATED
    suspect = np.where(beyond & ~simulated, np.uint8(Quality.SUSPECT), quality)
    return sheet_part(replace(sheet, quality=suspect), ~(beyond & simulated))


def sheet_part(sheet: Sheet, rows: Bools) -> Sheet:
    """Return some rows of a sheet; places still name the rows of the request."""
    if rows.all():
        return sheet
    origin = np.flatnonzero(rows)
    return replace(
        sheet,
        index=sheet.index[rows],
        times=sheet.times[rows],
        values=sheet.values[rows],
        quality=sheet.quality[rows],
        place=lambda row, part: sheet.place(int(origin[row]), part),
    )


def spikes(sheet: Sheet) -> Bools:
    """Return which readings exceed what the household's connection can carry."""
    beyond: Bools = np.abs(sheet.values) > sheet.targets.limits[sheet.index]
    return beyond
