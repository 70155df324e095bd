"""What stands in the place of a sealed block whose readings lie in cold storage: whose they are, and their checksum.

A pointer names no file. Its readings are those of its series and day, in the files of its partition, that have this
checksum: files can be written anew (to erase a neighbour, to join small ones) without a change to any pointer, and a
store that came back from a backup finds its readings in whatever files hold them now.
"""

from __future__ import annotations

import hashlib
import struct
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

import numpy as np

from telemetry.model import Columns

FORMAT = 2
"""Among the formats of blocks (telemetry.codec has the others)."""
_POINTER = struct.Struct("<HBI16sii8s")
_EPOCH = date(1970, 1, 1)


class Partition(NamedTuple):
    """A folder of files: a month of a bucket of series."""

    bucket: int
    year: int
    month: int

    @classmethod
    def of(cls, bucket: int, day: int) -> Partition:
        """The partition of a UTC day."""
        when = _EPOCH + timedelta(days=day)
        return cls(bucket, when.year, when.month)

    @property
    def path(self) -> str:
        """Where it lies, as Hive, Spark, Trino and DuckDB understand it."""
        # Without leading zeros: those would make words of the numbers.
        return f"bucket={self.bucket}/year={self.year}/month={self.month}"

    @property
    def days(self) -> range:
        """Its UTC days."""
        first = date(self.year, self.month, 1)
        following = date(self.year + self.month // 12, self.month % 12 + 1, 1)
        return range((first - _EPOCH).days, (following - _EPOCH).days)


class Pointer(NamedTuple):
    """The readings of one series and UTC day."""

    series: UUID
    day: int
    bucket: int
    readings: int
    check: bytes

    @property
    def partition(self) -> Partition:
        """Where its readings lie."""
        return Partition.of(self.bucket, self.day)

    def fits(self, columns: Columns) -> bool:
        """Whether these are its readings."""
        return len(columns) == self.readings and checksum(columns) == self.check


def checksum(columns: Columns) -> bytes:
    """Eight bytes that differ whenever readings do."""
    summed = hashlib.blake2b(digest_size=8)
    for column, form in ((columns.times, "<i8"), (columns.values, "<f8"), (columns.quality, "u1")):
        summed.update(np.ascontiguousarray(column, form).tobytes())
    return summed.digest()


def pointer_to(columns: Columns, *, series: UUID, day: int, bucket: int) -> Pointer:
    """The pointer to these readings."""
    return Pointer(series, day, bucket, len(columns), checksum(columns))


def pointer_encode(pointer: Pointer) -> bytes:
    """The bytes that stand in a block's place; they begin as every block does."""
    return _POINTER.pack(
        _POINTER.size - 2, FORMAT, pointer.readings, pointer.series.bytes, pointer.day, pointer.bucket, pointer.check
    )


def pointer_decode(data: bytes) -> Pointer | None:
    """The pointer, or None if this is a block of readings."""
    if len(data) != _POINTER.size or data[2] != FORMAT:
        return None
    _size, _format, count, series, day, bucket, check = _POINTER.unpack(data)
    return Pointer(UUID(bytes=series), day, bucket, count, check)
