"""What this machine knows of registered series, kept beside the spool: readings are checked by it meanwhile."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from telemetry.model import Kind, Series
from telemetry.stores.base import SeriesRow

logger = logging.getLogger(__name__)

_MADE = (
    "CREATE TABLE IF NOT EXISTS series (id BLOB PRIMARY KEY, key INTEGER NOT NULL, unit TEXT NOT NULL, "
    "kind TEXT NOT NULL, interval_ms INTEGER NOT NULL, gap_ms INTEGER NOT NULL, simulated INTEGER NOT NULL) "
    "WITHOUT ROWID"
)
_BUSY_S = 2.0
_AT_ONCE = 500


class SeriesCopy:
    """A file that may be lost: then it is filled anew as series are asked for."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "series.sqlite3"

    def put(self, rows: Iterable[SeriesRow]) -> None:
        """Keep these; never an error."""
        values = [
            (one.id.bytes, key, one.unit, one.kind.value, one.interval_ms, one.gap_ms, int(one.simulated))
            for key, one in rows
        ]
        if not values:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._open() as database, database:
                database.executemany("INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        except sqlite3.OperationalError as error:
            logger.warning("What series there are could not be noted in %s: %s", self._path, error)
        except sqlite3.DatabaseError as error:
            logger.warning("%s is damaged and made anew: %s", self._path, error)
            self._path.unlink(missing_ok=True)

    def get(self, ids: Iterable[UUID]) -> dict[UUID, SeriesRow]:
        """Those of these series that were kept."""
        listed = [one.bytes for one in ids]
        found: dict[UUID, SeriesRow] = {}
        if not self._path.exists():
            return found
        try:
            with self._open() as database:
                for start in range(0, len(listed), _AT_ONCE):
                    part = listed[start : start + _AT_ONCE]
                    marks = ",".join("?" * len(part))
                    rows = database.execute(f"SELECT * FROM series WHERE id IN ({marks})", part)  # noqa: S608 question marks only
                    for one, key, unit, kind, interval_ms, gap_ms, simulated in rows:
                        series = Series(UUID(bytes=one), unit, Kind(kind), interval_ms, gap_ms, bool(simulated))
                        found[series.id] = SeriesRow(key, series)
        except sqlite3.DatabaseError as error:
            logger.warning("What series there are cannot be read from %s: %s", self._path, error)
        return found

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path, timeout=_BUSY_S)) as database:
            # A copy: what a power cut takes of it comes again.
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = OFF")
            database.execute(_MADE)
            yield database
