"""What a process remembers of the inbox: decoded once, extended by what came since, shared by all its threads."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from telemetry.model import DAY_MS, Bytes, Columns, Floats, Int32s, Int64s

_SPARSE = 16
"""From this many look-ups on, sorting by series once is cheaper than searching for each."""


@dataclass(frozen=True, eq=False)
class Inbox:
    """The unfolded readings with folded < seq ≤ upto, in the order they came; never changed once made."""

    folded: int
    upto: int
    seqs: Int64s
    keys: Int32s
    times: Int64s
    values: Floats
    quality: Bytes

    @classmethod
    def empty(cls, folded: int) -> Self:
        """Nothing yet."""
        whole, small = np.empty(0, np.int64), np.empty(0, np.int32)
        return cls(folded, folded, whole, small, whole, np.empty(0), np.empty(0, np.uint8))

    def advanced(self, connection: sqlite3.Connection, folded: int, upto: int) -> Inbox:
        """The inbox as this connection sees it: without what was folded meanwhile, with what came."""
        rows = connection.execute(
            "SELECT seq, count, keys, times, vals, quality FROM inbox WHERE seq > ? ORDER BY seq",
            (max(self.upto, folded),),
        ).fetchall()
        keep = slice(int(np.searchsorted(self.seqs, folded, "right")), None)
        counts = np.array([row[1] for row in rows], np.int64)
        return Inbox(
            folded,
            upto,
            np.concatenate((self.seqs[keep], np.repeat(np.array([row[0] for row in rows], np.int64), counts))),
            np.concatenate((self.keys[keep], np.frombuffer(b"".join([row[2] for row in rows]), np.int32))),
            np.concatenate((self.times[keep], np.frombuffer(b"".join([row[3] for row in rows]), np.int64))),
            np.concatenate((self.values[keep], np.frombuffer(b"".join([row[4] for row in rows]), np.float64))),
            np.concatenate((self.quality[keep], np.frombuffer(b"".join([row[5] for row in rows]), np.uint8))),
        )

    @cached_property
    def _by_key(self) -> tuple[Int64s, Int32s]:
        order = np.argsort(self.keys, kind="stable")
        return order, self.keys[order]

    @cached_property
    def _known(self) -> dict[int, Int64s]:
        return {}

    def places(self, key: int) -> Int64s:
        """Positions of one series' readings."""
        if not len(self.keys):
            return np.empty(0, np.int64)
        found = self._known.get(key)
        if found is not None:
            return found
        if len(self._known) < _SPARSE:
            found = np.flatnonzero(self.keys == key)
        else:
            order, keys = self._by_key
            low, high = np.searchsorted(keys, (key, key + 1))
            found = order[low:high]
        self._known[key] = found
        return found

    def mark(self, key: int) -> int:
        """The newest batch with readings of the series; 0 if none."""
        places = self.places(key)
        return int(self.seqs[places[-1]]) if len(places) else 0

    def since(self, key: int, mark: int) -> tuple[int, int] | None:
        """First and last time of the series' readings in batches after this one."""
        places = self.places(key)
        places = places[np.searchsorted(self.seqs[places], mark, "right") :]
        if not len(places):
            return None
        times = self.times[places]
        return int(times.min()), int(times.max())

    def part(self, key: int, start_ms: int, end_ms: int) -> Columns | None:
        """The series' readings of [start_ms, end_ms) in the order they came."""
        places = self.places(key)
        if not len(places):
            return None
        times = self.times[places]
        places = places[(times >= start_ms) & (times < end_ms)]
        if not len(places):
            return None
        return Columns(self.times[places], self.values[places], self.quality[places])

    def days(self, key: int) -> Int64s:
        """UTC days the series has readings on."""
        return np.unique(self.times[self.places(key)] // DAY_MS)
