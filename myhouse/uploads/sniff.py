"""Finding out what a file is before anything reads it as a whole."""

from __future__ import annotations

import codecs
import csv
import zipfile
from collections import Counter
from pathlib import Path
from typing import Literal

from django.utils.translation import gettext as _

from myhouse.uploads.errors import UnableToImport

FileKind = Literal["csv", "xlsx", "ods", "xls"]
ENCODINGS = ("utf-8-sig", "utf-8", "latin-1", "utf-16")
# A comma comes last: where the decimal sign is a comma, it is as regular as a delimiter.
DELIMITERS = (";", "\t", "|", ",")
_SAMPLE_BYTES = 65_536
_SAMPLE_LINES = 60


def kind_of(path: Path) -> FileKind:
    """Tell what a file is by its content, whatever its name says."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE_BYTES)
    if not head.strip():
        raise UnableToImport(_("The file is empty. Choose a file with a column of times and one of values."))
    if head.startswith(b"PK"):
        return _office_kind(path)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "xls"
    if not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\x00" in head:
        raise UnableToImport(_("This is neither a CSV nor an Excel file. Export the readings as CSV or .xlsx."))
    return "csv"


def _office_kind(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist()[:5_000])
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnableToImport(_("The Excel file is damaged. Save it again, or export it as CSV.")) from error
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "content.xml" in names:
        return "ods"
    raise UnableToImport(_("This archive is not a workbook. Unpack it and choose the CSV or .xlsx file inside."))


def encoding_of(path: Path) -> str:
    """Tell the encoding: a byte order mark decides, then whether all of it is UTF-8, else Latin-1."""
    with path.open("rb") as file:
        head = file.read(4)
        if head.startswith(codecs.BOM_UTF8):
            return "utf-8-sig"
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while piece := file.read(1 << 20):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"


def delimiter_of(lines: list[str]) -> str:
    """Tell the delimiter: the one that cuts most lines into the same number of cells, more than one."""
    best, best_share = ",", 0.0
    for delimiter in DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        except csv.Error:
            continue
        width, count = max(
            ((width, count) for width, count in widths.items() if width > 1), key=lambda pair: pair[1], default=(1, 0)
        )
        share = count / max(sum(widths.values()), 1)
        if width > 1 and share > best_share + 0.2:
            best, best_share = delimiter, share
    return best


def sample_lines(path: Path, encoding: str) -> list[str]:
    """The first lines of a text file."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE_BYTES)
    text = head.decode(encoding, errors="ignore")
    lines = text.splitlines(keepends=True)
    return lines[: min(_SAMPLE_LINES, max(len(lines) - 1, 1) if len(head) == _SAMPLE_BYTES else len(lines))]
