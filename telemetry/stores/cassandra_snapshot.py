"""Reading the Cassandra backend. There are no snapshots in Cassandra; there is an order of reading that serves as one.

Notes are read first, then a day's block, then its hot readings. Hot readings are never taken away when a day is
sealed, and a block tells which of them it covers: what was acknowledged before the notes were read is found, once,
whatever others seal meanwhile. Each row is read once per snapshot and then kept, so that its parts fit together.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from telemetry.memory import Blocks
from telemetry.merging import merge
from telemetry.model import DAY_MS, Columns, Quality, Reading
from telemetry.stores.base import Block, HotDay, Snapshot
from telemetry.stores.cassandra_link import Call, Link
from telemetry.stores.cassandra_notes import HotMarks, Notes, Shelf, Vector, covered
from telemetry.stores.cassandra_schema import BUCKETS, DAYS_PER_MONTH, PAGES_PER_YEAR

SEAL, QUARTERS = "seal", "quarters"
_AT_ONCE = 64
_AHEAD_DAYS = 40


class Sealed(NamedTuple):
    """A day's block; without data if everything in it was erased."""

    rev: int
    data: bytes | None
    covers: Vector


class Meta(NamedTuple):
    """A block without its data."""

    day: int
    first_ms: int
    last_ms: int


NOTHING = Sealed(0, None, {})


class CassandraSnapshot(Snapshot):
    """One consistent view of each day, as of the first time anything of its series is asked."""

    reads_ahead = True

    def __init__(self, link: Link, shelf: Shelf, blocks: Blocks, marks: HotMarks) -> None:
        super().__init__(blocks)
        self._link = link
        self._shelf = shelf
        self._marks = marks
        self._notes: dict[int, Notes] = {}
        self._sealed: dict[tuple[int, int], Sealed] = {}
        self._hot: dict[tuple[int, int], Columns] = {}
        self._meta: dict[tuple[int, int], list[Meta]] = {}
        self._pages: dict[tuple[str, int], tuple[range, list[Any]]] = {}

    def load(self, keys: Sequence[int]) -> None:
        """Read the notes of many series together."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._notes]
        if missing:
            self._notes.update(self._shelf.notes(missing))

    def notes(self, key: int) -> Notes:
        """The notes of a series."""
        self.load([key])
        return self._notes[key]

    def marks(self, keys: Sequence[int]) -> list[tuple[int, int]]:
        """Per key (version, 0): the version here changes with every batch as well."""
        self.load(keys)
        return [(self._notes[key].handle, 0) for key in keys]

    def hot_since(self, key: int, mark: int) -> tuple[int, int] | None:
        """Nothing: equal versions mean that nothing came."""
        return None

    def ahead(self, keys: Sequence[int], pages: range, *, fresh: Collection[int]) -> None:
        """Read together what the quarters of many series need: pages, and the days that are out of date."""
        self.load(keys)
        asked = {key: "pages" if key in fresh else "page_revs" for key in keys}
        calls = {key: self._page_calls(name, key, pages[0], pages[-1]) for key, name in asked.items()}
        found = iter(self._link.all_rows([call for of_key in calls.values() for call in of_key]))
        for key, of_key in calls.items():
            self._pages[asked[key], key] = pages, [row for _call in of_key for row in next(found)]
        dirty = {key: days for key in keys if (days := self.notes(key).dirty)}
        # Between two days that follow each other energy is shared, so what changed reaches two days far.
        spans = [(key, days[0] - 2, days[-1] + 2) for key, days in dirty.items() if days[-1] - days[0] < _AHEAD_DAYS]
        self._load_spans(spans)
        self._load_open([(key, day) for key, first, last in spans for day in self.open_days(key, first, last)])
        around = [
            (key, month) for key, first, last in spans for month in _months_around(self.notes(key).months, first, last)
        ]
        metas = self._link.all_rows([("blocks_meta", place) for place in around])
        for (key, month), rows in zip(around, metas, strict=True):
            self._meta.setdefault((key, month), self._meta_of(key, rows))

    def _load_days(self, key: int, first: int, last: int) -> None:
        """Read the blocks of these days, those that were not read before."""
        self._load_spans([(key, first, last)])

    def _load_spans(self, spans: Sequence[tuple[int, int, int]]) -> None:
        """The same for many: (key, first day, last day)."""
        calls: list[Call] = []
        places: list[tuple[int, range]] = []
        for key, first, last in spans:
            for month in sorted(self.notes(key).months):
                low, high = max(first, month * DAYS_PER_MONTH), min(last, month * DAYS_PER_MONTH + DAYS_PER_MONTH - 1)
                if low <= high and any((key, day) not in self._sealed for day in range(low, high + 1)):
                    calls.append(("blocks", (key, month, low, high)))
                    places.append((key, range(low, high + 1)))
        for (key, days), rows in zip(places, self._link.all_rows(calls), strict=True):
            for day, rev, count, covers, data in rows:
                covers_now = dict(covers or {})
                self._sealed.setdefault((key, day), Sealed(rev, data if count else None, covers_now))
                self._shelf.settle(key, day, covers_now)
            for day in days:
                self._sealed.setdefault((key, day), NOTHING)

    def _load_open(self, places: Sequence[tuple[int, int]]) -> None:
        """Read hot readings that the blocks of their days do not cover, those that were not read before."""
        wanted: list[tuple[int, int, Vector, Vector]] = []
        for key, day in places:
            if (key, day) not in self._hot:
                covers, written = self.sealed(key, day).covers, self.notes(key).written(day)
                if covered(written, covers):
                    self._hot[key, day] = Columns.empty()
                else:
                    wanted.append((key, day, covers, written))
        if wanted:
            for (key, day, _covers, _written), part in zip(wanted, self._shelf.hot(wanted), strict=True):
                self._hot[key, day] = part

    def sealed(self, key: int, day: int) -> Sealed:
        """The block of a day."""
        if (key, day) not in self._sealed:
            self._load_days(key, day, day)
        return self._sealed.setdefault((key, day), NOTHING)

    def open_days(self, key: int, first: int, last: int) -> list[int]:
        """Days that may have hot readings their block does not cover."""
        notes = self.notes(key)
        found = []
        for day in sorted(notes.days):
            if first <= day <= last:
                written = notes.written(day)
                if written and not self._is_settled(key, day, written):
                    found.append(day)
        return found

    def _is_settled(self, key: int, day: int, written: Vector) -> bool:
        """Whether the block that this snapshot has, or will read, covers all of this."""
        block = self._sealed.get((key, day))
        if block is not None:
            return covered(written, block.covers)
        return day // DAYS_PER_MONTH in self.notes(key).months and self._shelf.is_settled(key, day, written)

    def open_part(self, key: int, day: int) -> Columns:
        """The hot readings of a day that its block does not cover, in the order they were written."""
        self._load_open([(key, day)])
        return self._hot[key, day]

    def hot(self, key: int, start_ms: int, end_ms: int) -> list[Columns]:
        """Hot readings in the order they were written (later parts win); times inside a part may repeat."""
        days = self.open_days(key, start_ms // DAY_MS, (end_ms - 1) // DAY_MS)
        if days:
            self._load_days(key, days[0], days[-1])
        parts = [self.open_part(key, day) for day in days]
        return [part for part in parts if len(part)]

    def hot_day(self, key: int, day: int) -> HotDay:
        """The hot readings of a day, for sealing."""
        part = self.open_part(key, day)
        if not len(part):
            return HotDay(0, part)
        return HotDay(self._marks.put(key, day, self.notes(key).written(day)), merge([part]))

    def _due(self, task: str, before_day: int) -> Iterator[list[tuple[tuple[int, int], list[Any]]]]:
        """What is noted to be due, oldest days first, some at a time: ((key, day), rows)."""
        found = self._link.streams([("due", (task, bucket, before_day)) for bucket in range(BUCKETS)])
        some: list[tuple[tuple[int, int], list[Any]]] = []
        for (_day, _key), rows in groupby(heapq.merge(*found), key=lambda row: (row[0], row[1])):
            of_day = list(rows)
            some.append(((of_day[0][1], of_day[0][0]), of_day))
            if len(some) == _AT_ONCE:
                yield some
                some = []
        if some:
            yield some

    def _some(self, task: str, before_day: int, limit: int) -> list[tuple[int, int]]:
        places: list[tuple[int, int]] = []
        for some in self._due(task, before_day):
            self.load([key for (key, _day), _rows in some])
            done = []
            for (key, day), rows in some:
                if self._is_due(task, key, day):
                    places.append((key, day))
                    continue
                reached = self.sealed(key, day).covers if task == SEAL else self.notes(key).derived.get(day, {})
                done += [
                    self._link.bound("due_done", (seq, task, key % BUCKETS, day, key, writer))
                    for _day, _key, writer, seq in rows
                    if seq <= reached.get(writer, 0)
                ]
            self._link.many(done)
            if len(places) >= limit:
                break
        return places[:limit]

    def _is_due(self, task: str, key: int, day: int) -> bool:
        if task == SEAL:
            return bool(self.open_days(key, day, day)) and len(self.open_part(key, day)) > 0
        return day in self.notes(key).dirty

    def hot_days(self, before_day: int, limit: int) -> list[tuple[int, int]]:
        """Some (key, day) with hot readings whose day is before this one; oldest days first."""
        return self._some(SEAL, before_day, limit)

    def dirty_some(self, before_day: int, limit: int) -> list[tuple[int, int]]:
        """Some stored dirty (key, day) before this day."""
        return self._some(QUARTERS, before_day, limit)

    def dirty_days(self, keys: Sequence[int]) -> dict[int, list[int]]:
        """Days whose quarters are out of date, per key, in order."""
        self.load(keys)
        return {key: self._notes[key].dirty for key in keys}

    def days(self, key: int, first: int, last: int) -> list[Block]:
        """Sealed blocks of the days first … last, in order."""
        self._load_days(key, first, last)
        found: list[Block] = []
        for month in sorted(self.notes(key).months):
            low, high = max(first, month * DAYS_PER_MONTH), min(last, month * DAYS_PER_MONTH + DAYS_PER_MONTH - 1)
            for day in range(low, high + 1):
                block = self._sealed.get((key, day), NOTHING)
                if block.data is not None:
                    found.append(Block(day, block.rev, block.data))
        return found

    def _page_calls(self, name: str, key: int, first: int, last: int) -> list[Call]:
        years = sorted({page // PAGES_PER_YEAR for page in self.notes(key).months if first <= page <= last})
        return [(name, (key, year, first, last)) for year in years]

    def _page_rows(self, name: str, key: int, first: int, last: int) -> list[Any]:
        pages, rows = self._pages.get((name, key), (range(0), []))
        if first in pages and last in pages:
            return [row for row in rows if first <= row[0] <= last]
        return [row for rows in self._link.all_rows(self._page_calls(name, key, first, last)) for row in rows]

    def pages(self, key: int, first: int, last: int) -> list[Block]:
        """Pages of quarters first … last, in order."""
        return [Block(*row) for row in self._page_rows("pages", key, first, last)]

    def page_revs(self, key: int, first: int, last: int) -> dict[int, int]:
        """The revs of those pages, without their data."""
        return dict(self._page_rows("page_revs", key, first, last))

    def meta(self, key: int, month: int) -> list[Meta]:
        """The blocks of a month that are not empty, in order, without their data."""
        found = self._meta.get((key, month))
        if found is None:
            found = self._meta[key, month] = self._meta_of(key, self._link.rows("blocks_meta", key, month))
        return found

    def _meta_of(self, key: int, rows: Sequence[Any]) -> list[Meta]:
        found: list[Meta] = []
        for day, rev, first, last, count, _covers in rows:
            held = self._sealed.get((key, day))
            if held is not None and held.rev != rev:
                # Replaced meanwhile: this snapshot goes on with the one it has.
                if held.data is not None:
                    times = self.blocks.decode(held.data).times
                    found.append(Meta(day, int(times[0]), int(times[-1])))
            elif count:
                found.append(Meta(day, first, last))
        return found

    def _before(self, key: int, start_ms: int) -> Iterator[int]:
        """Where the last reading before a time may be: in blocks, and among the hot ones."""
        day = (start_ms - 1) // DAY_MS
        for month in sorted(self.notes(key).months, reverse=True):
            if month <= day // DAYS_PER_MONTH:
                firsts = [block.first_ms for block in self.meta(key, month) if block.first_ms < start_ms]
                if firsts:
                    yield max(firsts)
                    break
        for open_day in reversed(self.open_days(key, 0, day)):
            times = self.open_part(key, open_day).times
            times = times[times < start_ms]
            if len(times):
                yield int(times.max())
                break

    def _after(self, key: int, end_ms: int) -> Iterator[int]:
        day = end_ms // DAY_MS
        for month in sorted(self.notes(key).months):
            if month >= day // DAYS_PER_MONTH:
                lasts = [block.last_ms for block in self.meta(key, month) if block.last_ms >= end_ms]
                if lasts:
                    yield min(lasts)
                    break
        for open_day in self.open_days(key, day, 1 << 30):
            times = self.open_part(key, open_day).times
            times = times[times >= end_ms]
            if len(times):
                yield int(times.min())
                break

    def neighbours(self, key: int, start_ms: int, end_ms: int) -> tuple[int | None, int | None]:
        """Where to look for the readings around: (from, to)."""
        return max(self._before(key, start_ms), default=None), min(self._after(key, end_ms), default=None)

    def latest(self, keys: Sequence[int]) -> dict[int, Reading]:
        """The newest reading per key; most are told by their heads alone."""
        heads = self._shelf.heads([key for key in keys if key not in self._notes]) | self._notes
        found: dict[int, Reading] = {}
        for key in keys:
            told, reading = heads[key].newest()
            if not told:
                reading = self.newest(key)
            if reading is not None:
                found[key] = reading
        return found

    def newest(self, key: int) -> Reading | None:
        """The newest reading, looked for among all."""
        bounds = self.bounds(key)
        if bounds is None:
            return None
        day = bounds[1] // DAY_MS
        block = self.sealed(key, day)
        parts = [self.blocks.decode(block.data)] if block.data is not None else []
        whole = merge([*parts, self.open_part(key, day)])
        if not len(whole):
            return None
        return Reading(int(whole.times[-1]), float(whole.values[-1]), Quality(int(whole.quality[-1])))

    def bounds(self, key: int) -> tuple[int, int] | None:
        """Times of the first and the last reading."""
        months = sorted(self.notes(key).months)
        first = next((blocks[0].first_ms for month in months if (blocks := self.meta(key, month))), None)
        last = next((blocks[-1].last_ms for month in reversed(months) if (blocks := self.meta(key, month))), None)
        found = [time_ms for time_ms in (first, last) if time_ms is not None]
        for day in self.open_days(key, 0, 1 << 30):
            times = self.open_part(key, day).times
            if len(times):
                found += [int(times.min()), int(times.max())]
        return (min(found), max(found)) if found else None


def _months_around(months: Collection[int], first: int, last: int) -> set[int]:
    """The months in which the readings before and after some days are looked for first."""
    before = [month for month in months if month <= first // DAYS_PER_MONTH]
    after = [month for month in months if month >= last // DAYS_PER_MONTH]
    return {*([max(before)] if before else []), *([min(after)] if after else [])}
