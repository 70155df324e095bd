"""What is known about a series besides its readings: who wrote what, up to where it is sealed and derived.

Every backend object is a *writer* with an id of its own, and numbers its batches upwards. A vector {writer: number}
says exactly which batches something contains, whatever the clocks say: a batch is in a block if the block's vector
covers it, a day's quarters are up to date if their vector covers all of the day's notes.
Negative writers note changes that are in the block already (an import), and only the quarters do not know yet.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from telemetry.memory import Memory
from telemetry.model import Bytes, Columns, Floats, Int64s, Quality, Reading
from telemetry.stores.cassandra_link import Call, Link

HEAD, MONTH, DERIVED = -1, -2, 0
NOTES_BYTES = 32 * 1024 * 1024
HOT_BYTES = 32 * 1024 * 1024
_READING_BYTES = 17

Vector = Mapping[int, int]


def joined(one: Vector, other: Vector) -> dict[int, int]:
    """The smallest vector that covers both."""
    return {writer: max(one.get(writer, 0), other.get(writer, 0)) for writer in {*one, *other}}


def covered(part: Vector, whole: Vector) -> bool:
    """Whether everything in one vector is in the other."""
    return all(seq <= whole.get(writer, 0) for writer, seq in part.items())


class Head(NamedTuple):
    """A writer's last number in a series, and the newest reading it wrote."""

    writer: int
    seq: int
    at_seq: int
    time_ms: int | None
    value: float
    quality: int


class Notes:
    """The notes of one series as they were read; never changed. Different ones have different handles."""

    _handles = itertools.count(1)

    def __init__(self, rows: Iterable[Any]) -> None:
        self.handle = next(self._handles)
        self.version = self.reset = 0
        self.heads: list[Head] = []
        self.months: set[int] = set()
        self.days: dict[int, dict[int, int]] = {}
        self.derived: dict[int, Vector] = {}
        self.size = 200
        for day, writer, seq, at_seq, time_ms, value, quality, covers, version, reset in rows:
            self.version, self.reset = version or 0, reset or 0
            self.size += 200
            if day == HEAD:
                self.heads.append(Head(writer, seq, at_seq, time_ms, value, quality))
            elif day == MONTH:
                self.months.add(writer)
            elif day is not None and writer == DERIVED:
                self.derived[day] = dict(covers or {})
            elif day is not None:
                self.days.setdefault(day, {})[writer] = seq

    @cached_property
    def print(self) -> tuple[Any, ...]:
        """Changes with every change of anything here: each note comes together with a head, each vector a version."""
        heads = tuple(sorted((head.writer, head.seq) for head in self.heads))
        return self.version, self.reset, heads, tuple(sorted(self.months))

    def written(self, day: int) -> dict[int, int]:
        """The vector of the hot batches that have readings of a day."""
        return {writer: seq for writer, seq in self.days.get(day, {}).items() if writer > 0}

    @cached_property
    def dirty(self) -> list[int]:
        """Days whose quarters are out of date."""
        return sorted(day for day, vector in self.days.items() if not covered(vector, self.derived.get(day, {})))

    def newest(self) -> tuple[bool, Reading | None]:
        """The newest reading the heads tell of; False if they cannot tell."""
        if any(head.at_seq <= self.reset < head.seq for head in self.heads):
            return False, None
        heads = [head for head in self.heads if head.at_seq >= self.reset and head.time_ms is not None]
        if not heads:
            return not (self.months or self.days), None
        head = max(heads, key=lambda one: (one.time_ms or 0, one.at_seq))
        return True, Reading(head.time_ms or 0, head.value, Quality(head.quality))


class HotReadings(NamedTuple):
    """The hot readings of a series and day up to a vector, in the order of their numbers; never changed."""

    upto: Vector
    writers: Int64s
    seqs: Int64s
    columns: Columns

    @classmethod
    def none(cls) -> HotReadings:
        """Nothing yet."""
        return cls({}, np.empty(0, np.int64), np.empty(0, np.int64), Columns.empty())

    def advanced(self, rows: Sequence[Any], upto: Vector) -> HotReadings:
        """These and further batches."""
        rows = sorted(rows, key=lambda row: (row[1], row[0]))
        parts = [hot_decode(row[2]) for row in rows]
        counts = [len(part) for part in parts]
        writers = np.concatenate((self.writers, np.repeat(np.array([row[0] for row in rows], np.int64), counts)))
        seqs = np.concatenate((self.seqs, np.repeat(np.array([row[1] for row in rows], np.int64), counts)))
        whole = [self.columns, *parts]
        times: Int64s = np.concatenate([part.times for part in whole])
        values: Floats = np.concatenate([part.values for part in whole])
        quality: Bytes = np.concatenate([part.quality for part in whole])
        if bool((seqs[1:] < seqs[:-1]).any()):
            order = np.argsort(seqs, kind="stable")
            writers, seqs = writers[order], seqs[order]
            times, values, quality = times[order], values[order], quality[order]
        return HotReadings(joined(self.upto, upto), writers, seqs, Columns(times, values, quality))

    def between(self, low: Vector, high: Vector) -> Columns:
        """The readings of batches that one vector does not cover and the other does."""
        chosen = np.zeros(len(self.seqs), np.bool_)
        for writer, seq in high.items():
            chosen |= (self.writers == writer) & (self.seqs > low.get(writer, 0)) & (self.seqs <= seq)
        return Columns(self.columns.times[chosen], self.columns.values[chosen], self.columns.quality[chosen])


def hot_encode(columns: Columns) -> bytes:
    """The bytes of a hot batch: columns one after the other."""
    return columns.times.tobytes() + columns.values.tobytes() + columns.quality.tobytes()


def hot_decode(data: bytes) -> Columns:
    """The readings of a hot batch."""
    count = len(data) // _READING_BYTES
    return Columns(
        np.frombuffer(data, np.int64, count),
        np.frombuffer(data, np.float64, count, 8 * count),
        np.frombuffer(data, np.uint8, count, 16 * count),
    )


class Clock:
    """Numbers that rise, near the time in µs, so that writers' batches sort about as they were written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def take(self, count: int = 1, above: int = 0) -> int:
        """The first of so many numbers that were never given before."""
        with self._lock:
            first = max(self._last + 1, above + 1, time.time_ns() // 1000)
            self._last = first + count - 1
            return first


class Shelf:
    """What a process remembers of notes and hot readings; both are asked for only what is new."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._notes: Memory[int, Notes] = Memory(NOTES_BYTES)
        self._by_handle: Memory[int, Notes] = Memory(NOTES_BYTES)
        self._hot: Memory[tuple[int, int], HotReadings] = Memory(HOT_BYTES)
        self._settled: Memory[tuple[int, int], Vector] = Memory(NOTES_BYTES)

    def notes(self, keys: Sequence[int]) -> dict[int, Notes]:
        """The notes of these series as they are now."""
        found: dict[int, Notes] = {}
        for key, heads in self.heads(keys).items():
            known = self._notes.get(key)
            if known is not None and known.print == heads.print:
                found[key] = known
        stale = [key for key in keys if key not in found]
        for key, fresh in self._asked("notes", stale).items():
            found[key] = fresh
            self._notes.put(key, fresh, fresh.size)
            self._by_handle.put(fresh.handle, fresh, fresh.size)
        return found

    def heads(self, keys: Sequence[int]) -> dict[int, Notes]:
        """Of these series as they are now only who wrote last, and what."""
        return self._asked("heads", keys)

    def _asked(self, name: str, keys: Sequence[int]) -> dict[int, Notes]:
        rows: dict[int, list[Any]] = {key: [] for key in keys}
        for key, *row in self._link.rows_of(name, list(rows)):
            rows[key].append(row)
        return {key: Notes(of_key) for key, of_key in rows.items()}

    def notes_of(self, handle: int) -> Notes | None:
        """Notes that were given before."""
        return self._by_handle.get(handle)

    def is_settled(self, key: int, day: int, written: Vector) -> bool:
        """Whether a block is known to cover all of this."""
        known = self._settled.get((key, day))
        return known is not None and covered(written, known)

    def settle(self, key: int, day: int, covers: Vector) -> None:
        """Remember what a block covers; that only grows."""
        self._settled.put((key, day), covers, 200)

    def hot(self, wanted: Sequence[tuple[int, int, Vector, Vector]]) -> list[Columns]:
        """The hot readings of days that their blocks do not cover; each (key, day, what the block covers, written)."""
        known = [self._hot.get((key, day)) or HotReadings.none() for key, day, _covers, _written in wanted]
        places: list[int] = []
        calls: list[Call] = []
        for at, (key, day, _covers, written) in enumerate(wanted):
            for writer, seq in written.items():
                since = known[at].upto.get(writer, 0)
                if seq > since:
                    places.append(at)
                    calls.append(("hot_since", (key, day, writer, since, seq)))
        fresh: dict[int, list[Any]] = {}
        for at, rows in zip(places, self._link.all_rows(calls), strict=True):
            fresh.setdefault(at, []).extend(rows)
        for at, rows in fresh.items():
            key, day, _covers, written = wanted[at]
            known[at] = known[at].advanced(rows, written)
            self._hot.put((key, day), known[at], 400 + 33 * len(known[at].seqs))
        return [one.between(covers, written) for one, (_k, _d, covers, written) in zip(known, wanted, strict=True)]

    def hot_forget(self, key: int, day: int) -> None:
        """Remember no hot readings of a day that were erased."""
        self._hot.put((key, day), HotReadings.none(), 0)


class HotMarks:
    """What the marks that were given stand for: the vector of a day's hot readings as they were read."""

    def __init__(self) -> None:
        self._memory: Memory[int, tuple[int, int, Vector]] = Memory(4 * 1024 * 1024)
        self._counter = itertools.count(1)

    def put(self, key: int, day: int, written: Vector) -> int:
        """A new mark."""
        mark = next(self._counter)
        self._memory.put(mark, (key, day, written), 200)
        return mark

    def get(self, key: int, day: int, mark: int) -> Vector | None:
        """What a mark stands for; None if that is not known any more."""
        found = self._memory.get(mark)
        return found[2] if found is not None and found[:2] == (key, day) else None
