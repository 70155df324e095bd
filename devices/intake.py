"""The one way readings of devices enter the store: checked, guarded, stored, passed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.utils.translation import gettext as _

from devices.targets import Target
from myhouse.errors import FieldError
from telemetry.model import Batch, Bools, Bytes, Floats, Int32s, Int64s, Quality

EARLIEST_MS = 946_684_800_000  # 2000-01-01T00:00Z
AHEAD_MS = 300_000
UNSAID = 255
"""Quality of a reading whose sender said nothing: measured, or simulated in a simulated series."""
ERRORS_AT_MOST = 20

Place = Callable[[int, str], str]


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Readings of any number of targets in canonical units; `place(row, part)` names where a row came from."""

    targets: Sequence[Target]
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
        series_ids = [target.series_id for target in self.targets]
        return Batch(series_ids, self.index, self.times, self.values, self.quality)


def sheet_check(sheet: Sheet, *, now_ms: int) -> list[FieldError]:
    """Return what cannot be stored and why; an empty list lets the whole sheet pass."""
    errors: list[FieldError] = []
    times, values = sheet.times, sheet.values
    _note(errors, sheet, ~np.isfinite(values), "value", _("Send a finite number."))
    _note(
        errors, sheet, times < EARLIEST_MS, "time", _("Send milliseconds since 1970; times before 2000 are refused.")
    )
    _note(
        errors,
        sheet,
        times > now_ms + AHEAD_MS,
        "time",
        _("The time lies more than 5 minutes ahead: set the sender's clock, and send milliseconds."),
    )
    negative = values < 0
    if negative.any():
        amounts = np.array([target.never_negative for target in sheet.targets], dtype=np.bool_)
        message = _("A register or an amount of energy is never negative: send each direction as a point of its own.")
        _note(errors, sheet, negative & amounts[sheet.index], "value", message)
    said = sheet.quality != UNSAID
    if said.any():
        simulated = np.array([target.simulated for target in sheet.targets], dtype=np.bool_)[sheet.index]
        message = _("Simulated and measured readings never mix in one series: leave the quality out.")
        _note(errors, sheet, said & (simulated != (sheet.quality == Quality.SIMULATED)), "quality", message)
    return errors


def _note(errors: list[FieldError], sheet: Sheet, wrong: Bools, part: str, message: str) -> None:
    if not wrong.any():
        return
    room = ERRORS_AT_MOST - len(errors)
    errors.extend(FieldError(sheet.place(int(row), part), message) for row in np.flatnonzero(wrong)[:room])


def sheet_guard(sheet: Sheet) -> Sheet:
    """Fill in the quality nobody stated, and quarantine powers beyond the household's connection.

    A simulated series holds nothing but simulated readings: what is quarantined there is left out.
    """
    quality = sheet.quality
    unsaid = quality == UNSAID
    if unsaid.any():
        default = np.array(
            [Quality.SIMULATED if target.simulated else Quality.MEASURED for target in sheet.targets], dtype=np.uint8
        )
        quality = np.where(unsaid, default[sheet.index], quality)
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
    limits = np.array([target.limit for target in sheet.targets], dtype=np.float64)
    beyond: Bools = np.abs(sheet.values) > limits[sheet.index]
    return beyond
