"""What is exported is what was shown, and no spreadsheet runs anything in it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import openpyxl
import pytest

from myhouse.exports import Column, Table, UnableToExport, table_csv, table_xlsx, xlsx

COLUMNS = (
    Column("Start", kind="time"),
    Column("Import", "Wh"),
    Column("Cost", "EUR", decimals=4),
    Column("Note", kind="text"),
)
ROWS = [
    (datetime(2021, 3, 28, 0, 45, tzinfo=UTC), 159, Decimal("0.0412"), "night"),
    (1_616_893_200_000, None, 1.5, '=HYPERLINK("http://x")'),
    (datetime(2021, 3, 28, 1, 15, tzinfo=UTC), -3, float("nan"), "ok\x00"),
]


def table(rows=ROWS, zone="Europe/Berlin"):
    return Table("Day", COLUMNS, rows, zone=zone)


def read_csv(shown):
    return list(csv.reader(io.StringIO(b"".join(table_csv(shown)).decode("utf-8-sig"))))


def read_xlsx(shown):
    file = io.BytesIO()
    table_xlsx(shown, file)
    return openpyxl.load_workbook(file).worksheets[0]


def test_csv_names_the_unit_of_every_column_and_the_zone_of_times():
    assert read_csv(table())[0] == ["Start (Europe/Berlin)", "Import (Wh)", "Cost (EUR)", "Note"]


def test_csv_writes_local_times_with_their_offset_across_the_clock_change():
    assert [row[0] for row in read_csv(table())[1:]] == [
        "2021-03-28T01:45:00.000+01:00",
        "2021-03-28T03:00:00.000+02:00",
        "2021-03-28T03:15:00.000+02:00",
    ]


def test_csv_writes_utc_as_z():
    assert read_csv(table(zone="UTC"))[1][0] == "2021-03-28T00:45:00.000Z"


def test_csv_keeps_negative_numbers_and_leaves_gaps_empty():
    assert [row[1:3] for row in read_csv(table())[1:]] == [["159", "0.0412"], ["", "1.5"], ["-3", ""]]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1"])
def test_csv_neutralises_text_that_starts_like_a_formula(text):
    shown = Table("t", [Column("Note", kind="text")], [(text,)])
    assert read_csv(shown)[1][0].startswith("'")


def test_csv_comes_in_pieces_however_long_it_is():
    shown = Table("t", [Column("n")], ((n,) for n in range(5_000)))
    pieces = list(table_csv(shown))
    assert len(pieces) == 3
    assert b"".join(pieces).count(b"\r\n") == 5_001


def test_excel_shows_the_same_cells_as_csv():
    sheet = read_xlsx(table())
    assert [cell.value for cell in sheet[1]] == ["Start (Europe/Berlin)", "Import (Wh)", "Cost (EUR)", "Note"]
    assert [cell.value for cell in sheet[2]] == [datetime(2021, 3, 28, 1, 45), 159, 0.0412, "night"]
    assert sheet[3][1].value is None


def test_excel_text_that_looks_like_a_formula_stays_text():
    assert read_xlsx(table())[3][3].data_type == "s"


def test_excel_writes_dates_as_dates():
    shown = Table("t", [Column("Day", kind="date")], [(date(2021, 3, 28),)])
    assert read_xlsx(shown)["A2"].value == datetime(2021, 3, 28)


def test_excel_refuses_more_rows_than_a_sheet_holds(monkeypatch):
    monkeypatch.setattr(xlsx, "MAX_ROWS", 2)
    with pytest.raises(UnableToExport, match="CSV"):
        table_xlsx(table(), io.BytesIO())


def test_excel_survives_any_title():
    shown = Table("[a]:*?/\\" * 9, [Column("n")], [(1,)])
    assert read_xlsx(shown)["A2"].value == 1
