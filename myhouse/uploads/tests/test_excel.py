"""Workbooks, honest and hostile."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from datetime import datetime, timedelta

import openpyxl
import pytest
import xlsxwriter

from myhouse.uploads import limits
from myhouse.uploads.check import file_check
from myhouse.uploads.detect import layout_of
from myhouse.uploads.errors import UnableToImport
from myhouse.uploads.mapping import Mapping
from myhouse.uploads.rows import source_open

NOW_MS = 1_750_000_000_000
ROWS = [(datetime(2021, 2, 1) + timedelta(minutes=15 * n), n * 0.25) for n in range(8)]


def workbook(path, *, rows=ROWS, titles=("Zeit", "Bezug [kWh]"), top=0, left=0, before=()):
    book = xlsxwriter.Workbook(str(path))
    for name in before:
        book.add_worksheet(name)
    sheet = book.add_worksheet("Lastgang")
    moment = book.add_format({"num_format": "dd.mm.yyyy hh:mm"})
    sheet.write_row(top, left, titles)
    for number, (at, value) in enumerate(rows, start=top + 1):
        sheet.write_datetime(number, left, at, moment)
        sheet.write(number, left + 1, value)
    book.close()
    return path


def check(path, **options):
    with source_open(path, **options) as source:
        layout = layout_of(source)
        mapping = Mapping(values=layout.suggestions, time_column=layout.time_column)
        return file_check(source, mapping=mapping, zone="Europe/Berlin", now_ms=NOW_MS)


def test_reads_times_and_numbers_of_a_workbook(tmp_path):
    checked = check(workbook(tmp_path / "a.xlsx"))
    assert checked.times[0] == 1_612_134_000_000
    assert checked.values[0].tolist() == [n * 0.25 for n in range(8)]
    assert checked.rejections.rows == 0


def test_row_numbers_are_those_of_the_sheet(tmp_path):
    rows = [*ROWS[:3], (ROWS[3][0], "broken"), *ROWS[4:]]
    checked = check(workbook(tmp_path / "a.xlsx", rows=rows, top=4, left=2))
    assert [r.row for r in checked.rejections.listed] == [9]


def test_takes_the_first_sheet_with_rows_and_names_all(tmp_path):
    path = workbook(tmp_path / "a.xlsx", before=["Cover"])
    with source_open(path) as source:
        assert (source.sheets, source.sheet) == (("Cover", "Lastgang"), "Lastgang")


def test_an_unknown_sheet_is_refused_with_the_names_of_those_there(tmp_path):
    with pytest.raises(UnableToImport, match="Lastgang") as refused:
        check(workbook(tmp_path / "a.xlsx"), sheet="Other")
    assert refused.value.field == "mapping.sheet"


def test_a_formula_gives_the_value_stored_with_it_and_nothing_is_calculated(tmp_path):
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["ts", "W"])
    for number in range(5):
        sheet.write_number(number + 1, 0, 1_613_343_600 + 900 * number)
        sheet.write_formula(number + 1, 1, "=1+1", None, 2)
    book.close()
    assert check(path).values[0].tolist() == [2.0] * 5


def test_text_that_looks_like_a_formula_is_refused_as_a_value(tmp_path):
    rows = [*ROWS[:7], (ROWS[7][0], "x")]
    path = workbook(tmp_path / "a.xlsx", rows=rows)
    book = openpyxl.load_workbook(path)
    book.active["B9"].value = "=cmd|' /C calc'!A0"
    book.active["B9"].data_type = "s"
    book.save(path)
    assert [(r.row, r.reason) for r in check(path).rejections.listed] == [(9, "not a number")]


def test_titles_lose_what_would_make_them_formulas(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("ts,=HYPERLINK()\n1613343600,1\n1613344500,2\n", encoding="utf-8")
    with source_open(path) as source:
        assert layout_of(source).titles == ("ts", "HYPERLINK()")


def _xlsx(sheet: bytes) -> bytes:
    """A workbook around one sheet's XML."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made)
    book.add_worksheet("S").write(0, 0, 1)
    book.close()
    out = io.BytesIO()
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, sheet if "worksheets/" in entry.filename else old.read(entry))
    return out.getvalue()


def refused(tmp_path, content: bytes) -> str:
    path = tmp_path / "bomb.xlsx"
    path.write_bytes(content)
    with pytest.raises(UnableToImport) as error:
        check(path)
    return error.value.message


def test_refuses_a_workbook_that_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UNPACKED_BYTES", 5_000_000)
    assert "too large" in refused(tmp_path, _xlsx(b" " * 10_000_000))


def test_refuses_a_bomb_whose_directory_lies_about_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UNPACKED_BYTES", 5_000_000)
    content = bytearray(_xlsx(b" " * 10_000_000))
    assert content.count(struct.pack("<I", 10_000_000)) == 2
    lying = bytes(content).replace(struct.pack("<I", 10_000_000), struct.pack("<I", 1_000))
    assert "too large" in refused(tmp_path, lying)


def test_refuses_one_cell_at_the_far_corner_of_the_sheet(tmp_path):
    sheet = b'<worksheet><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
    sheet += b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    assert "too large" in refused(tmp_path, _xlsx(sheet))


def test_a_reader_that_eats_memory_is_ended_and_the_file_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "SHEET_CELLS", 10**12)
    monkeypatch.setattr(limits, "CONVERTER_MEMORY_BYTES", 400_000_000)
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    sheet = b"<worksheet " + space + b'><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
    sheet += b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    assert "too large" in refused(tmp_path, _xlsx(sheet))


def test_refuses_overlapping_entries(tmp_path):
    """One packed kernel that thousands of entries point to is counted for each of them."""
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = kernel.compress(b" " * 1_000_000) + kernel.flush()
    local = (
        struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), 1_000_000, 15, 0) + b"xl/workbook.xml"
    )
    body, directory = local + packed, b""
    for number in range(1_500):
        name = f"e{number}".encode() if number else b"xl/workbook.xml"
        directory += struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            b"PK\1\2",
            20,
            20,
            0,
            8,
            0,
            0,
            0,
            len(packed),
            1_000_000,
            len(name),
            0,
            0,
            0,
            0,
            0,
            0,
        )
        directory += name
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1_500, 1_500, len(directory), len(body), 0)
    assert refused(tmp_path, body + directory + end)


@pytest.mark.parametrize("cut", [30, 500, 2_000])
def test_refuses_a_truncated_workbook(tmp_path, cut):
    whole = workbook(tmp_path / "a.xlsx").read_bytes()
    assert "damaged" in refused(tmp_path, whole[:-cut])


def test_refuses_an_archive_that_is_no_workbook(tmp_path):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("readings.csv", "ts,W\n")
    assert "not a workbook" in refused(tmp_path, made.getvalue())


def _ods(rows: str) -> bytes:
    """An OpenDocument sheet around some rows."""
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = f"<office:document-content {spaces}><office:body><office:spreadsheet>"
    content += f'<table:table table:name="S">{rows}</table:table>'
    content += "</office:spreadsheet></office:body></office:document-content>"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", '<?xml version="1.0"?><manifest/>')
        archive.writestr("content.xml", content)
    return made.getvalue()


def _cell(value: object, repeated: str = "") -> str:
    kind = "string" if isinstance(value, str) else "float"
    given = "" if kind == "string" else f' office:value="{value}"'
    return (
        f'<table:table-cell office:value-type="{kind}"{given} {repeated}><text:p>{value}</text:p></table:table-cell>'
    )


def test_reads_an_open_document_sheet(tmp_path):
    rows = [("ts", "W"), *((1_613_343_600 + 900 * n, 100 + n) for n in range(5))]
    body = "".join(f"<table:table-row>{''.join(map(_cell, row))}</table:table-row>" for row in rows)
    path = tmp_path / "a.ods"
    path.write_bytes(_ods(body))
    checked = check(path)
    assert checked.values[0].tolist() == [100.0 + n for n in range(5)]


def test_refuses_an_open_document_sheet_that_repeats_a_cell_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "CONVERTER_MEMORY_BYTES", 400_000_000)
    cell = _cell(1, 'table:number-columns-repeated="16384"')
    rows = f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>'
    assert refused(tmp_path, _ods(rows))
