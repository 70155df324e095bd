"""The compact form for bulk: per series its times and values as columns, or a start and a step."""

from __future__ import annotations

from itertools import chain
from operator import attrgetter

import msgspec
import numpy as np
from django.utils.translation import gettext as _

from devices.ingest.packets import Reading, unreadable
from devices.ingest.refusals import Refusal
from devices.ingest.routes import Route
from devices.intake import UNSAID, Sheet
from devices.targets import Targets
from myhouse.errors import FieldError
from telemetry.model import Bytes, Floats, Int64s, Quality
from telemetry.units import UnknownUnit, convert

VERSION = 1
SERIES_AT_MOST = 10_000
READINGS_AT_MOST = 2_000_000
LATEST_MS = 9_999_999_999_999


class Column(msgspec.Struct, forbid_unknown_fields=True):
    """Readings of one point: `times` (ms) or `start` and `step` (ms), the values, and what is said of them."""

    values: list[float]
    times: list[int] | None = None
    start: int | None = None
    step: int | None = None
    quality: list[int] | None = None
    unit: str | None = None


class Columns(msgspec.Struct, forbid_unknown_fields=True):
    """A bulk request: a column per point name, or per `device/point` below a gateway."""

    version: int
    series: dict[str, Column]


# A column is looked at by functions in C: a request holds thousands of them.
_VALUES, _TIMES, _UNIT, _QUALITY = map(attrgetter, ("values", "times", "unit", "quality"))
_decoder: msgspec.json.Decoder[Columns] = msgspec.json.Decoder(Columns)


def columns_decode(body: bytes) -> Columns:
    """Return the request's columns, or refuse it naming the field."""
    try:
        columns = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise unreadable(error, root="") from None
    if columns.version != VERSION:
        message = _("Version %(version)s is not known here: send version %(known)s.") % {
            "version": columns.version,
            "known": VERSION,
        }
        raise Refusal(422, f"version: {message}", field="version")
    return columns


def columns_read(*, body: bytes, route: Route) -> Reading:
    """Decode, resolve and convert the columns of a request; refuses the whole request with every fault found."""
    columns = columns_decode(body)
    if len(columns.series) > SERIES_AT_MOST:
        raise Refusal(413, _("Send at most %(limit)s series in one request.") % {"limit": SERIES_AT_MOST})
    if sum(len(column.values) for column in columns.series.values()) > READINGS_AT_MOST:
        raise Refusal(413, _("Send at most %(limit)s readings in one request.") % {"limit": READINGS_AT_MOST})
    return _Reader(route).read(columns.series)


class _Reader:
    """Turns columns into a sheet, noting faults on the way."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.errors: list[FieldError] = []
        self.ignored: list[FieldError] = []
        self.to_open: dict[tuple[str, str], int] = {}

    def read(self, series: dict[str, Column]) -> Reading:
        """Read all columns; raises when any of them is at fault."""
        names: list[str] = []
        columns: list[Column] = []
        known = self.route.columns
        for name, column in series.items():
            if name not in known:
                self._unbound(name, column)
            elif self._shape_fits(name, column):
                names.append(name)
                columns.append(column)
        targets = self.route.select(names)
        counts = list(map(len, map(_VALUES, columns)))
        times = self._times(names, columns)
        values = self._values(names, targets, columns, counts)
        quality = self._quality(names, columns, sum(counts))
        if self.errors:
            raise Refusal(422, _("Nothing was stored: correct these fields."), errors=self.errors[:20])
        index = np.repeat(np.arange(len(columns), dtype=np.int32), counts)
        starts = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))

        def place_of(row: int, part: str) -> str:
            position = int(np.searchsorted(starts, row, side="right")) - 1
            column, order = columns[position], row - int(starts[position])
            if part == "time" and column.times is None:
                return f"series.{names[position]}.start"
            plural = {"time": "times", "value": "values"}.get(part, part)
            return f"series.{names[position]}.{plural}[{order}]"

        sheet = Sheet(targets, index, times, values, quality, place_of)
        return Reading(sheet, self.ignored, self.to_open)

    def _unbound(self, name: str, column: Column) -> None:
        device, _slash, point = name.rpartition("/")
        member = self.route.members.get(device) if device else self.route.own
        if member is not None and point in member.openable and column.values:
            first = min(column.times) if column.times else column.start
            self.to_open[(member.external_id, point)] = first or 0
        message = _("No channel is bound to this name: bind it on the device's page, or leave it out.")
        self.ignored.append(FieldError(f"series.{name}", message))

    def _shape_fits(self, name: str, column: Column) -> bool:
        count = len(column.values)
        is_usual = column.start is None and column.step is None and column.quality is None
        if is_usual and column.times is not None and len(column.times) == count:
            return True
        before = len(self.errors)
        if (column.times is None) == (column.start is None or column.step is None):
            self._fault(f"{name}.times", _("Send either times, or start and step."))
        elif column.times is not None and len(column.times) != count:
            self._fault(f"{name}.times", _("Send as many times as values."))
        elif column.times is None and not 1 <= (column.step or 0) <= 86_400_000:
            self._fault(f"{name}.step", _("Send a step between 1 and 86400000 ms."))
        elif column.start is not None and not 0 <= column.start <= LATEST_MS:
            self._fault(f"{name}.start", _("Send the start in milliseconds since 1970."))
        if column.quality is not None and len(column.quality) != count:
            self._fault(f"{name}.quality", _("Send as many qualities as values."))
        return len(self.errors) == before

    def _fault(self, place: str, message: str) -> None:
        self.errors.append(FieldError(f"series.{place}", message))

    def _times(self, names: list[str], columns: list[Column]) -> Int64s:
        try:
            if None not in (times := list(map(_TIMES, columns))):
                return _flat(times, np.int64)
            return np.concatenate([_moments(column) for column in columns])
        except OverflowError:
            wrong = next(
                name
                for name, column in zip(names, columns, strict=True)
                if column.times and not 0 <= min(column.times) <= max(column.times) <= LATEST_MS
            )
            self._fault(f"{wrong}.times", _("Send milliseconds since 1970."))
            return np.empty(0, dtype=np.int64)

    def _values(self, names: list[str], targets: Targets, columns: list[Column], counts: list[int]) -> Floats:
        values = _flat(list(map(_VALUES, columns)), np.float64)
        if set(map(_UNIT, columns)) <= {None}:
            return values
        end = 0
        for name, target, column, count in zip(names, targets, columns, counts, strict=True):
            end += count
            if column.unit is None or column.unit == target.unit:
                continue
            try:
                values[end - count : end] = convert(values[end - count : end], column.unit, target.unit)
            except UnknownUnit as error:
                self._fault(f"{name}.unit", str(error))
        return values

    def _quality(self, names: list[str], columns: list[Column], total: int) -> Bytes:
        quality = np.full(total, UNSAID, dtype=np.uint8)
        if [*map(_QUALITY, columns)].count(None) == len(columns):
            return quality
        end = 0
        for name, column in zip(names, columns, strict=True):
            end += len(column.values)
            if column.quality is None:
                continue
            if set(column.quality) - set(Quality):
                self._fault(
                    f"{name}.quality", _("Send 0 measured, 1 estimated, 2 substituted, 3 suspect, 4 simulated.")
                )
                continue
            quality[end - len(column.values) : end] = column.quality
        return quality


def _flat(lists: list[list[int]] | list[list[float]], dtype: type[np.int64 | np.float64]) -> np.ndarray:
    """Return all lists as one array; without a Python loop over the readings."""
    if len(lists) == 1:
        return np.array(lists[0], dtype=dtype)
    return np.fromiter(chain.from_iterable(lists), dtype=dtype, count=sum(map(len, lists)))


def _moments(column: Column) -> Int64s:
    if column.times is not None:
        return np.array(column.times, dtype=np.int64)
    start, step = column.start or 0, column.step or 0
    return start + step * np.arange(len(column.values), dtype=np.int64)
