"""A table as CSV (RFC 4180, UTF-8, decimal point), piece by piece."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from myhouse.exports.table import Cell, Column, Table, iso_time, text_neutral

ROWS_PER_PIECE = 2_000


def table_csv(table: Table) -> Iterator[bytes]:
    """Yield the file in pieces of some thousand rows; begins with a byte order mark, so that Excel reads UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    buffer.write("\ufeff")
    writer.writerow([text_neutral(heading) for heading in table.headings()])
    for number, row in enumerate(table.rows, start=1):
        writer.writerow(_row(table, row))
        if number % ROWS_PER_PIECE == 0:
            yield _emptied(buffer)
    yield _emptied(buffer)


def _emptied(buffer: io.StringIO) -> bytes:
    piece = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return piece


def _row(table: Table, row: Sequence[Cell]) -> list[str]:
    return [_text(table, column, cell) for column, cell in zip(table.columns, row, strict=True)]


def _text(table: Table, column: Column, cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return text_neutral(cell)
    if column.kind == "time" and isinstance(cell, datetime | int):
        return iso_time(table.moment(cell))
    if isinstance(cell, date | datetime):
        return cell.isoformat()
    return number_text(cell, decimals=column.decimals)


def number_text(number: float | Decimal, *, decimals: int) -> str:
    """A number with at most so many decimals, never in exponents; not a number is an empty cell."""
    if isinstance(number, int):
        return str(int(number))
    if not math.isfinite(number):
        return ""
    text = f"{number:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
