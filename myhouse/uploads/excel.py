"""Workbooks: inspected as an archive first, then read by a process with a memory and time limit of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from django.utils.translation import gettext as _

from myhouse.uploads import excel_child, limits
from myhouse.uploads.errors import UnableToImport

_PIECE = 1 << 18
# Cell references such as XFD1048576: one far cell makes a reader lay out the whole rectangle.
_REFERENCE = re.compile(rb"""<(?:\w+:)?(?:c|row)\b[^<>]{0,300}?\sr\s*=\s*["']([A-Za-z]{0,3})(\d{1,7})["']""")


@contextmanager
def converted(path: Path, *, kind: str, sheet: str = "") -> Iterator[tuple[Path, tuple[str, ...], str]]:
    """Give the sheet as a CSV file (UTF-8, comma, ISO wall-clock times), the names of all sheets, the one chosen.

    Formulas give the values stored with them; nothing is calculated.
    """
    if kind in {"xlsx", "ods"}:
        archive_inspect(path)
    with tempfile.TemporaryDirectory(prefix="myhouse-upload-") as folder:
        target = Path(folder) / "sheet.csv"
        answer = _run_child(path, target, sheet)
        yield target, tuple(answer["sheets"]), str(answer["sheet"])


def _run_child(path: Path, target: Path, sheet: str) -> dict[str, Any]:
    bounds = [str(limits.CONVERTER_MEMORY_BYTES), str(limits.CONVERTER_SECONDS), str(limits.ROWS), str(limits.COLUMNS)]
    command = [sys.executable, "-I", excel_child.__file__, str(path), str(target), sheet, *bounds]
    try:
        done = subprocess.run(  # noqa: S603 - our own program, arguments as a list
            command, capture_output=True, timeout=limits.CONVERTER_SECONDS + 5, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnableToImport(_too_large()) from error
    try:
        answer = json.loads(done.stdout.decode().strip().splitlines()[-1])
    except (ValueError, IndexError) as error:
        # Killed by its limits, or the reader broke: either way the file is the cause.
        raise UnableToImport(_too_large()) from error
    if answer.get("error") == "sheet":
        message = _("There is no sheet %(sheet)s. The workbook has: %(names)s.")
        names = ", ".join(answer["sheets"])
        raise UnableToImport(message % {"sheet": sheet, "names": names}, field="mapping.sheet")
    if answer.get("error") == "password":
        raise UnableToImport(_("The workbook is protected by a password. Save it without one."))
    if answer.get("error") == "empty":
        raise UnableToImport(_("The workbook has no sheet with rows in it. Choose another file."))
    if answer.get("error") in {"rows", "memory"}:
        raise UnableToImport(_too_large())
    if "error" in answer:
        raise UnableToImport(_("The Excel file is damaged. Save it again, or export it as CSV."))
    return dict(answer)


def _too_large() -> str:
    return _("The workbook is too large to be read safely. Export the sheet as CSV, or split it by year.")


def archive_inspect(path: Path) -> None:
    """Refuse a workbook that unpacks to too much or spans too many cells, before any reader opens it.

    Every entry is unpacked piece by piece and counted: what the directory claims is not believed.
    """
    try:
        with ZipFile(path) as archive, path.open("rb") as file:
            entries = archive.infolist()
            if len(entries) > limits.ZIP_ENTRIES or sum(e.file_size for e in entries) > limits.UNPACKED_BYTES:
                raise UnableToImport(_too_large())
            if sum(e.compress_size for e in entries) > path.stat().st_size:
                raise UnableToImport(_("The Excel file is damaged. Save it again, or export it as CSV."))
            left = limits.UNPACKED_BYTES
            for entry in entries:
                left -= _entry_inspect(file, entry, left)
    except (BadZipFile, zlib.error, OSError, ValueError, NotImplementedError) as error:
        raise UnableToImport(_("The Excel file is damaged. Save it again, or export it as CSV.")) from error


def _entry_inspect(file: BinaryIO, entry: ZipInfo, left: int) -> int:
    """Unpack one entry, hold no more than a piece of it, return its size."""
    extent = _Extent() if "worksheets/" in entry.filename else None
    size = 0
    for piece in _unpacked(file, entry):
        size += len(piece)
        if size > min(left, entry.file_size):
            raise UnableToImport(_too_large())
        if extent is not None:
            extent.add(piece)
    return size


def _unpacked(file: BinaryIO, entry: ZipInfo) -> Iterator[bytes]:
    if entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED} or entry.flag_bits & 1:
        raise BadZipFile
    file.seek(entry.header_offset)
    head = file.read(30)
    if len(head) < 30 or head[:4] != b"PK\x03\x04":
        raise BadZipFile
    file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
    unpacker = zlib.decompressobj(-15) if entry.compress_type == ZIP_DEFLATED else None
    left = entry.compress_size
    while left > 0:
        packed = file.read(min(_PIECE, left))
        if not packed:
            raise BadZipFile
        left -= len(packed)
        if unpacker is None:
            yield packed
            continue
        while packed:
            yield unpacker.decompress(packed, _PIECE)
            packed = unpacker.unconsumed_tail


class _Extent:
    """The rectangle a sheet's cells span, read from the text of the sheet as it is unpacked."""

    def __init__(self) -> None:
        self._rest = b""
        self._columns, self._rows = 0, 0

    def add(self, piece: bytes) -> None:
        """Look at the next piece; refuse as soon as the rectangle is too large."""
        text = self._rest + piece
        for column, row in _REFERENCE.findall(text):
            self._rows = max(self._rows, int(row))
            if column:
                self._columns = max(self._columns, _column_number(column))
        if self._columns * self._rows > limits.SHEET_CELLS:
            raise UnableToImport(_too_large())
        self._rest = text[-400:]


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
