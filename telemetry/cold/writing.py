"""Writing a Parquet file of cold storage: series after series, day after day, in row groups of whole days.

Written beside its place, synced, and only then given its name (a folder: renamed; S3: sent whole): who lists the
folder never finds half a file. The name tells how many days of series are in it.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from telemetry.cold.files import SUFFIX, Files
from telemetry.cold.place import folder_sync
from telemetry.model import Columns, Series
from telemetry.pointers import Partition

GROUP_READINGS = 65_536
"""A row group ends with the day that reaches this: one day of one-second data, eight of ten-second data."""
UNFINISHED = ".unfinished"
_SEND_BYTES = 8 * 1024 * 1024


def days_in(name: str) -> int:
    """How many days of series a file's name says are in it."""
    return int(name.split("-")[1])


def schema() -> Any:
    """The columns, in types that every reader of Parquet knows."""
    import pyarrow as pa

    words = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            pa.field("series_id", words, nullable=False),
            pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),
            pa.field("value", pa.float64(), nullable=False),
            pa.field("quality", pa.int8(), nullable=False),
            pa.field("unit", words, nullable=False),
            pa.field("kind", words, nullable=False),
        ]
    )


def writer_of(sink: Any) -> Any:
    """The Parquet writer: times as differences, values with their bytes sorted, all through zstd."""
    from pyarrow import parquet

    return parquet.ParquetWriter(
        sink,
        schema(),
        compression="zstd",
        compression_level=3,
        use_dictionary=["series_id", "unit", "kind", "quality"],
        column_encoding={"time": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"},
        write_statistics=["series_id", "time"],
        store_schema=False,
        write_page_checksum=True,
    )


def table_of(series: Series, columns: Columns) -> Any:
    """The rows of one series."""
    import pyarrow as pa

    count = len(columns)

    def constant(word: str) -> Any:
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([word]))

    return pa.Table.from_arrays(
        [
            constant(str(series.id)),
            # As a view: a cast would load all of pyarrow.compute, which takes longer than a month of readings.
            pa.array(columns.times).view(pa.timestamp("ms", tz="UTC")),
            pa.array(columns.values),
            pa.array(columns.quality.astype(np.int8)),
            constant(series.unit),
            constant(series.kind.value),
        ],
        schema=schema(),
    )


class Part:
    """One file being written; `publish` or `abandon` ends it."""

    def __init__(self, files: Files, partition: Partition) -> None:
        self._files = files
        self._partition = partition
        self._path: Path | None = None
        if files.place.scheme == "file":
            folder = Path(files.place.root) / partition.path
            folder.mkdir(parents=True, exist_ok=True)
            self._path = folder / f"part-{secrets.token_hex(8)}{UNFINISHED}"
        # Without a name where it is only to be sent: nobody else reads it, and a kill leaves nothing of it.
        self._file: IO[bytes] = self._path.open("wb") if self._path is not None else tempfile.TemporaryFile()  # noqa: SIM115 closed by publish or abandon
        self._writer = writer_of(self._file)
        self._series: Series | None = None
        self._waiting: list[Columns] = []
        self.days = 0
        self.readings = 0

    def add(self, series: Series, columns: Columns) -> None:
        """Add a day; series in the order of their ids, each with its days in order."""
        if series != self._series:
            self._flush()
            self._series = series
        self._waiting.append(columns)
        self.days += 1
        self.readings += len(columns)
        if sum(len(one) for one in self._waiting) >= GROUP_READINGS:
            self._flush()

    def _flush(self) -> None:
        if self._series is None or not self._waiting:
            return
        whole = Columns(
            np.concatenate([one.times for one in self._waiting]),
            np.concatenate([one.values for one in self._waiting]),
            np.concatenate([one.quality for one in self._waiting]),
        )
        self._writer.write_table(table_of(self._series, whole), row_group_size=len(whole))
        self._waiting = []

    def publish(self, keep: Callable[[], None]) -> str:
        """Finish the file and give it its name: from now on it is found. `keep` is called while that takes long."""
        self._flush()
        self._writer.close()
        name = f"part-{self.days}-{secrets.token_hex(8)}{SUFFIX}"
        target = self._files.path(self._partition, name)
        with self._file:
            self._file.flush()
            if self._path is None:
                self._send(target, keep)
            else:
                os.fsync(self._file.fileno())
                self._path.rename(target)
                folder_sync(Path(target).parent)
        return name

    def _send(self, target: str, keep: Callable[[], None]) -> None:
        self._file.seek(0)
        try:
            with self._files.system.open_output_stream(target) as sink:
                while some := self._file.read(_SEND_BYTES):
                    sink.write(some)
                    keep()
        except OSError:
            # Closing what failed may have left a part of it there.
            self._files.path_drop(target)
            raise

    def abandon(self) -> None:
        """Take the unfinished file away."""
        self._writer.close()
        self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
