"""Reading columns of times as files write them, a whole column at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from myhouse.uploads.mapping import AmbiguousHour, TimeFormat
from myhouse.uploads.numbers import number_read, numbers_read

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

DAY_MS = 86_400_000
_CLOCK = r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
_OFFSET = r"(?:\s?(?P<utc>[Zz]|UTC)|(?P<sign>[+-])(?P<off_hour>\d{2}):?(?P<off_minute>\d{2})?)?"
_NOON = r"(?:\s?(?P<noon>[AaPp])\.?[Mm]\.?)?"
PATTERNS: dict[str, re.Pattern[str]] = {
    "iso": re.compile(
        rf"(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})(?:(?:T|t|\s+){_CLOCK}{_OFFSET})?",
        re.ASCII,
    ),
    "dmy": re.compile(
        rf"(?P<day>\d{{1,2}})[./-](?P<month>\d{{1,2}})[./-](?P<year>\d{{4}}),?(?:\s+{_CLOCK}{_NOON}{_OFFSET})?",
        re.ASCII,
    ),
    "mdy": re.compile(
        rf"(?P<month>\d{{1,2}})[./-](?P<day>\d{{1,2}})[./-](?P<year>\d{{4}}),?(?:\s+{_CLOCK}{_NOON}{_OFFSET})?",
        re.ASCII,
    ),
    "compact": re.compile(
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})[T ]?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?"
        r"(?P<utc>[Zz])?",
        re.ASCII,
    ),
}
_SCALE_MS = {"epoch_s": 1_000.0, "epoch_ms": 1.0, "excel_serial": float(DAY_MS)}
EXCEL_EPOCH_MS = int(datetime(1899, 12, 30, tzinfo=UTC).timestamp()) * 1000
_FARTHEST_MS = 253_402_300_799_000.0  # the end of the year 9999
_LAYOUTS_MAX = 40  # different layouts (lengths, separators) of one format that are read a column at a time


@dataclass(frozen=True)
class Times:
    """Milliseconds per cell; `utc` tells UTC from wall-clock; `bad` cells are no times (0)."""

    ms: IntArray
    utc: BoolArray
    bad: BoolArray


def times_read(cells: list[str], *, time_format: TimeFormat) -> Times:
    """Read a column of times; wall-clock times stay such until `local_to_utc`."""
    if time_format in _SCALE_MS:
        values, empty, bad = numbers_read(cells, decimal=".")
        bad = bad | empty
        scaled = np.where(bad, 0.0, values) * _SCALE_MS[time_format]
        bad = bad | (np.abs(scaled) > _FARTHEST_MS)
        ms = np.rint(np.where(bad, 0.0, scaled)).astype(np.int64)
        serial = time_format == "excel_serial"
        return Times(ms + EXCEL_EPOCH_MS if serial else ms, np.full(len(cells), not serial), bad)
    return _written(cells, PATTERNS[time_format])


def time_matches(cell: str, time_format: TimeFormat) -> bool:
    """Whether one cell is a time in this format (numbers: within 2000 to 2100)."""
    text = cell.strip()
    if time_format in _SCALE_MS:
        number = number_read(text, decimal=".")
        if number is None:
            return False
        seconds = number * _SCALE_MS[time_format] / 1000
        if time_format == "excel_serial":
            seconds += EXCEL_EPOCH_MS / 1000
        return 946_684_800 <= seconds < 4_102_444_800
    return not bool(_written([text], PATTERNS[time_format]).bad[0])


def _written(cells: list[str], pattern: re.Pattern[str]) -> Times:
    """Read written-out times: every layout that occurs is found once, then applied to all its rows at once."""
    count = len(cells)
    ms, utc, bad = np.zeros(count, np.int64), np.zeros(count, np.bool_), np.ones(count, np.bool_)
    encoded = np.array([cell.strip().encode("ascii", "replace")[:40] for cell in cells], dtype="S40")
    letters = encoded.view(np.uint8).reshape(count, 40) if count else np.zeros((0, 40), np.uint8)
    open_rows = np.arange(count)
    for _ in range(_LAYOUTS_MAX):
        if not len(open_rows):
            break
        first = encoded[open_rows[0]].decode("ascii")
        found = pattern.fullmatch(first)
        if found is None:
            same = encoded[open_rows] == encoded[open_rows[0]]
            open_rows = open_rows[~same]
            continue
        part_ms, part_utc, part_bad, fits = _layout(letters[open_rows], first, found)
        rows = open_rows[fits]
        ms[rows], utc[rows], bad[rows] = part_ms[fits], part_utc[fits], part_bad[fits]
        open_rows = open_rows[~fits]
    for row in open_rows:
        found = pattern.fullmatch(encoded[row].decode("ascii"))
        if found is not None:
            one = _layout(letters[row : row + 1], encoded[row].decode("ascii"), found)
            ms[row], utc[row], bad[row] = one[0][0], one[1][0], one[2][0]
    return Times(np.where(bad, 0, ms), utc, bad)


def _layout(
    letters: npt.NDArray[np.uint8], first: str, found: re.Match[str]
) -> tuple[IntArray, BoolArray, BoolArray, BoolArray]:
    """Read rows laid out like `first`: ms, whether UTC, whether no such time, and which rows have this layout."""
    digits = letters.astype(np.int64) - 48
    fits = np.all(letters[:, len(first) :] == 0, axis=1)
    taken: set[int] = set()
    fields: dict[str, IntArray] = {}
    for name, text in found.groupdict().items():
        if text is None or name in {"utc", "sign", "noon"}:
            continue
        start, end = found.span(name)
        taken.update(range(start, end))
        part = digits[:, start:end]
        fits &= np.all((part >= 0) & (part <= 9), axis=1)
        fields[name] = part @ (10 ** np.arange(end - start - 1, -1, -1, dtype=np.int64))
    for position, letter in enumerate(first):
        if position not in taken:
            fits &= letters[:, position] == ord(letter)
    hour = fields.get("hour", np.zeros(len(letters), np.int64))
    bad = hour > 23
    noon = found.groupdict().get("noon")
    if noon is not None:
        bad = (hour < 1) | (hour > 12)
        hour = hour % 12 + (12 if noon in "Pp" else 0)
    zero = np.zeros(len(letters), np.int64)
    minute, second = fields.get("minute", zero), fields.get("second", zero)
    bad = bad | (minute > 59) | (second > 59)
    days, no_day = _civil(fields["year"], fields["month"], fields["day"])
    ms = days * DAY_MS + hour * 3_600_000 + minute * 60_000 + second * 1000
    if "fraction" in fields:
        length = found.end("fraction") - found.start("fraction")
        ms += fields["fraction"] * 1000 // 10**length
    groups = found.groupdict()
    if groups.get("sign"):
        offset = fields["off_hour"] * 60 + fields.get("off_minute", zero)
        ms -= offset * (60_000 if groups["sign"] == "+" else -60_000)
        bad = bad | (offset > 18 * 60)
    is_utc = bool(groups.get("utc") or groups.get("sign"))
    return ms, np.full(len(letters), is_utc), bad | no_day, fits


def _civil(year: IntArray, month: IntArray, day: IntArray) -> tuple[IntArray, BoolArray]:
    """Days since 1970-01-01 of calendar dates, and which of them do not exist."""
    bad = (month < 1) | (month > 12) | (day < 1) | (year < 1)
    month = np.where(bad, 1, month)
    begin = ((np.where(bad, 1970, year) - 1970) * 12 + month - 1).astype("datetime64[M]")
    length = ((begin + 1).astype("datetime64[D]") - begin.astype("datetime64[D]")).astype(np.int64)
    bad = bad | (day > length)
    return begin.astype("datetime64[D]").astype(np.int64) + np.where(bad, 1, day) - 1, bad


@dataclass(frozen=True)
class Local:
    """Wall-clock times turned into UTC; `missing` never happened, `unclear` happened twice."""

    ms: IntArray
    missing: BoolArray
    unclear: BoolArray


def local_to_utc(wall_ms: IntArray, *, zone: str, ambiguous: AmbiguousHour) -> Local:
    """Turn wall-clock times of a zone into UTC, in the order of the file.

    With `order`, of two rows with the same ambiguous clock time the first is the earlier one. A time that
    comes up only once, or more than twice, is unclear.
    """
    place = ZoneInfo(zone)
    out = np.zeros(len(wall_ms), np.int64)
    missing, unclear = np.zeros(len(wall_ms), np.bool_), np.zeros(len(wall_ms), np.bool_)
    days, inverse = np.unique(wall_ms // DAY_MS, return_inverse=True)
    offsets = np.array([_offset_of_day(int(day), place) for day in days], dtype=np.int64)
    steady = offsets[inverse] != _CHANGES
    out[steady] = wall_ms[steady] - offsets[inverse][steady]
    seen: dict[int, int] = {}
    changing = np.flatnonzero(~steady)
    total: dict[int, int] = {}
    for wall in wall_ms[changing].tolist():
        total[wall] = total.get(wall, 0) + 1
    for index in changing.tolist():
        wall = int(wall_ms[index])
        early, late = (_utc_ms(wall, place, fold) for fold in (0, 1))
        if early is None or late is None:
            missing[index] = True
        elif early == late:
            out[index] = early
        else:
            turn = seen[wall] = seen.get(wall, 0) + 1
            unclear[index] = ambiguous == "refuse" or (ambiguous == "order" and total[wall] != 2)
            out[index] = late if ambiguous == "second" or (ambiguous == "order" and turn == 2) else early
    return Local(out, missing, unclear)


_CHANGES = 1 << 60


def _offset_of_day(day: int, place: ZoneInfo) -> int:
    """The zone's offset in ms on a calendar day, or _CHANGES when the clock is changed on it."""
    begin = datetime(1970, 1, 1) + timedelta(days=day)  # noqa: DTZ001 wall time, placed at once - a wall-clock time, as the file has it
    offsets = {
        place.utcoffset((begin + timedelta(hours=hour)).replace(fold=fold))
        for hour in range(-1, 26, 1)
        for fold in (0, 1)
    }
    only = offsets.pop()
    return _CHANGES if offsets or only is None else round(only.total_seconds() * 1000)


def _utc_ms(wall: int, place: ZoneInfo, fold: int) -> int | None:
    """The moment of a wall-clock time, or None if the clock skipped it."""
    moment = (datetime(1970, 1, 1) + timedelta(milliseconds=wall)).replace(tzinfo=place, fold=fold)  # noqa: DTZ001 wall time, placed at once
    back = moment.astimezone(UTC).astimezone(place)
    if back.replace(tzinfo=None, fold=0) != moment.replace(tzinfo=None, fold=0):
        return None
    return round(moment.timestamp() * 1000)
