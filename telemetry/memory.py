"""What a process remembers of what it read, bounded by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from telemetry.codec import columns_decode
from telemetry.errors import ColdUnavailableError
from telemetry.model import Columns
from telemetry.pointers import Pointer, pointer_decode

Key = TypeVar("Key")
Value = TypeVar("Value")

BLOCK_BYTES = 16 * 1024 * 1024


class Memory(Generic[Key, Value]):
    """Least recently used first out, bounded by bytes; shared by threads."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = 0
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """What was put under this key, if still here."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: Key, value: Value, size: int) -> None:
        """Keep a value of about this many bytes."""
        with self._lock:
            old = self._entries.pop(key, None)
            if old is not None:
                self._held -= old[1]
            self._entries[key] = (value, size)
            self._held += size
            while self._held > self._limit:
                _key, (_value, freed) = self._entries.popitem(last=False)
                self._held -= freed

    @property
    def held_bytes(self) -> int:
        """About how much is kept."""
        return self._held


class Blocks:
    """Decodes blocks of readings, once as long as they are remembered; what it gives must not be written to."""

    def __init__(self, limit_bytes: int = BLOCK_BYTES) -> None:
        self._memory: Memory[bytes, Columns] = Memory(limit_bytes)
        self.cold: Callable[[Pointer], Columns] | None = None
        """Who reads what was archived; nobody where COLD_URL is not set."""

    def decode(self, data: bytes) -> Columns:
        """The readings of a block; a block is known by its bytes, which never mean anything else."""
        found = self._memory.get(data)
        if found is None:
            pointer = pointer_decode(data)
            found = columns_decode(data) if pointer is None else self._archived(pointer)
            for column in (found.times, found.values, found.quality):
                column.setflags(write=False)
            self._memory.put(data, found, len(data) + 17 * len(found))
        return found

    def _archived(self, pointer: Pointer) -> Columns:
        if self.cold is None:
            raise ColdUnavailableError(
                f"Readings of {pointer.partition.year}-{pointer.partition.month:02d} were archived; "
                "set COLD_URL to where they lie."
            )
        return self.cold(pointer)
