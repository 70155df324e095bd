"""Taking sealed days to cold storage, and keeping its files tidy: everything that changes them.

What holds at every moment, whatever is interrupted: a pointer stands in a block's place only after a file with its
readings was written, synced and read back; a file goes only after all readings in it that are pointed to were found
in another. A file may hold more than is pointed to (days that late readings opened again, a run that was killed):
then the number of days in a partition's files is not that of its pointers, and the next run writes them anew.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from telemetry.cold.claim import Claim
from telemetry.cold.files import SUFFIX, Files
from telemetry.cold.lease import LEASE_S, WAIT_S, Lease
from telemetry.cold.writing import UNFINISHED, Part, days_in
from telemetry.errors import CorruptBlockError, StoreBusyError, StoreConfigurationError
from telemetry.model import DAY_MS, Columns
from telemetry.pointers import Partition, Pointer, pointer_decode, pointer_encode, pointer_to
from telemetry.stores.base import Backend, DaySwap, SeriesRow, Snapshot

logger = logging.getLogger(__name__)

BUCKET_KEYS = 256
"""Series per bucket, in the order they were registered: those of a household mostly lie in one file."""
MAX_PARTS = 8
MAX_FILE_READINGS = 48_000_000
SWAPS_AT_ONCE = 256
MAX_TRIES = 3
EVER = -(1 << 20)
_FAR = 1 << 20
CLAIM = (1 << 20) + 1
"""The lease under which a place is claimed, beyond all buckets."""
_PATH = re.compile(rf"^year=(\d+)/month=(\d+)/([^/]+(?:{SUFFIX}|{UNFINISHED}))$")

Progress = Callable[[float], None]


@dataclass
class ArchiveResult:
    """What a run did, or (dry) would do."""

    days: int = 0
    readings: int = 0
    files: int = 0
    dropped: int = 0
    failed: list[str] = field(default_factory=list)
    more: bool = False


class Found(NamedTuple):
    """What stands in the hot store for a partition: pointers, and sealed days that may go."""

    pointers: int
    sealed: int


NOTHING = Found(0, 0)


class Entry(NamedTuple):
    """A day in a file being written; `rev` is that of the block it replaces, 0 if it was archived before."""

    key: int
    rev: int
    pointer: Pointer


class Archive:
    """Changes the files of a cold place and what points to them; reading is `files`."""

    def __init__(self, backend: Backend, files: Files, *, lease_s: float = LEASE_S, wait_s: float = WAIT_S) -> None:
        self._backend = backend
        self._files = files
        self._lease_s = lease_s
        self._wait_s = wait_s
        self._claim = Claim(backend, files)

    # What there is

    def _rows(self, bucket: int) -> list[SeriesRow]:
        """The series of a bucket in the order of their ids, which is that of the files."""
        keys = range(bucket * BUCKET_KEYS, (bucket + 1) * BUCKET_KEYS)
        rows = [SeriesRow(key, series) for key, series in self._backend.series_by_key(keys).items()]
        return sorted(rows, key=lambda row: row.series.id)

    def _found(self, bucket: int, before_day: int, upto: int) -> dict[Partition, Found]:
        """What stands in the hot store for each partition of a bucket, of the days before `upto`."""
        found: dict[Partition, Found] = {}
        for row in self._rows(bucket):
            with self._backend.reading() as snapshot:
                for days in _ranges(snapshot, row.key, upto):
                    for block in snapshot.days(row.key, days[0], days[-1]):
                        partition = Partition.of(bucket, block.number)
                        pointers, sealed = found.get(partition, (0, 0))
                        is_pointer = pointer_decode(block.data) is not None
                        may_go = not is_pointer and block.number < before_day
                        found[partition] = Found(pointers + is_pointer, sealed + may_go)
        return found

    def _lying(self, bucket: int) -> dict[Partition, list[str]]:
        """The files of each partition of a bucket, unfinished ones as well."""
        found: dict[Partition, list[str]] = {}
        folder = f"bucket={bucket}"
        with self._files.asked():
            listed = self._files.listed(folder, recursive=True)
        for path in listed:
            match = _PATH.match(path)
            if match is not None:
                partition = Partition(bucket, int(match.group(1)), int(match.group(2)))
                found.setdefault(partition, []).append(match.group(3))
        return found

    # Runs

    def run(
        self,
        before_day: int,
        *,
        dry: bool = False,
        seconds: float = float("inf"),
        progress: Progress | None = None,
    ) -> ArchiveResult:
        """Archive the sealed days before this one and tidy what earlier runs left, for about so many seconds.

        Bucket after bucket, beginning anywhere: runs that are cut short still come to all of them.
        """
        result = ArchiveResult()
        if not dry:
            self._claim.require(self._changing(CLAIM))
        buckets = self._backend.series_last() // BUCKET_KEYS + 1
        first = secrets.randbelow(buckets) if seconds < float("inf") else 0
        end = time.monotonic() + seconds
        for at in range(buckets):
            bucket = (first + at) % buckets
            found, due = self._due(bucket, before_day)
            days = sum(one.sealed for one in found.values())
            if dry:
                result.days += days
                result.files += sum(one.sealed > 0 for one in found.values())
            done = 0
            for partition in () if dry else due:
                if time.monotonic() >= end:
                    result.more = True
                    return result
                self._visit(partition, before_day, result)
                done += found.get(partition, NOTHING).sealed
                if progress is not None:
                    progress((at + done / max(days, 1)) / buckets)
            if progress is not None:
                progress((at + 1) / buckets)
        return result

    def _due(self, bucket: int, before_day: int) -> tuple[dict[Partition, Found], list[Partition]]:
        """What there is in a bucket, and which partitions there is something to do in; oldest first."""
        lying = self._lying(bucket)
        upto = max((partition.days[-1] + 1 for partition in lying), default=before_day)
        found = self._found(bucket, before_day, max(before_day, upto))
        due = [one for one in {*found, *lying} if _is_due(found.get(one, NOTHING), lying.get(one, []))]
        return found, sorted(due)

    def _visit(self, partition: Partition, before_day: int, result: ArchiveResult) -> None:
        """One partition; what is wrong with it does not keep the others from being archived."""
        tidy = True
        try:
            with self._changing(partition.bucket) as lease:
                for _attempt in range(MAX_TRIES):
                    try:
                        if not self._pack(lease, partition, before_day, result, tidy=tidy):
                            return
                    except CorruptBlockError as error:
                        # Its files stay as they are; what is sealed goes into a further one.
                        logger.exception("%s cannot be tidied.", partition.path)
                        result.failed.append(f"{partition.path}: {error}")
                        tidy = False
        except StoreBusyError as error:
            result.failed.append(f"{partition.path}: {error}")

    def _changing(self, bucket: int) -> Lease:
        return Lease(self._backend, bucket, lease_s=self._lease_s, wait_s=self._wait_s)

    @contextmanager
    def erasing(self, key: int) -> Iterator[None]:
        """Around an erasure: nobody archives the series meanwhile, and at the end its files hold nothing erased."""
        bucket = key // BUCKET_KEYS
        self._claim.require(self._changing(CLAIM))
        with self._changing(bucket) as lease:
            yield
            for partition in self._due(bucket, EVER)[1]:
                self._pack(lease, partition, EVER, ArchiveResult())

    def leave(self) -> None:
        """Let the store begin with another place; StoreBusyError as long as anything lies in this one."""
        self.run(EVER)
        buckets = self._backend.series_last() // BUCKET_KEYS + 1
        if any(one.pointers for bucket in range(buckets) for one in self._found(bucket, EVER, _FAR).values()):
            raise StoreBusyError("Some days are still archived; bring them back first.")
        self._claim.leave()

    # One partition, under the lease

    def _pack(
        self, lease: Lease, partition: Partition, before_day: int, result: ArchiveResult, *, tidy: bool = True
    ) -> bool:
        """Write what is due; whether something came between, so that it is to be done again."""
        with self._files.asked():
            self._unfinished_drop(partition)
            names = self._files.names(partition, fresh=True)
            found = self._found_in(partition, before_day)
            crowded = bool(found.sealed) and len(names) >= MAX_PARTS
            anew = tidy and (crowded or sum(map(days_in, names)) != found.pointers)
            if not anew and not found.sealed:
                return False
            if anew:
                self._ours_require(partition, names)
            refused = 0
            for name, entries in self._written(lease, partition, before_day, anew=anew):
                result.files += 1
                refused += self._point(lease, self._files.path(partition, name), entries, result)
            if anew:
                lease.renew()
                self._files.drop(partition, names)
                result.dropped += len(names)
        return refused > 0

    def _ours_require(self, partition: Partition, names: list[str]) -> None:
        """Refuse to take away files of another installation, which was given the same place."""
        ours = {str(row.series.id) for row in self._rows(partition.bucket)}
        for name in names:
            path = self._files.path(partition, name)
            strangers = self._files.series_of(path) - ours
            if strangers:
                raise StoreConfigurationError(
                    f"{path} holds series {min(strangers)}, which this installation does not know: give each "
                    "installation a COLD_URL of its own."
                )

    def _found_in(self, partition: Partition, before_day: int) -> Found:
        pointers = sealed = 0
        for row in self._rows(partition.bucket):
            with self._backend.reading() as snapshot:
                for block in snapshot.days(row.key, partition.days[0], partition.days[-1]):
                    is_pointer = pointer_decode(block.data) is not None
                    pointers += is_pointer
                    sealed += not is_pointer and block.number < before_day
        return Found(pointers, sealed)

    def _written(
        self, lease: Lease, partition: Partition, before_day: int, *, anew: bool
    ) -> Iterator[tuple[str, list[Entry]]]:
        """The files written, each with what is in it."""
        part: Part | None = None
        entries: list[Entry] = []
        try:
            for row in self._rows(partition.bucket):
                for entry, columns in self._days_of(row, partition, before_day, anew=anew):
                    part = part or Part(self._files, partition)
                    part.add(row.series, columns)
                    entries.append(entry)
                    lease.keep()
                if part is not None and part.readings >= MAX_FILE_READINGS:
                    full, part = part, None
                    yield full.publish(lease.keep), entries
                    entries = []
            if part is not None:
                full, part = part, None
                yield full.publish(lease.keep), entries
        finally:
            if part is not None:
                part.abandon()

    def _days_of(
        self, row: SeriesRow, partition: Partition, before_day: int, *, anew: bool
    ) -> Iterator[tuple[Entry, Columns]]:
        """The days of a series that go into the file: sealed ones, and (anew) those that were archived before."""
        first, last = partition.days[0], partition.days[-1]
        with self._backend.reading() as snapshot:
            blocks = snapshot.days(row.key, first, last)
            hot_there = bool(blocks) and bool(snapshot.hot(row.key, first * DAY_MS, (last + 1) * DAY_MS))
            open_days = {
                block.number
                for block in (blocks if hot_there else ())
                if snapshot.hot(row.key, block.number * DAY_MS, (block.number + 1) * DAY_MS)
            }
        for block in blocks:
            pointer = pointer_decode(block.data)
            if pointer is not None and anew:
                yield Entry(row.key, 0, pointer), self._files.read(pointer)
            elif pointer is None and block.number < before_day and block.number not in open_days:
                columns = self._backend.blocks.decode(block.data)
                fresh = pointer_to(columns, series=row.series.id, day=block.number, bucket=partition.bucket)
                yield Entry(row.key, block.rev, fresh), columns

    def _point(self, lease: Lease, path: str, entries: list[Entry], result: ArchiveResult) -> int:
        """Read the file back and compare; put pointers in place of the blocks. Returns how many had changed."""
        swaps: list[DaySwap] = []
        refused = 0
        for at, (entry, columns) in enumerate(self._read_back(path, entries), start=1):
            lease.keep()
            if entry.rev:
                data = pointer_encode(entry.pointer)
                swaps.append(DaySwap(entry.key, entry.pointer.day, columns, data, entry.rev, 0, changed=False))
            if len(swaps) >= SWAPS_AT_ONCE or (swaps and at == len(entries)):
                lease.renew()
                failed = set(self._backend.days_swap(swaps, over_hot=False))
                done = [len(swap.columns) for place, swap in enumerate(swaps) if place not in failed]
                result.days += len(done)
                result.readings += sum(done)
                refused += len(failed)
                swaps = []
        return refused

    def _read_back(self, path: str, entries: list[Entry]) -> Iterator[tuple[Entry, Columns]]:
        """What the file holds, read from where it lies; CorruptBlockError if that is not what was to be written."""
        number, group = -1, Columns.empty()
        for entry in entries:
            pointer = entry.pointer
            there = self._files.index(path).group_of(pointer.series, pointer.day)
            if there is not None and there != number:
                number, group = there, self._files.group_read(path, there)
            part = group.between(pointer.day * DAY_MS, (pointer.day + 1) * DAY_MS)
            if there is None or not pointer.fits(part):
                raise CorruptBlockError(f"{path} reads back otherwise than it was written; no day was moved to it.")
            yield entry, part

    def _unfinished_drop(self, partition: Partition) -> None:
        """Take away what a process that died was writing: under the lease nobody else writes here."""
        for name in self._files.listed(partition.path):
            if name.endswith(UNFINISHED):
                self._files.path_drop(self._files.path(partition, name))


def _is_due(found: Found, names: list[str]) -> bool:
    """Whether there is something to write or to take away."""
    finished = [name for name in names if name.endswith(SUFFIX)]
    return bool(found.sealed) or len(finished) < len(names) or sum(map(days_in, finished)) != found.pointers


def _ranges(snapshot: Snapshot, key: int, upto: int) -> Iterator[range]:
    """Ranges of days in which a series may have readings, some at a time."""
    bounds = snapshot.bounds(key)
    if bounds is not None:
        first, end = bounds[0] // DAY_MS, min(bounds[1] // DAY_MS + 1, upto)
        for start in range(first, end, 128):
            yield range(start, min(start + 128, end))
