"""Time series in parts of some days, through the store's own face: whatever layer a reading lies in, it comes once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar
from uuid import UUID

import numpy as np

from telemetry.errors import StoreBusyError, StoreUnavailableError
from telemetry.model import DAY_MS, QUARTER_MS, Columns, Kind, Series
from telemetry.selectors import bounds, scan, series_all, totals

Answer = TypeVar("Answer")

PAUSES_S = (0.5, 1, 2, 4, 8)
# Readings in one part: some megabytes.
WANTED = 250_000
_LONGEST_DAYS = 366
_FIRST_DAYS = 8
_MAX_TOTALS_MS = 50 * 365 * DAY_MS


def patiently(call: Callable[[], Answer]) -> Answer:
    """Ask again for a while when the store cannot be reached; everything that is asked here may be asked twice."""
    for pause in PAUSES_S:
        try:
            return call()
        except (StoreUnavailableError, StoreBusyError):
            time.sleep(pause)
    return call()


def series_listed() -> list[Series]:
    """Return every series in the order of their ids: the same everywhere."""
    return sorted(series_all(), key=lambda one: one.id)


def series_plain(series: Series) -> list[Any]:
    """Return a series in the stream's form."""
    facts = [series.unit, series.kind.value, series.interval_ms, series.gap_ms, series.simulated]
    return [series.id.bytes, *facts]


def series_of(plain: list[Any]) -> Series:
    """Return a series from the stream's form."""
    key, unit, kind, interval_ms, gap_ms, simulated = plain
    return Series(UUID(bytes=key), unit, Kind(kind), interval_ms, gap_ms, simulated)


def parts(series: Series) -> Iterator[Columns]:
    """Yield all readings of a series, some days at a time: as many as make a part of about the wanted length."""
    ends = patiently(lambda: bounds(series_id=series.id))
    if ends is None:
        return
    at, end, days = ends[0] // DAY_MS * DAY_MS, ends[1] + 1, _FIRST_DAYS
    while at < end:
        upto = min(end, at + days * DAY_MS)
        columns = patiently(partial(scan, series_id=series.id, start_ms=at, end_ms=upto))
        if len(columns):
            # What -0 means is 0, and not every layer can tell them apart.
            yield Columns(columns.times, columns.values + 0.0, columns.quality)
        days = min(_LONGEST_DAYS, max(1, days * WANTED // max(1, len(columns))))
        at = upto


def columns_pack(columns: Columns) -> list[Any]:
    """Return readings as bytes: differences of times and values by significance, which packs well; and quality."""
    steps = np.diff(columns.times, prepend=np.int64(0)).astype("<i8")
    values = columns.values.astype("<f8")
    return [len(columns), _planes(steps), _planes(values), columns.quality.tobytes()]


def columns_unpack(count: int, steps: bytes, values: bytes, quality: bytes) -> Columns:
    """Return readings from their bytes."""
    times = np.cumsum(_whole(steps, count).view("<i8").astype(np.int64))
    floats = _whole(values, count).view("<f8").astype(np.float64)
    return Columns(times, floats, np.frombuffer(quality, np.uint8, count))


def _planes(numbers: Any) -> bytes:
    return bytes(numbers.view(np.uint8).reshape(-1, 8).T.tobytes())


def _whole(data: bytes, count: int) -> Any:
    return np.ascontiguousarray(np.frombuffer(data, np.uint8, 8 * count).reshape(8, count).T).reshape(-1)


class Tally:
    """What the readings of a series amount to, however they were cut into parts."""

    def __init__(self) -> None:
        self.readings = 0
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self._hashes = [hashlib.blake2b(digest_size=16) for _column in range(3)]

    def add(self, columns: Columns) -> None:
        """Count some in, in the order of their times."""
        if self.first_ms is None:
            self.first_ms = int(columns.times[0])
        self.last_ms = int(columns.times[-1])
        self.readings += len(columns)
        for digest, column in zip(self._hashes, (columns.times, columns.values, columns.quality), strict=True):
            digest.update(np.ascontiguousarray(column).tobytes())

    def proof(self, series: Series, *, quarters: bool) -> dict[str, Any]:
        """Return facts, count, hash of the readings, and what the quarters derived from them add up to.

        Not of a series that is being written: its quarters would know more than was read.
        """
        whole = hashlib.blake2b(b"".join(one.digest() for one in self._hashes), digest_size=16).hexdigest()
        found: dict[str, Any] = {"facts": series_plain(series)[1:], "readings": self.readings, "hash": whole}
        if quarters:
            found["quarters"] = self._quarters(series)
        return found

    def _quarters(self, series: Series) -> list[str]:
        """Exact energy (in millionths of the unit) and how many quarters are whole, and estimated."""
        if self.first_ms is None or self.last_ms is None:
            return ["0", "0", "0"]
        first = self.first_ms // QUARTER_MS * QUARTER_MS
        last = max(self.last_ms // QUARTER_MS * QUARTER_MS + QUARTER_MS, first + QUARTER_MS)
        edges = np.array([*range(first, last, _MAX_TOTALS_MS), last], np.int64)
        sums = [0, 0, 0]
        for low, high in pairwise(edges):
            edges_ms = np.array([low, high], np.int64)
            found = patiently(partial(totals, series_ids=[series.id], edges_ms=edges_ms))
            sums[0] += int(found.energy.sum())
            sums[1] += int(found.covered.sum())
            sums[2] += int(found.estimated.sum())
        return [str(one) for one in sums]
