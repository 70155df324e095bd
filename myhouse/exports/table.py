"""What an export shows: columns with their units, rows in the order of the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

# A time is an aware datetime, or whole milliseconds since the epoch in UTC (long raw exports).
Cell = str | int | float | Decimal | datetime | date | None
Kind = Literal["text", "number", "time", "date"]

# What a spreadsheet takes for a formula, or skips before it looks for one.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
# Characters that neither XML nor a spreadsheet can carry.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class UnableToExport(Exception):
    """The table cannot be written in this format; the message says what can be done instead."""


@dataclass(frozen=True)
class Column:
    """A column: its title in the reader's language, the unit of its numbers, how many decimals they show."""

    title: str
    unit: str = ""
    kind: Kind = "number"
    decimals: int = 0

    @property
    def heading(self) -> str:
        """Title and unit as one line, as it heads the column."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True)
class Table:
    """What is exported; `rows` may be a generator, it is read once. Times are shown in `zone`."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]
    zone: str = "UTC"

    def moment(self, cell: datetime | int) -> datetime:
        """Turn a time cell into the table's own zone."""
        aware = cell if isinstance(cell, datetime) else datetime.fromtimestamp(cell / 1000, UTC)
        if aware.tzinfo is None:
            raise ValueError("A time in a table needs its zone.")
        return aware.astimezone(ZoneInfo(self.zone))

    def headings(self) -> list[str]:
        """Column headings; a column of times names the zone."""
        return [
            f"{column.title} ({column.unit or self.zone})" if column.kind == "time" else column.heading
            for column in self.columns
        ]


def text_clean(text: str) -> str:
    """Drop what no file format here can carry."""
    return _CONTROL.sub("", text)


def text_neutral(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula when it opens the file."""
    clean = text_clean(text)
    return "'" + clean if clean.lstrip(" ").startswith(FORMULA_STARTS) else clean


def iso_time(moment: datetime) -> str:
    """ISO 8601 with milliseconds and the offset; UTC as Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
