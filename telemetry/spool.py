"""Where readings wait, durably and in order, while the time-series store is away.

A folder, shared by the processes of one machine: numbered segments of checksummed records. Whoever appends holds the
folder's lock, so there is one order for all of them; whoever replays holds another, so only one does. `waiting` exists
from before the first record until after the last one was replayed: as long as it does, newer readings go behind.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from telemetry.errors import StoreUnavailableError
from telemetry.model import Batch
from telemetry.records import Record, durably_write, heads_from, record_encode, records_from
from telemetry.refused import Refused

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 16 * 1024 * 1024
MB = 1024 * 1024
FULL_RETRY_S = 60
_SUFFIX = ".spool"


class SpoolFullError(StoreUnavailableError):
    """The store is away and the spool holds as much as it may; nothing was taken."""

    retry_after_s = FULL_RETRY_S


@dataclass(frozen=True)
class Place:
    """A point of the spool: all before it was replayed; `readings` counts those of all records before."""

    segment: int = 1
    offset: int = 0
    readings: int = 0


@dataclass(frozen=True)
class Waiting:
    """How much waits, since when, and how many readings were refused for good."""

    readings: int
    size: int
    oldest_ms: int | None
    refused: int


@dataclass(frozen=True)
class Taken:
    """Records to replay next, what lies damaged among them, and where to go on."""

    records: list[Record]
    damaged: list[bytes]
    upto: Place


class Spool:
    """One folder of readings that wait; safe across threads and processes, not across forks."""

    def __init__(self, folder: Path, *, max_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.segment_bytes = segment_bytes
        self._marker = folder / "waiting"
        self._thread_lock = threading.RLock()
        self._lock_held = False
        self.full_until = 0.0
        # The end of the last segment as this process knows it: behind it others may have written.
        self._end = Place()
        self.refused = Refused(folder)
        self._oldest_known: tuple[Place, int] = (Place(0), 0)

    @cached_property
    def id(self) -> str:
        """The folder's own name among those of other machines."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "id"
        with self._locked():
            if not path.exists():
                path.write_text(uuid.uuid4().hex, encoding="ascii")
            return path.read_text(encoding="ascii").strip()

    def waits(self) -> bool:
        """Whether anything waits, whoever put it there; as cheap as a look at the folder."""
        return self._marker.exists()

    # Appending

    def append(self, batch: Batch, now_ms: int, *, only_behind: bool = False) -> bool:
        """Durable on return; refuses when the folder is full. False where it should go behind others and none wait."""
        if not len(batch):
            return True
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._locked():
                if only_behind and not self.waits():
                    return False
                self._append(batch, now_ms)
                return True
        except OSError as error:
            self.full_until = time.monotonic() + FULL_RETRY_S
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise SpoolFullError(
                    f"The time-series store is away and the disk of the spool in {self.folder} is full: "
                    "send the readings again later."
                ) from error
            raise StoreUnavailableError(
                f"The time-series store is away and the spool in {self.folder} cannot be written ({error})."
            ) from error

    def _append(self, batch: Batch, now_ms: int) -> None:
        end = self._end_found()
        data = record_encode(Record(end.readings, now_ms, batch))
        used = self._bytes()
        if used + len(data) > self.max_bytes:
            self.full_until = time.monotonic() + FULL_RETRY_S
            raise SpoolFullError(
                f"The time-series store is away and the spool in {self.folder} is full "
                f"({used // MB:,} of {self.max_bytes // MB:,} MB, SPOOL_MAX_MB): send the readings again later."
            )
        if end.offset and end.offset + len(data) > self.segment_bytes:
            end = Place(end.segment + 1, 0, end.readings)
        if not self._marker.exists():
            self._marker.touch()
            self._folder_sync()
        path = self._path(end.segment)
        fresh = not path.exists()
        durably_write(path, data, end.offset)
        if fresh:
            self._folder_sync()
        self._end = Place(end.segment, end.offset + len(data), end.readings + len(batch))

    def _end_found(self) -> Place:
        """Where the next record goes; a record that was being written when its process died is cut off."""
        done = self._place()
        segments = [one for one in self._segments() if one >= done.segment]
        if not segments:
            # Everything was replayed; numbers go on, so that no two records of a folder ever have the same place.
            self._end = Place(done.segment, 0, done.readings)
            return self._end
        path = self._path(segments[-1])
        size = path.stat().st_size
        if (self._end.segment, self._end.offset) == (segments[-1], size):
            return self._end
        is_known = self._end.segment == segments[-1] and 0 < self._end.offset <= size
        offset = self._end.offset if is_known else 0
        readings = self._end.readings if is_known else None
        for head_end, counted in _ends(path, offset):
            offset, readings = head_end, counted
        if readings is None:
            before = [counted for one in segments[:-1] for _end, counted in _ends(self._path(one), 0)]
            readings = before[-1] if before else done.readings
        self._end = Place(segments[-1], offset, readings)
        if offset < size:
            logger.warning("Cut %s bytes off %s: a record that nobody was told of.", size - offset, path)
            os.truncate(path, offset)
        return self._end

    # Replaying

    @contextlib.contextmanager
    def replaying(self) -> Iterator[bool]:
        """Hold the right to replay; False while another process has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "replay.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody append, for a moment: what is taken now is the last there is."""
        with self._locked():
            yield

    def take(self, at_most: int) -> Taken | None:
        """The oldest records that wait, about so many readings; None once nothing does. For who may replay."""
        taken = self._taken(self._place(), at_most)
        if taken is not None:
            return taken
        with self._locked():
            # Nobody writes now: what is behind this place is either whole or was never acknowledged.
            end, place = self._end_found(), self._place()
            taken = self._taken(place, at_most)
            if taken is not None:
                return taken
            later = [one for one in self._segments() if one > place.segment]
            if not later:
                self._finish(end)
                return None
            rest = self._rest(place)
            return Taken([], [rest] if rest else [], Place(later[0], 0, place.readings))

    def _taken(self, place: Place, at_most: int) -> Taken | None:
        records: list[Record] = []
        damaged: list[bytes] = []
        data = self._rest(place)
        upto, count = place, 0
        for found in records_from(data):
            readings = upto.readings
            if found.record is None:
                damaged.append(data[found.start : found.end])
            else:
                records.append(found.record)
                count += len(found.record.batch)
                readings = found.record.before + len(found.record.batch)
            upto = Place(place.segment, place.offset + found.end, readings)
            if count >= at_most:
                break
        return Taken(records, damaged, upto) if upto != place else None

    def _rest(self, place: Place) -> bytes:
        """What a segment holds from a place on."""
        try:
            with self._path(place.segment).open("rb") as file:
                file.seek(place.offset)
                return file.read()
        except FileNotFoundError:
            return b""

    def advance(self, upto: Place) -> None:
        """Remember that all before this place was replayed, and let go of segments that are through."""
        self._place_write(upto)
        for segment in self._segments():
            if segment < upto.segment:
                self._path(segment).unlink(missing_ok=True)

    def _finish(self, end: Place) -> None:
        """Nothing waits any more: begin anew with the next segment."""
        after = Place(end.segment + 1, 0, end.readings)
        self._place_write(after)
        for segment in self._segments():
            self._path(segment).unlink(missing_ok=True)
        self._end = after
        self._marker.unlink(missing_ok=True)
        self._folder_sync()

    # Refused readings

    def refuse(self, *, batch: Batch, reason: str, now_ms: int, damaged: bytes = b"") -> None:
        """Keep aside, durably, what the store does not take; `refused_again` puts it back."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            self.refused.add(batch, reason=reason, now_ms=now_ms, damaged=damaged)

    def refused_again(self, now_ms: int) -> int:
        """Put what was refused behind what waits, whole or (while there is no room) not at all; returns how many.

        What lay damaged stays aside: nobody can say which readings it held.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            again = Batch.concat([record.batch for record in self.refused.records()])
            if len(again):
                self.append(again, now_ms)
                # Should this not come to pass any more: readings that are written twice are there once.
                self.refused.clear(but_damaged=True)
            return len(again)

    def refused_discard(self) -> int:
        """Let go of what was refused; returns how many readings that were."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            count = self.refused.count()
            self.refused.clear()
            return count

    # State

    def state(self) -> Waiting:
        """How much waits now; an estimate while others write."""
        if not self.folder.is_dir():
            return Waiting(0, 0, None, 0)
        with self._locked():
            refused = self.refused.count()
            if not self.waits():
                return Waiting(0, 0, None, refused)
            end, place = self._end_found(), self._place()
            return Waiting(max(0, end.readings - place.readings), self._bytes(), self._oldest(place), refused)

    def _oldest(self, place: Place) -> int | None:
        """When the first record that waits was accepted."""
        if self._oldest_known[0] != place:
            found = None
            for segment in self._segments():
                at = place if segment == place.segment else Place(segment)
                if segment >= place.segment and found is None:
                    found = next((head.accepted_ms for _at, head in heads_from(self._rest(at))), None)
            if found is None:
                return None
            self._oldest_known = (place, found)
        return self._oldest_known[1]

    def _bytes(self) -> int:
        """What the folder holds: all that waits, and all that was refused."""
        total = 0
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(_SUFFIX) or entry.name.startswith("refused"):
                    with contextlib.suppress(FileNotFoundError):
                        total += entry.stat().st_size
        return total

    # Files

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder for a moment: against other threads and other processes."""
        with self._thread_lock:
            if self._lock_held:
                yield
                return
            with (self.folder / "lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._lock_held = True
                try:
                    yield
                finally:
                    self._lock_held = False

    def _segments(self) -> list[int]:
        return sorted(int(path.stem) for path in self.folder.glob(f"*{_SUFFIX}") if path.stem.isdigit())

    def _path(self, segment: int) -> Path:
        return self.folder / f"{segment:010d}{_SUFFIX}"

    def _place(self) -> Place:
        try:
            said = json.loads((self.folder / "place").read_text(encoding="ascii"))
            return Place(int(said["segment"]), int(said["offset"]), int(said["readings"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            # Lost: replayed from the beginning of what is there, which doubles nothing.
            for segment in self._segments():
                for _at, head in heads_from(self._rest(Place(segment))):
                    return Place(segment, 0, head.before)
            return Place()

    def _place_write(self, place: Place) -> None:
        fresh = self.folder / f"place.{os.getpid()}"
        fresh.write_text(
            json.dumps({"segment": place.segment, "offset": place.offset, "readings": place.readings}),
            encoding="ascii",
        )
        fresh.replace(self.folder / "place")

    def _folder_sync(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _ends(path: Path, offset: int) -> Iterator[tuple[int, int]]:
    """Where sound records of a segment end, from an offset on, and the count of all readings up to there."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    for _at, head in heads_from(data):
        yield offset + head.end, head.before + head.readings
