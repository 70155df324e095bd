"""Guessing what the columns of a file are, so that a member only has to confirm."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from typing import get_args

from myhouse.uploads import limits
from myhouse.uploads.mapping import TimeFormat, ValueColumn, ValueKind
from myhouse.uploads.numbers import number_read
from myhouse.uploads.rows import Row, Source
from myhouse.uploads.times import time_matches

SAMPLE_ROWS = 200
# The order matters: of two formats that fit equally well the first is taken.
_FORMATS: tuple[TimeFormat, ...] = ("iso", "epoch_s", "epoch_ms", "compact", "dmy", "mdy", "excel_serial")
_CLOCK_CELL = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?(\s?[AaPp][Mm])?")
_UNIT = re.compile(r"\b(kWh|MWh|Wh|kW|MW|W|V|A|Hz|m3|m³|l)\b|%")
_HINTS = (
    ("export_energy", re.compile(r"export|einspeis|feed.?in|teruglever|2\.8\.\d", re.IGNORECASE)),
    ("production_energy", re.compile(r"production|erzeug|produktion|pv|solar|yield|generation", re.IGNORECASE)),
    ("charge_energy", re.compile(r"\bcharge|ladung|geladen", re.IGNORECASE)),
    ("discharge_energy", re.compile(r"discharge|entlad", re.IGNORECASE)),
    ("import_energy", re.compile(r"import|bezug|verbrauch|consum|electricity|load|usage|1\.8\.\d", re.IGNORECASE)),
)
_QUANTITY_OF_UNIT = {
    "V": "voltage_l1",
    "Hz": "frequency",
    "%": "state_of_charge",
    "m3": "water_volume",
    "l": "water_volume",
}


@dataclass(frozen=True)
class Layout:
    """What was found: where data begin, titles, which columns hold times, how times and numbers are written."""

    first_row: int
    titles: tuple[str, ...]
    time_column: int
    clock_column: int | None
    time_format: TimeFormat | None
    month_first_unclear: bool
    decimal: str
    suggestions: tuple[ValueColumn, ...]
    sample: tuple[Row, ...]


def layout_of(source: Source, *, time_format: TimeFormat | None = None) -> Layout:
    """Look at the first rows of a file."""
    rows = source.head(SAMPLE_ROWS)
    first = _first_data_row(rows)
    data = [row for row in rows[first:] if any(cell.strip() for cell in row)]
    width = min(max((len(row) for row in data), default=0), limits.COLUMNS)
    columns = [[row[i].strip() if i < len(row) else "" for row in data] for i in range(width)]
    titles = _titles(next((row for row in reversed(rows[:first]) if any(row)), []), width)
    time_column, found, unclear = _time_column(columns)
    clock = _clock_column(columns, time_column)
    decimal = _decimal(columns, time_column)
    layout = Layout(
        first,
        titles,
        time_column,
        clock,
        time_format or found,
        unclear,
        decimal,
        (),
        tuple(data[: limits.PREVIEW_ROWS]),
    )
    return replace(layout, suggestions=_suggestions(columns, layout))


def _first_data_row(rows: list[Row]) -> int:
    """The first row with both a time and a number; what stands above is titles."""
    for index, row in enumerate(rows[:60]):
        times = {i for i, cell in enumerate(row[: limits.COLUMNS]) if format_of([cell]) is not None}
        numbers = {i for i, cell in enumerate(row[: limits.COLUMNS]) if _number(cell.strip())}
        if times and (len(numbers | times) > 1):
            return index
    return 1 if len(rows) > 1 else 0


def _number(text: str) -> bool:
    return number_read(text, decimal=".") is not None or number_read(text, decimal=",") is not None


def _titles(row: Row, width: int) -> tuple[str, ...]:
    """Column titles; a title that looks like a formula loses its first characters."""
    cells = [row[i].strip().lstrip("=+-@\t\r ")[:80] if i < len(row) else "" for i in range(width)]
    return tuple(cell or f"#{index + 1}" for index, cell in enumerate(cells))


def format_of(cells: list[str]) -> TimeFormat | None:
    """The format that most of the cells that are not empty have; None when they are no times."""
    present = [cell for cell in cells if cell.strip()]
    if not present:
        return None
    for time_format in _FORMATS:
        hits = sum(time_matches(cell, time_format) for cell in present)
        if hits >= max(1, round(0.8 * len(present))):
            return time_format
    return None


def _time_column(columns: list[list[str]]) -> tuple[int, TimeFormat | None, bool]:
    for index, cells in enumerate(columns):
        found = format_of(cells[:40])
        if found == "dmy":
            # Fits day first; does the whole sample fit month first as well?
            day_bad = sum(not time_matches(cell, "dmy") for cell in cells if cell)
            month_bad = sum(not time_matches(cell, "mdy") for cell in cells if cell)
            return index, "mdy" if month_bad < day_bad else "dmy", day_bad == month_bad and "/" in cells[0]
        if found is not None:
            return index, found, False
    return 0, None, False


def _clock_column(columns: list[list[str]], time_column: int) -> int | None:
    if not columns or any(":" in cell for cell in columns[time_column][:20]):
        return None
    for index, cells in enumerate(columns):
        present = [cell for cell in cells[:40] if cell]
        if index != time_column and present and all(_CLOCK_CELL.fullmatch(cell) for cell in present):
            return index
    return None


def _decimal(columns: list[list[str]], time_column: int) -> str:
    commas = points = 0
    for index, cells in enumerate(columns):
        if index != time_column:
            commas += sum(re.fullmatch(r"-?[\d.]*\d,\d+", cell) is not None for cell in cells)
            points += sum(re.fullmatch(r"-?[\d,]*\d\.\d+", cell) is not None for cell in cells)
    return "," if commas > points else "."


def _suggestions(columns: list[list[str]], layout: Layout) -> tuple[ValueColumn, ...]:
    found: list[ValueColumn] = []
    for index, cells in enumerate(columns):
        if index in {layout.time_column, layout.clock_column} or len(found) >= limits.VALUE_COLUMNS:
            continue
        numbers = [n for cell in cells if cell and (n := number_read(cell, decimal=layout.decimal)) is not None]
        if numbers and len(numbers) >= 0.8 * sum(bool(cell) for cell in cells):
            found.append(_suggestion(index, layout.titles[index], numbers))
    return tuple(found)


def _suggestion(index: int, title: str, numbers: list[float]) -> ValueColumn:
    written = _UNIT.search(title)
    unit = written.group(0).replace("m³", "m3") if written else "W"
    kind: ValueKind = "mean"
    if unit.lower().endswith("wh") or unit in {"m3", "l"}:
        rising = len(numbers) > 2 and all(a <= b for a, b in itertools.pairwise(numbers)) and numbers[0] > 0
        kind = "counter" if rising and numbers[-1] > numbers[0] else "interval"
    elif unit in {"V", "A", "Hz", "%"}:
        kind = "gauge"
    quantity = _QUANTITY_OF_UNIT.get(unit) or next(
        (name for name, hint in _HINTS if hint.search(title)), "import_energy"
    )
    assert kind in get_args(ValueKind)
    return ValueColumn(column=index, quantity=quantity, kind=kind, unit=unit)
