"""A table as an Excel workbook with one sheet, written row by row."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from decimal import Decimal
from os import PathLike
from typing import IO, Any

from myhouse.exports.table import Cell, Column, Table, UnableToExport, text_clean

MAX_ROWS = 1_000_000  # a sheet ends at 1,048,576 rows
EXCEL_TEXT_MAX = 32_767
_NOT_IN_A_SHEET_NAME = re.compile(r"[\[\]:*?/\\']")
_WIDTHS = {"time": 22, "date": 12, "text": 24, "number": 16}


def table_xlsx(table: Table, target: str | PathLike[str] | IO[bytes]) -> None:
    """Write the workbook to a path or an open file; one row at a time is in memory.

    Text is always written as text, so a cell that looks like a formula is none. Excel knows no zones:
    times are wall-clock times of the zone that the heading names.
    """
    import xlsxwriter

    book = xlsxwriter.Workbook(
        str(target) if isinstance(target, str | PathLike) else target,
        {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"},
    )
    try:
        sheet = book.add_worksheet(_sheet_name(table.title))
        formats = [_format(book, column) for column in table.columns]
        head = book.add_format({"bold": True, "bottom": 1})
        for index, column in enumerate(table.columns):
            sheet.set_column(index, index, _WIDTHS[column.kind])
        sheet.freeze_panes(1, 0)
        for index, heading in enumerate(table.headings()):
            sheet.write_string(0, index, text_clean(heading)[:EXCEL_TEXT_MAX], head)
        for number, row in enumerate(table.rows, start=1):
            if number > MAX_ROWS:
                raise UnableToExport(
                    f"An Excel sheet holds {MAX_ROWS:,} rows: choose a shorter period, or CSV, which has no limit."
                )
            for index, (column, cell) in enumerate(zip(table.columns, row, strict=True)):
                _put(sheet, number, index, _value(table, column, cell), formats[index])
    finally:
        book.close()


def _sheet_name(title: str) -> str:
    return _NOT_IN_A_SHEET_NAME.sub(" ", text_clean(title)).strip()[:31] or "Sheet1"


def _format(book: Any, column: Column) -> Any:
    if column.kind == "time":
        return book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    if column.kind == "date":
        return book.add_format({"num_format": "yyyy-mm-dd"})
    if column.kind == "number":
        return book.add_format({"num_format": "0." + "0" * column.decimals if column.decimals else "0"})
    return None


def _value(table: Table, column: Column, cell: Cell) -> str | float | Decimal | date | None:
    if isinstance(cell, str):
        return text_clean(cell)[:EXCEL_TEXT_MAX]
    if column.kind == "time" and isinstance(cell, datetime | int):
        return table.moment(cell).replace(tzinfo=None)
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    return cell


def _put(sheet: Any, row: int, index: int, value: str | float | Decimal | date | None, shape: Any) -> None:
    if isinstance(value, str):
        sheet.write_string(row, index, value)
    elif isinstance(value, date):
        sheet.write_datetime(row, index, value, shape)
    elif value is not None:
        sheet.write_number(row, index, value, shape)
