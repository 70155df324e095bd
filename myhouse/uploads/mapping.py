"""What a member says about a file: where the times are and what each value column measures."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec
from django.utils.translation import gettext as _

from myhouse.uploads.errors import UnableToImport

TimeFormat = Literal["iso", "epoch_s", "epoch_ms", "dmy", "mdy", "compact", "excel_serial"]
AmbiguousHour = Literal["order", "first", "second", "refuse"]
ValueKind = Literal["mean", "gauge", "counter", "interval"]


class ValueColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A column of numbers: what it measures, at which metering point (an id, or a name and role of a new one)."""

    column: int | str
    quantity: str
    kind: ValueKind = "mean"
    unit: str = "W"
    factor: float = 1.0
    point: str = ""
    point_name: str = ""
    point_role: str = ""


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How to read a file. What is left out is detected.

    `time_column` may be joined by `clock_column` (time of day in a column of its own). Times without an
    offset are wall-clock times of `zone`. `label` says whether a time is the start or the end of its interval;
    `ambiguous` which hour is meant when the clock is turned back. `only_good` writes the good rows although
    others were rejected.
    """

    values: tuple[ValueColumn, ...]
    time_column: int | str = 0
    clock_column: int | str | None = None
    time_format: TimeFormat | None = None
    zone: str = ""
    label: Literal["start", "end"] = "start"
    ambiguous: AmbiguousHour = "order"
    interval_s: int | None = None
    first_row: int | None = None
    delimiter: str | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    sheet: str = ""
    only_good: bool = False


_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


def mapping_read(data: Any) -> Mapping:
    """Build a mapping from JSON data; refuses with the name of the field that is wrong."""
    try:
        return msgspec.convert(data, Mapping, str_keys=True)
    except msgspec.ValidationError as error:
        text = str(error)
        found = _PATH.search(text)
        field = f"mapping.{found['path']}" if found and found["path"] else "mapping"
        message = _("The mapping is not valid: %(reason)s.") % {"reason": _PATH.sub("", text)}
        raise UnableToImport(message, field=field) from error


def mapping_write(mapping: Mapping) -> dict[str, Any]:
    """Return the mapping as JSON data; equal mappings give equal data."""
    return dict(msgspec.to_builtins(mapping))
