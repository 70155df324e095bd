"""Records of readings in a file: each whole or not there at all, found again behind a damaged one."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import numpy as np

from telemetry.model import Batch

_HEAD = struct.Struct("<4sIIQqI")
_SUMMED_FROM = 12
"""The checksum covers what follows it in the head, and the body."""
_MAGIC = b"\xd5MHr"
_COUNT = struct.Struct("<I")
_UUID_BYTES = 16


class Record(NamedTuple):
    """Readings that were accepted together; `before` counts all readings of the file's records that came earlier."""

    before: int
    accepted_ms: int
    batch: Batch


class Found(NamedTuple):
    """A record and where it ends, or (without one) a damaged stretch behind which another record begins."""

    record: Record | None
    start: int
    end: int


def record_encode(record: Record) -> bytes:
    """The record as it stands in a file."""
    batch = record.batch
    body = b"".join(
        (
            _COUNT.pack(len(batch.series_ids)),
            *(one.bytes for one in batch.series_ids),
            np.ascontiguousarray(batch.index, "<i4").tobytes(),
            np.ascontiguousarray(batch.times, "<i8").tobytes(),
            np.ascontiguousarray(batch.values, "<f8").tobytes(),
            np.ascontiguousarray(batch.quality, "u1").tobytes(),
        )
    )
    head = _HEAD.pack(_MAGIC, len(body), 0, record.before, record.accepted_ms, len(batch))
    checked = zlib.crc32(body, zlib.crc32(head[_SUMMED_FROM:]))
    return _HEAD.pack(_MAGIC, len(body), checked, record.before, record.accepted_ms, len(batch)) + body


class Head(NamedTuple):
    """Of a sound record: where its body begins and ends, and what its head says."""

    body: int
    end: int
    before: int
    accepted_ms: int
    readings: int


def head_at(data: bytes | memoryview, start: int) -> Head | None:
    """The record that begins here, unread; None if there is no whole and sound one."""
    view = memoryview(data)
    if start + _HEAD.size > len(view):
        return None
    magic, size, checked, before, accepted_ms, count = _HEAD.unpack_from(view, start)
    body, end = start + _HEAD.size, start + _HEAD.size + size
    if magic != _MAGIC or end > len(view):
        return None
    if zlib.crc32(view[body:end], zlib.crc32(view[start + _SUMMED_FROM : body])) != checked:
        return None
    return Head(body, end, before, accepted_ms, count)


def record_at(data: bytes | memoryview, start: int) -> Found | None:
    """The record that begins here; None if there is no whole and sound one."""
    head = head_at(data, start)
    if head is None:
        return None
    batch = _batch(memoryview(data)[head.body : head.end], head.readings)
    return Found(Record(head.before, head.accepted_ms, batch), start, head.end)


def _batch(body: memoryview, count: int) -> Batch:
    (series,) = _COUNT.unpack_from(body)
    at = _COUNT.size + series * _UUID_BYTES
    ids = [UUID(bytes=bytes(body[place : place + _UUID_BYTES])) for place in range(_COUNT.size, at, _UUID_BYTES)]
    columns = []
    for kind in ("<i4", "<i8", "<f8", "u1"):
        columns.append(np.frombuffer(body, kind, count, at))
        at += columns[-1].nbytes
    return Batch(ids, *columns)


def heads_from(data: bytes, start: int = 0) -> Iterator[tuple[int, Head]]:
    """Where sound records begin, in order; damaged stretches between them are passed over."""
    at = start
    while True:
        head = head_at(data, at)
        while head is None:
            at = data.find(_MAGIC, at + 1)
            if at < 0:
                return
            head = head_at(data, at)
        yield at, head
        at = head.end


def records_from(data: bytes, start: int = 0) -> Iterator[Found]:
    """Records in order, and each damaged stretch between two of them; what follows the last sound one is left out."""
    at = start
    for begin, head in heads_from(data, start):
        if begin > at:
            yield Found(None, at, begin)
        batch = _batch(memoryview(data)[head.body : head.end], head.readings)
        yield Found(Record(head.before, head.accepted_ms, batch), begin, head.end)
        at = head.end


def durably_write(path: Path, data: bytes, offset: int) -> None:
    """Write at this offset and sync; on a failure the file ends there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    view = memoryview(data)
    try:
        while view:
            written = os.pwrite(descriptor, view, offset + len(data) - len(view))
            view = view[written:]
        os.fdatasync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, offset)
        raise
    finally:
        os.close(descriptor)
