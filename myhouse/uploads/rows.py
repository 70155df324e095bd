"""The cells of a file, some thousand rows at a time, as text."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from django.utils.translation import gettext as _

from myhouse.uploads import excel, limits, sniff
from myhouse.uploads.errors import UnableToImport

CHUNK_ROWS = 50_000
Row = list[str]


@dataclass(frozen=True)
class Source:
    """A file as text with a delimiter; a workbook has become one. `sheets` are those of the workbook."""

    path: Path
    kind: sniff.FileKind
    encoding: str
    delimiter: str
    sheets: tuple[str, ...] = ()
    sheet: str = ""

    def head(self, count: int) -> list[Row]:
        """The first rows."""
        with self._open() as reader:
            return reader.take(count)

    def chunks(self) -> Iterator[tuple[int, list[Row], float]]:
        """Yield (index of the first row, rows, share of the file read so far)."""
        size = max(self.path.stat().st_size, 1)
        index = 0
        with self._open() as reader:
            while True:
                rows = reader.take(CHUNK_ROWS)
                if not rows:
                    return
                if index + len(rows) > limits.ROWS:
                    message = _("The file has more than %(rows)d rows. Split it by year and import the parts.")
                    raise UnableToImport(message % {"rows": limits.ROWS})
                yield index, rows, min(reader.bytes_read() / size, 1.0)
                index += len(rows)

    @contextmanager
    def _open(self) -> Iterator[_Reader]:
        with (
            self.path.open("rb") as raw,
            open(raw.fileno(), encoding=self.encoding, newline="", closefd=False) as text,
        ):
            yield _Reader(raw.fileno(), text, self.delimiter)


class _Reader:
    """A CSV reader that knows how far into the file it is."""

    def __init__(self, descriptor: int, text: TextIO, delimiter: str) -> None:
        self._descriptor = descriptor
        self._reader = csv.reader(text, delimiter=delimiter)

    def take(self, count: int) -> list[Row]:
        """The next rows; fewer at the end."""
        try:
            return list(itertools.islice(self._reader, count))
        except (csv.Error, UnicodeError) as error:
            message = _("Row %(row)d cannot be read: %(reason)s. Save the file as CSV again.")
            raise UnableToImport(message % {"row": self._reader.line_num, "reason": error}) from error

    def bytes_read(self) -> int:
        """How far the file has been read."""
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)


@contextmanager
def source_open(
    path: Path, *, encoding: str | None = None, delimiter: str | None = None, sheet: str = ""
) -> Iterator[Source]:
    """Open a CSV or Excel file; what is not given is detected. A workbook is turned into text while it is open."""
    kind = sniff.kind_of(path)
    if kind != "csv":
        with excel.converted(path, kind=kind, sheet=sheet) as (text_path, sheets, chosen):
            yield Source(text_path, kind, "utf-8", ",", sheets, chosen)
        return
    chosen_encoding = encoding or sniff.encoding_of(path)
    if chosen_encoding not in sniff.ENCODINGS:
        raise UnableToImport(
            _("Unknown encoding. Accepted: %(names)s.") % {"names": ", ".join(sniff.ENCODINGS)},
            field="mapping.encoding",
        )
    if delimiter is not None and len(delimiter) != 1:
        raise UnableToImport(_("The delimiter is one character."), field="mapping.delimiter")
    lines = sniff.sample_lines(path, chosen_encoding)
    yield Source(path, kind, chosen_encoding, delimiter or sniff.delimiter_of(lines))
