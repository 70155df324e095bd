"""The Parquet files of cold storage: found, read and remembered. A file never changes: it comes, and may go."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from telemetry.cold.place import Place
from telemetry.errors import ColdUnavailableError, CorruptBlockError
from telemetry.memory import Memory
from telemetry.model import DAY_MS, Columns
from telemetry.pointers import Partition, Pointer

GROUP_BYTES = 16 * 1024 * 1024
INDEX_BYTES = 16 * 1024 * 1024
NAMES_BYTES = 2 * 1024 * 1024
AWAY_S = 10.0
"""After a failure nobody else waits for the same server for so long."""
SUFFIX = ".parquet"
_READ = ["time", "value", "quality"]


class Group(NamedTuple):
    """A row group: whole days of one series, in order."""

    series: str
    first_ms: int
    last_ms: int


class Index:
    """What a file's footer says; its row groups are sorted by series and time, and few of them are ever looked at."""

    def __init__(self, footer: Any) -> None:
        self.footer = footer
        self._groups: dict[int, Group] = {}

    def group(self, number: int) -> Group:
        """What the statistics of a row group say."""
        known = self._groups.get(number)
        if known is None:
            columns = self.footer.row_group(number)
            series, times = columns.column(0).statistics, columns.column(1).statistics
            known = self._groups[number] = Group(series.min, int(times.min_raw), int(times.max_raw))
        return known

    def group_of(self, series: UUID, day: int) -> int | None:
        """The number of the row group that has a series' day."""
        numbers = range(self.footer.num_row_groups)
        wanted = str(series), (day + 1) * DAY_MS - 1
        number = bisect_right(numbers, wanted, key=lambda at: self.group(at)[:2]) - 1
        if number < 0 or self.group(number).series != wanted[0] or self.group(number).last_ms < day * DAY_MS:
            return None
        return number

    def series(self) -> set[str]:
        """The ids of all series."""
        return {self.group(number).series for number in range(self.footer.num_row_groups)}


class Files:
    """The files of a place, for any number of threads."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._system: Any = None
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._names: Memory[Partition, list[str]] = Memory(NAMES_BYTES)
        self._indexes: Memory[str, Index] = Memory(INDEX_BYTES)
        self._groups: Memory[tuple[str, int], Columns] = Memory(GROUP_BYTES)

    @property
    def system(self) -> Any:
        """The file system, opened at first use."""
        with self._lock:
            if self._system is None:
                self._system = self.place.filesystem()
            return self._system

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Around everything that asks the file system; while it is known to be away, fails at once."""
        if time.monotonic() < self._away_until:
            raise ColdUnavailableError(f"The cold storage {self.place.name} did not answer just now; try again.")
        try:
            with self.place.meaning_of_errors():
                yield
        except ColdUnavailableError:
            self._away_until = time.monotonic() + AWAY_S
            raise

    def read(self, pointer: Pointer) -> Columns:
        """The readings of a pointer; ColdUnavailableError while the place is away, CorruptBlockError if they went."""
        with self.asked():
            # Files are written anew now and then: those that were there may have gone, others have come.
            for fresh in (False, True):
                found = self._found(pointer, fresh=fresh)
                if found is not None:
                    return found
            self._root_require()
        raise CorruptBlockError(
            f"The readings of series {pointer.series} in {self.place.name}/{pointer.partition.path} are not there, or "
            "are damaged: bring the folder back from its last backup."
        )

    def _root_require(self) -> None:
        from pyarrow import fs

        if self.system.get_file_info(self.place.root).type == fs.FileType.NotFound:
            raise ColdUnavailableError(f"The cold storage {self.place.name} is not there: mount it, or set COLD_URL.")

    def _found(self, pointer: Pointer, *, fresh: bool) -> Columns | None:
        partition = pointer.partition
        for name in self.names(partition, fresh=fresh):
            path = self.path(partition, name)
            try:
                group = self.index(path).group_of(pointer.series, pointer.day)
                if group is None:
                    continue
                whole = self.group(path, group)
            except (OSError, ValueError) as error:
                if not _is_gone_or_damaged(error):
                    raise
                # Another file may have them.
                continue
            part = whole.between(pointer.day * DAY_MS, (pointer.day + 1) * DAY_MS)
            if pointer.fits(part):
                return Columns(part.times.copy(), part.values.copy(), part.quality.copy())
        return None

    def path(self, partition: Partition, name: str) -> str:
        """Where a file lies."""
        return f"{self.place.root}/{partition.path}/{name}"

    def names(self, partition: Partition, *, fresh: bool) -> list[str]:
        """The files of a partition, as they were when last looked at, or as they are now."""
        known = None if fresh else self._names.get(partition)
        if known is None:
            known = sorted(name for name in self.listed(partition.path) if name.endswith(SUFFIX))
            self._names.put(partition, known, 200 + 100 * len(known))
        return known

    def listed(self, folder: str, *, recursive: bool = False) -> list[str]:
        """What lies in a folder, by names relative to it; nothing if there is no such folder."""
        from pyarrow import fs

        whole = f"{self.place.root}/{folder}".rstrip("/")
        chosen = fs.FileSelector(whole, allow_not_found=True, recursive=recursive)
        found = self.system.get_file_info(chosen)
        return [one.path[len(whole) + 1 :] for one in found if one.type == fs.FileType.File]

    def index(self, path: str) -> Index:
        """What a file's footer says."""
        known = self._indexes.get(path)
        if known is None:
            from pyarrow import parquet

            with self.system.open_input_file(path) as source:
                footer = parquet.read_metadata(source)
            known = Index(footer)
            self._indexes.put(path, known, 4 * footer.serialized_size + 200 * footer.num_row_groups)
        return known

    def series_of(self, path: str) -> set[str]:
        """The ids of the series in a file; none of a damaged one."""
        try:
            return self.index(path).series()
        except (OSError, ValueError) as error:
            if not _is_gone_or_damaged(error):
                raise
            return set()

    def group(self, path: str, number: int) -> Columns:
        """The readings of a row group; not to be written to."""
        known = self._groups.get((path, number))
        if known is None:
            known = self.group_read(path, number)
            self._groups.put((path, number), known, 17 * len(known))
        return known

    def group_read(self, path: str, number: int) -> Columns:
        """The readings of a row group as they lie there now."""
        from pyarrow import parquet

        with self.system.open_input_file(path) as source:
            file = parquet.ParquetFile(source, metadata=self.index(path).footer, pre_buffer=True)
            return columns_of(file.read_row_group(number, columns=_READ, use_threads=False))

    def drop(self, partition: Partition, names: list[str]) -> None:
        """Delete files; those that are gone already are as well."""
        for name in names:
            self.path_drop(self.path(partition, name))
        self._names.put(partition, [], 0)
        self.names(partition, fresh=True)

    def path_drop(self, path: str) -> None:
        """Delete a file if it is there."""
        try:
            self.system.delete_file(path)
        except FileNotFoundError:
            return


def _is_gone_or_damaged(error: Exception) -> bool:
    """Whether it is this file's fault, not the file system's; pyarrow has no errors of its own for it."""
    if not isinstance(error, OSError) or isinstance(error, FileNotFoundError):
        return True
    return error.errno is None and "AWS Error" not in str(error)


def columns_of(table: Any) -> Columns:
    """The readings of a table of Arrow's."""
    import pyarrow as pa

    times, values, quality = (table.column(name).combine_chunks() for name in _READ)
    return Columns(
        np.ascontiguousarray(times.view(pa.int64()).to_numpy(zero_copy_only=False), np.int64),
        np.ascontiguousarray(values.to_numpy(zero_copy_only=False), np.float64),
        np.ascontiguousarray(quality.to_numpy(zero_copy_only=False), np.uint8),
    )
