"""The pass over the whole file before anything is written: every row is good, or has a reason why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from myhouse.uploads import limits
from myhouse.uploads.detect import Layout, format_of, layout_of
from myhouse.uploads.errors import UnableToImport
from myhouse.uploads.mapping import Mapping, TimeFormat
from myhouse.uploads.numbers import numbers_read
from myhouse.uploads.rows import Row, Source
from myhouse.uploads.times import local_to_utc, times_read

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Progress = Callable[[int, float], None]

EARLIEST_MS = 946_684_800_000  # 2000-01-01
AHEAD_MS = 300_000
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Rejection:
    """A row that cannot be imported: its number in the file, the column, the reason."""

    row: int
    field: str
    reason: str


@dataclass
class Rejections:
    """The first rejections, and how many there are of each reason."""

    listed: list[Rejection] = field(default_factory=list)
    by_reason: dict[str, int] = field(default_factory=dict)
    rows: int = 0

    def add(self, rows: IntArray, *, column: str, reason: str) -> None:
        """Note rows (numbers as a spreadsheet shows them) that are rejected for one reason."""
        if not len(rows):
            return
        self.rows += len(rows)
        self.by_reason[reason] = self.by_reason.get(reason, 0) + len(rows)
        self.listed += [Rejection(int(row), column, reason) for row in rows[: limits.REJECTIONS_LISTED].tolist()]
        self.listed = sorted(self.listed, key=lambda r: r.row)[: limits.REJECTIONS_LISTED]


@dataclass(frozen=True)
class Checked:
    """A checked file. Good rows only, in the order of time; NaN where a cell was empty.

    `times` are starts of intervals in ms UTC; `values` is one array per mapped column, converted by its factor
    but in the unit of the file; `row_numbers` are those of the file. `cut` when later rows were not read.
    """

    mapping: Mapping
    layout: Layout
    time_column: int
    titles: tuple[str, ...]
    times: IntArray
    values: tuple[FloatArray, ...]
    row_numbers: IntArray
    rows: int
    duplicates: int
    interval_ms: int
    rejections: Rejections
    cut: bool = False

    @property
    def range_ms(self) -> tuple[int, int] | None:
        """First and last time of the good rows."""
        return (int(self.times[0]), int(self.times[-1])) if len(self.times) else None


@dataclass
class _Columns:
    wall: list[IntArray] = field(default_factory=list)
    utc: list[BoolArray] = field(default_factory=list)
    bad_time: list[BoolArray] = field(default_factory=list)
    values: list[list[FloatArray]] = field(default_factory=list)
    bad: list[list[BoolArray]] = field(default_factory=list)
    number: list[IntArray] = field(default_factory=list)
    cut: bool = False


def file_check(
    source: Source,
    *,
    mapping: Mapping,
    zone: str,
    now_ms: int,
    progress: Progress | None = None,
    rows_at_most: int | None = None,
) -> Checked:
    """Read the whole file (or its first rows) by its mapping; `zone` is the household's, where it names none."""
    layout = layout_of(source, time_format=mapping.time_format)
    if mapping.values:
        layout = _with_format(layout, mapping)
    place = _zone(mapping.zone or zone)
    if not mapping.values:
        raise UnableToImport(_("Choose at least one column of values."), field="mapping.values")
    if len(mapping.values) > limits.VALUE_COLUMNS:
        raise UnableToImport(
            _("At most %(count)d columns of values are imported at once.") % {"count": limits.VALUE_COLUMNS},
            field="mapping.values",
        )
    resolved = _resolve(mapping, layout)
    most = limits.ROWS if rows_at_most is None else rows_at_most
    columns = _read(source, mapping=mapping, layout=layout, resolved=resolved, progress=progress, most=most)
    return _judge(columns, mapping=mapping, layout=layout, resolved=resolved, place=place, now_ms=now_ms)


def _with_format(layout: Layout, mapping: Mapping) -> Layout:
    """The layout with the format of the column of times that was chosen."""
    column = _resolve(mapping, layout).time
    time_format = layout.time_format
    if mapping.time_format is None and column != layout.time_column:
        time_format = format_of([row[column] for row in layout.sample if column < len(row)])
    if time_format is None:
        raise UnableToImport(
            _("No column of times was recognised. Choose the column and how its times are written."),
            field="mapping.time_format",
        )
    return replace(layout, time_format=time_format)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        message = _("There is no time zone %(name)s; write one like Europe/Berlin.") % {"name": name}
        raise UnableToImport(message, field="mapping.zone") from error
    return name


@dataclass(frozen=True)
class _Resolved:
    time: int
    clock: int | None
    values: tuple[int, ...]


def _resolve(mapping: Mapping, layout: Layout) -> _Resolved:
    """Turn titles into positions."""

    def position(column: int | str, name: str) -> int:
        if isinstance(column, int) and 0 <= column < len(layout.titles):
            return column
        if isinstance(column, str) and layout.titles.count(column) == 1:
            return layout.titles.index(column)
        message = _("There is no column %(column)s. The file has: %(titles)s.")
        titles = ", ".join(layout.titles[:20])
        raise UnableToImport(message % {"column": column, "titles": titles}, field=f"mapping.{name}")

    values = tuple(position(v.column, f"values[{i}].column") for i, v in enumerate(mapping.values))
    clock = layout.clock_column if mapping.clock_column is None else position(mapping.clock_column, "clock_column")
    return _Resolved(position(mapping.time_column, "time_column"), clock, values)


def _read(
    source: Source, *, mapping: Mapping, layout: Layout, resolved: _Resolved, progress: Progress | None, most: int
) -> _Columns:
    columns = _Columns(values=[[] for _v in resolved.values], bad=[[] for _v in resolved.values])
    first = layout.first_row if mapping.first_row is None else mapping.first_row
    decimal = mapping.decimal or layout.decimal
    assert layout.time_format is not None
    for index, rows, share in source.chunks():
        if index >= most:
            columns.cut = True
            break
        begin = max(first - index, 0)
        numbers = np.arange(index + begin, index + len(rows), dtype=np.int64) + 1
        kept = rows[begin:]
        full = np.fromiter((bool(row) and any(row) for row in kept), np.bool_, len(kept))
        if not full.all():
            kept = [row for row, keep in zip(kept, full.tolist(), strict=True) if keep]
            numbers = numbers[full]
        _chunk(columns, kept, resolved, layout.time_format, decimal)
        columns.number.append(numbers)
        if progress is not None:
            progress(index + len(rows), share)
    return columns


def _chunk(columns: _Columns, rows: list[Row], resolved: _Resolved, time_format: TimeFormat, decimal: str) -> None:
    cells = _cells(rows, resolved.time)
    if resolved.clock is not None:
        days = [cell.strip().partition(" ")[0] for cell in cells]
        cells = [f"{day} {clock.strip()}" for day, clock in zip(days, _cells(rows, resolved.clock), strict=True)]
    times = times_read(cells, time_format=time_format)
    columns.wall.append(times.ms)
    columns.utc.append(times.utc)
    columns.bad_time.append(times.bad)
    for position, column in enumerate(resolved.values):
        values, _empty, bad = numbers_read(_cells(rows, column), decimal=decimal)
        columns.values[position].append(values)
        columns.bad[position].append(bad)


def _cells(rows: list[Row], column: int) -> list[str]:
    try:
        return [row[column] for row in rows]
    except IndexError:
        return [row[column] if column < len(row) else "" for row in rows]


def _judge(
    columns: _Columns, *, mapping: Mapping, layout: Layout, resolved: _Resolved, place: str, now_ms: int
) -> Checked:
    """Decide about every row."""
    numbers = _joined(columns.number, np.int64)
    wall, utc = _joined(columns.wall, np.int64), _joined(columns.utc, np.bool_)
    values = [_joined(parts, np.float64) for parts in columns.values]
    bad_values = [_joined(parts, np.bool_) for parts in columns.bad]
    # Joined: a large file is not held twice.
    columns.number.clear()
    columns.wall.clear()
    columns.utc.clear()
    columns.values.clear()
    judge = _Judge(numbers, layout.titles[resolved.time])
    judge.reject(_joined(columns.bad_time, np.bool_), gettext_noop("not a time in the chosen format"))
    judge.reject(wall < EARLIEST_MS - _DAY_MS, gettext_noop("before the year 2000"))
    judge.reject(wall > now_ms + 2 * _DAY_MS, gettext_noop("in the future"))
    times = _utc(judge, wall, utc, place, mapping)
    interval = _interval(times[judge.good], mapping)
    if mapping.label == "end":
        times = times - interval
    judge.reject(times < EARLIEST_MS, gettext_noop("before the year 2000"))
    judge.reject(times > now_ms + AHEAD_MS, gettext_noop("in the future"))
    for position, column in enumerate(mapping.values):
        title = layout.titles[resolved.values[position]]
        values[position] = values[position] * column.factor
        judge.reject(bad_values[position], gettext_noop("not a number"), title)
        if column.kind in {"counter", "interval"}:
            judge.reject(
                values[position] < 0,
                gettext_noop("negative energy; a register or an amount is never below zero"),
                title,
            )
    judge.reject_empty(values)
    order, duplicates = _unique(judge, times, values)
    if any(column.kind in {"mean", "interval"} for column in mapping.values):
        order = _without_overlaps(judge, times, order, interval)
    return Checked(
        mapping=mapping,
        layout=layout,
        time_column=resolved.time,
        titles=tuple(layout.titles[column] for column in resolved.values),
        times=times[order],
        values=tuple(array[order] for array in values),
        row_numbers=numbers[order],
        rows=len(numbers),
        duplicates=duplicates,
        interval_ms=interval,
        rejections=judge.rejections,
        cut=columns.cut,
    )


def _joined(
    parts: list[npt.NDArray[np.generic]] | list[IntArray] | list[FloatArray] | list[BoolArray], kind: type
) -> npt.NDArray:  # type: ignore[type-arg] # of either type
    return np.concatenate(parts) if parts else np.zeros(0, kind)


class _Judge:
    """Keeps which rows are still good; a row is rejected once, for its first reason."""

    def __init__(self, numbers: IntArray, time_title: str) -> None:
        self.numbers = numbers
        self.good: BoolArray = np.ones(len(numbers), np.bool_)
        self.rejections = Rejections()
        self._time_title = time_title

    def reject(self, which: BoolArray, reason: str, column: str | None = None) -> None:
        """Reject those of the rows that are still good."""
        hit = which & self.good
        if hit.any():
            self.rejections.add(self.numbers[hit], column=column or self._time_title, reason=reason)
            self.good &= ~hit

    def reject_empty(self, values: list[FloatArray]) -> None:
        """Reject rows without any value; an empty cell beside a value is a gap and stays one."""
        nothing = np.ones(len(self.numbers), np.bool_)
        for array in values:
            nothing &= np.isnan(array)
        self.reject(nothing, gettext_noop("no value"))


def _utc(judge: _Judge, wall: IntArray, utc: BoolArray, place: str, mapping: Mapping) -> IntArray:
    times = wall.copy()
    local = np.flatnonzero(judge.good & ~utc)
    if len(local):
        turned = local_to_utc(wall[local], zone=place, ambiguous=mapping.ambiguous)
        times[local] = turned.ms
        missing, unclear = np.zeros(len(wall), np.bool_), np.zeros(len(wall), np.bool_)
        missing[local], unclear[local] = turned.missing, turned.unclear
        judge.reject(missing, gettext_noop("this clock time did not happen: the clock was put forward"))
        judge.reject(unclear, gettext_noop("this clock time happened twice: say which hour is meant"))
    return times


def _interval(times: IntArray, mapping: Mapping) -> int:
    """Length of an interval in ms: given, or the distance of times that comes up most."""
    if mapping.interval_s is not None:
        if not 0 < mapping.interval_s <= 86_400:
            raise UnableToImport(_("An interval lasts 1 second to 1 day."), field="mapping.interval_s")
        return mapping.interval_s * 1000
    steps = np.diff(np.unique(times))
    if len(steps):
        lengths, counts = np.unique(steps, return_counts=True)
        return int(lengths[np.argmax(counts)])
    if mapping.label == "end" or any(column.kind in {"mean", "interval"} for column in mapping.values):
        raise UnableToImport(
            _("The length of the intervals cannot be told from fewer than two good rows. Enter it."),
            field="mapping.interval_s",
        )
    return 0


def _unique(judge: _Judge, times: IntArray, values: list[FloatArray]) -> tuple[IntArray, int]:
    """Order of the good rows by time, one row per time; rows that contradict each other are all rejected."""
    rows = np.flatnonzero(judge.good)
    rows = rows[np.argsort(times[rows], kind="stable")]
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = np.diff(times[rows]) != 0
    if begins.all():
        return rows, 0
    first, group = np.flatnonzero(begins), np.cumsum(begins) - 1
    differs = np.zeros(len(rows), np.bool_)
    for array in values:
        mine, other = array[rows], array[rows][first][group]
        differs |= ~((mine == other) | (np.isnan(mine) & np.isnan(other)))
    contradicted = np.zeros(len(first), np.bool_)
    contradicted[group[differs]] = True
    hit = np.zeros(len(judge.good), np.bool_)
    hit[rows[contradicted[group]]] = True
    judge.reject(hit, gettext_noop("another row gives another value for the same time"))
    kept = rows[first[~contradicted]]
    return kept, len(rows) - int(contradicted[group].sum()) - len(kept)


def _without_overlaps(judge: _Judge, times: IntArray, order: IntArray, interval: int) -> IntArray:
    """Reject rows that begin before the interval of the row before them has ended."""
    close = np.zeros(len(order), np.bool_)
    close[1:] = np.diff(times[order]) < interval
    hit = np.zeros(len(judge.good), np.bool_)
    hit[order[close]] = True
    judge.reject(hit, gettext_noop("begins before the interval before it has ended"))
    return order[~close]


def rows_rejected(checked: Checked, which: BoolArray, *, column: str, reason: str) -> Checked:
    """Return the check with some more of its good rows rejected."""
    if not which.any():
        return checked
    title = column or checked.layout.titles[checked.time_column]
    checked.rejections.add(np.sort(checked.row_numbers[which]), column=title, reason=reason)
    kept = ~which
    return replace(
        checked,
        times=checked.times[kept],
        values=tuple(array[kept] for array in checked.values),
        row_numbers=checked.row_numbers[kept],
    )
