"""An installation into the stream: documents, then the time series and files that they name.

What is created meanwhile is then too much in the stream, never too little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from config.installation import PRODUCT
from config.transfer import documents, files, series
from config.transfer.schema import migrations_own, source_check
from config.transfer.state import State
from config.transfer.stream import FORMAT, Sink

# What is being done, how far, out of how many.
Progress = Callable[[str, int, int], None]
SERIES_AT_ONCE = 1_000


def key_print(secret: str) -> str:
    """Return what tells one SECRET_KEY from another and gives neither away."""
    return hashlib.sha256(b"the key of an installation " + secret.encode()).hexdigest()[:16]


class Reader:
    """Reads the installation that this process is set up for."""

    def __init__(self, sink: Sink, *, done: State, proven: bool, progress: Progress) -> None:
        self._sink = sink
        self._done = done
        self._proven = proven
        self._progress = progress
        self._proof: dict[str, Any] = {"documents": {}, "series": {}, "files": {}}

    def run(self, *, with_files: bool) -> None:
        """Write everything; `proven` adds what the target must amount to, and reads documents at one moment."""
        source_check()
        with documents.one_moment() if self._proven else nullcontext():
            self._documents()
        self._series()
        if with_files:
            self._files(Path(settings.VAR_DIR))
        if self._proven:
            self._proof["ledger"] = documents.ledger_hash(self._proof["documents"])
            self._sink.put("proof", self._proof)
        self._sink.close()

    def _documents(self) -> None:
        forms = documents.forms()
        counts = {form.label: form.count() for form in forms}
        begin = {
            "format": FORMAT,
            "product": PRODUCT,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "key": key_print(settings.SECRET_KEY),
            "migrations": migrations_own(),
            "rows": counts,
        }
        self._sink.put("begin", begin)
        total, read = sum(counts.values()), 0
        for form in forms:
            self._sink.put("model", form.label, form.columns)
            at = self._done.rows.get(form.label, 0)
            read += at
            tally = form.tally()
            for rows in form.rows(at):
                self._sink.put("rows", at, rows)
                tally.add(rows)
                at += len(rows)
                read += len(rows)
                self._progress("documents", read, max(total, read))
            self._proof["documents"][form.label] = tally.proof()

    def _series(self) -> None:
        every = series.series_listed()
        for first in range(0, len(every), SERIES_AT_ONCE):
            some = every[first : first + SERIES_AT_ONCE]
            self._sink.put("series", len(every), [series.series_plain(one) for one in some])
        for at, one in enumerate(every):
            if at < self._done.series:
                continue
            tally = series.Tally()
            for columns in series.parts(one):
                self._sink.put("readings", at, *series.columns_pack(columns))
                tally.add(columns)
            if self._proven:
                self._proof["series"][str(one.id)] = tally.proof(one, quarters=False)
            self._progress("time series", at + 1, len(every))

    def _files(self, folder: Path) -> None:
        for name in files.files_listed(folder):
            self._sink.put("file", name)
            digest = hashlib.sha256()
            for data in files.chunks(folder / name):
                self._sink.put("bytes", data)
                digest.update(data)
            self._proof["files"][name] = digest.hexdigest()


def read(file: IO[bytes], *, level: int, done: State, proven: bool, with_files: bool, progress: Progress) -> None:
    """Write the stream of this process's installation into a file or pipe."""
    Reader(Sink(file, level=level), done=done, proven=proven, progress=progress).run(with_files=with_files)


def proof_of(*, with_files: bool, progress: Progress) -> dict[str, Any]:
    """Read everything once more and return what it amounts to."""
    forms = documents.forms()
    proofs: dict[str, Any] = {}
    total, done = sum(form.count() for form in forms), 0
    for form in forms:
        tally = form.tally()
        for rows in form.rows():
            tally.add(rows)
            done += len(rows)
            progress("comparing documents", done, max(total, done))
        proofs[form.label] = tally.proof()
    folder = Path(settings.VAR_DIR)
    names = files.files_listed(folder) if with_files else ()
    return {
        "documents": proofs,
        "ledger": documents.ledger_hash(proofs),
        "series": dict(_series_proofs(progress)),
        "files": {name: files.file_digest(folder / name) for name in names},
    }


def _series_proofs(progress: Progress) -> Iterator[tuple[str, dict[str, Any]]]:
    every = series.series_listed()
    for at, one in enumerate(every):
        tally = series.Tally()
        for columns in series.parts(one):
            tally.add(columns)
        yield str(one.id), tally.proof(one, quarters=True)
        progress("comparing time series", at + 1, len(every))
