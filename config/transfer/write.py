"""The stream into an empty installation, or on into one in which an earlier attempt was interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection, models

from config.transfer.documents import Form, forms, rows_of
from config.transfer.errors import UnableToTransfer
from config.transfer.files import FilesIn
from config.transfer.read import Progress
from config.transfer.schema import migrations_compare
from config.transfer.series import columns_unpack, patiently, series_of
from config.transfer.state import State, state_begin, state_read, state_write, unlocked
from config.transfer.stream import FORMAT, frames
from myhouse.documents.atomic import atomic
from telemetry.model import DAY_MS, Batch, Series
from telemetry.services import history_write, quarters_refresh, series_register_many

READINGS_AT_ONCE = 400_000


class Writer:
    """Takes frames in their order. What is written is noted in the same transaction: nothing comes twice."""

    def __init__(self, state: State, *, progress: Progress) -> None:
        self.state = state
        self._progress = progress
        self._forms: dict[str, Form] = {}
        self._form: Form | None = None
        self._written = self._total = 0
        self._series: list[Series] = []
        self._series_total = 0
        self._waiting: list[tuple[int, Batch]] = []
        self._files = FilesIn(Path(settings.VAR_DIR))
        self.proof: dict[str, Any] | None = None

    def take(self, kind: str, *values: Any) -> None:
        """Write what a frame holds."""
        if not self._forms and kind != "begin":
            raise UnableToTransfer("The stream does not say first what it holds: it is damaged.")
        known: dict[str, Callable[..., None]] = {
            "begin": self._begin,
            "model": self._model,
            "rows": self._rows,
            "series": self._register,
            "readings": self._readings,
            "file": self._files.begin,
            "bytes": self._files.add,
            "proof": self._keep_proof,
        }
        if kind != "end":
            known[kind](*values)
            return
        self._readings_write()
        self.state.series = len(self._series)
        state_write(self.state)
        self._files.end()

    def _begin(self, begin: dict[str, Any]) -> None:
        begin_check(begin)
        self._forms = {form.label: form for form in forms()}
        self._total = sum(begin["rows"].values())
        self._written = sum(self.state.rows.values())

    def _model(self, label: str, columns: list[str]) -> None:
        self._form = self._forms.get(label)
        if self._form is None or self._form.columns != columns:
            raise UnableToTransfer(f"The stream's {label} has other fields than this version's: use one version.")

    def _rows(self, first: int, rows: list[list[Any]]) -> None:
        assert self._form is not None
        rows = rows[max(0, self.state.rows.get(self._form.label, 0) - first) :]
        if rows:
            self._written += len(rows)
            self.state = unlocked(partial(_rows_write, self._form.label, self._form.objects(rows), self.state))
        self._progress("documents", self._written, max(self._total, self._written))

    def _register(self, total: int, plain: list[list[Any]]) -> None:
        some = [series_of(one) for one in plain]
        self._series += some
        self._series_total = total
        patiently(partial(series_register_many, series=some))

    def _readings(self, at: int, *packed: Any) -> None:
        if at < self.state.series:
            return
        columns = columns_unpack(*packed)
        batch = Batch.of(self._series[at].id, columns.times, columns.values, columns.quality)
        self._waiting.append((at, batch))
        if sum(len(one) for _at, one in self._waiting) >= READINGS_AT_ONCE:
            self._readings_write()

    def _readings_write(self) -> None:
        """Write what waits: whole days, sealed at once; those after now (prices of tomorrow) too."""
        if not self._waiting:
            return
        batch = Batch.concat([one for _at, one in self._waiting])
        last = max(int(batch.times.max()), time.time_ns() // 1_000_000)
        patiently(partial(history_write, batch=batch, now_ms=(last // DAY_MS + 1) * DAY_MS))
        # Derived while whole months of few series wait: later it would be some days of every series at a time.
        quarters_derive()
        # The newest one may go on in the next part: it is not whole yet.
        self.state.series = self._waiting[-1][0]
        self.state.readings += len(batch)
        state_write(self.state)
        self._waiting = []
        self._progress("time series", self.state.series, self._series_total)

    def _keep_proof(self, proof: dict[str, Any]) -> None:
        self.proof = proof


@atomic
def _rows_write(label: str, rows: Sequence[models.Model], state: State) -> State:
    """Write some rows and that they are written."""
    there = state_read()
    if there is None or there.rows != state.rows:
        raise UnableToTransfer("Another transfer writes into the same target: let one of them end.")
    rows_of(type(rows[0])).bulk_create(rows)
    fresh = State(
        source=state.source,
        rows={**state.rows, label: state.rows.get(label, 0) + len(rows)},
        series=state.series,
        readings=state.readings,
    )
    state_write(fresh)
    return fresh


def begin_check(begin: dict[str, Any]) -> None:
    """Refuse a stream that this version cannot read."""
    if begin["format"] > FORMAT:
        raise UnableToTransfer(f"It was written by version {begin['product']}, newer than this one: update first.")
    migrations_compare(set(begin["migrations"]), f"It was made by version {begin['product']}: its documents were")


def write(file: IO[bytes], *, source: str, progress: Progress) -> dict[str, Any]:
    """Write the stream into this process's installation; returns how much that was."""
    # Rows may name others that come later; whether all are there is seen at the end.
    connection.disable_constraint_checking()
    state = state_read() or state_begin(source)
    writer = Writer(state, progress=progress)
    for frame in frames(file):
        writer.take(*frame)
    connection.check_constraints()
    quarters_derive()
    return {
        "rows": sum(writer.state.rows.values()),
        "series": writer.state.series,
        "readings": writer.state.readings,
    }


def quarters_derive() -> None:
    """Derive the quarters of all days that have ended."""
    patiently(partial(quarters_refresh, now_ms=time.time_ns() // 1_000_000))
