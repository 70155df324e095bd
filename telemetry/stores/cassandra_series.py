"""The registered series, each with a small key of its own that is given once.

Keys are given by compare-and-set of one row: the next key, and the series that the last keys were given to. Whoever
comes next first writes those that are still noted there, should whoever noted them have died in between, and only then
looks which ids are registered. So an id never gets two keys, and hundreds of series cost one comparison.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from uuid import UUID

from telemetry.errors import StoreBusyError
from telemetry.model import Kind, Series
from telemetry.stores.base import SeriesRow
from telemetry.stores.cassandra_link import Call, Link

AT_ONCE = 500
MAX_TRIES = 50


class Register:
    """Who is registered; asks Cassandra each time, the store above remembers."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def last(self) -> int:
        """The largest key that was given; 0 without any."""
        return self._next()[0] - 1

    def rows(self, name: str, values: Sequence[UUID | int]) -> list[SeriesRow]:
        """The registered ones, asked for by id or by key."""
        return [
            SeriesRow(key, Series(one, unit, Kind(kind), interval_ms, gap_ms, simulated))
            for key, one, unit, kind, interval_ms, gap_ms, simulated in self._link.rows_of(name, values)
        ]

    def put(self, series: Sequence[Series]) -> None:
        """Register those that are new; leave the others as they are."""
        unique = list({one.id: one for one in series}.values())
        for at in range(0, len(unique), AT_ONCE):
            self._put_some(unique[at : at + AT_ONCE])

    def _put_some(self, series: Sequence[Series]) -> None:
        for _attempt in range(MAX_TRIES):
            first, pending = self._next()
            if pending:
                self._finish(first, pending)
            known = {row.series.id for row in self.rows("series_get", [one.id for one in series])}
            fresh = [one for one in series if one.id not in known]
            if not fresh:
                return
            rows = [SeriesRow(first + at, one) for at, one in enumerate(fresh)]
            after = first + len(fresh)
            if self._link.applied([("allocate", (after, _encoded(rows), first if first > 1 else None))]):
                self._finish(after, rows)
                return
            time.sleep(0.01 + secrets.randbelow(50) / 1000)
        raise StoreBusyError("Too many register series at the same time; try again.")

    def _next(self) -> tuple[int, list[SeriesRow]]:
        for next_, pending in self._link.rows("allocated"):
            return next_, _decoded(pending or b"[]")
        return 1, []

    def _finish(self, after: int, rows: Sequence[SeriesRow]) -> None:
        """Write series that have their keys; may be done again and by several."""
        values = [
            (key, one.id, one.unit, one.kind.value, one.interval_ms, one.gap_ms, one.simulated) for key, one in rows
        ]
        # By key first: who finds the key of an id must find the series of the key.
        for name in ("series_key_put", "series_put"):
            calls: list[Call] = [(name, row) for row in values]
            self._link.packed([[call] for call in calls])
        self._link.applied([("allocation_done", (after,))])


def _encoded(rows: Sequence[SeriesRow]) -> bytes:
    return json.dumps(
        [(key, one.id.hex, one.unit, one.kind.value, one.interval_ms, one.gap_ms, one.simulated) for key, one in rows]
    ).encode()


def _decoded(data: bytes) -> list[SeriesRow]:
    return [
        SeriesRow(key, Series(UUID(hex=one), unit, Kind(kind), interval_ms, gap_ms, simulated))
        for key, one, unit, kind, interval_ms, gap_ms, simulated in json.loads(data)
    ]
