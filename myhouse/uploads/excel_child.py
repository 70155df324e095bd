"""A program: one sheet of a workbook as CSV, within limits; imports nothing of the product, so it starts fast.

usage: excel_child.py WORKBOOK TARGET SHEET MEMORY_BYTES SECONDS ROWS COLUMNS; answers one line of JSON.
"""

from __future__ import annotations

import csv
import json
import resource
import sys
from datetime import date, datetime, time, timedelta
from typing import Any


class Refused(Exception):
    """The workbook cannot be converted; the word tells why."""


def main(arguments: list[str]) -> dict[str, Any]:
    """Convert and say which sheets there are, or what was wrong."""
    path, target, wanted = arguments[:3]
    memory, seconds, rows_max, columns_max = map(int, arguments[3:7])
    import python_calamine

    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    names: list[str] = []
    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        names = book.sheet_names
        sheet = _sheet(book, wanted, rows_max)
        _write(sheet, target, columns_max)
    except Refused as refused:
        return {"error": str(refused), "sheets": names}
    except python_calamine.PasswordError:
        return {"error": "password"}
    except MemoryError:
        return {"error": "memory"}
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        return {"error": "damaged", "reason": str(error)[:200]}
    return {"sheets": names, "sheet": sheet.name}


def _sheet(book: Any, wanted: str, rows_max: int) -> Any:
    """The sheet by its name, or the first with more than one row."""
    if wanted and wanted not in book.sheet_names:
        raise Refused("sheet")
    for name in [wanted] if wanted else book.sheet_names[:50]:
        sheet = book.get_sheet_by_name(name)
        if sheet.total_height > rows_max:
            raise Refused("rows")
        if sheet.height > 1:
            return sheet
    raise Refused("empty")


def _write(sheet: Any, target: str, columns_max: int) -> None:
    with open(target, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in sheet.iter_rows():
            writer.writerow([cell_text(cell) for cell in row[:columns_max]])


def cell_text(cell: Any) -> str:
    """One cell as text: whole numbers without a point, times as ISO wall-clock times."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        # Excel stores days as fractions: half a millisecond of error is rounded away.
        return (cell + timedelta(microseconds=500)).isoformat(sep=" ", timespec="milliseconds")
    if isinstance(cell, time | date):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return "" if cell is None else str(cell)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))  # noqa: T201 - the answer
