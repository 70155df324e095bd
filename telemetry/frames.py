"""Pages of quarters: 32 UTC days of one series in one block, and the memory of those read lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from telemetry.codec import grid_decode, grid_encode
from telemetry.derivation import Grid, amounts
from telemetry.model import DAY_MS, QUARTERS_PER_DAY, Series

PAGE_DAYS = 32
PAGE_MS = PAGE_DAYS * DAY_MS
PAGE_QUARTERS = PAGE_DAYS * QUARTERS_PER_DAY

Key = TypeVar("Key")
Value = TypeVar("Value")


def page_empty(series: Series) -> Grid:
    """A page of which nothing is known."""
    return Grid.empty(PAGE_QUARTERS, levels=not amounts(series))


def page_encode(series: Series, grid: Grid) -> bytes:
    """A page as a block; the rates of amounts follow from their energy and are left out."""
    return grid_encode(grid.flags, grid.energy, () if amounts(series) else grid.levels)


def page_decode(series: Series, data: bytes) -> Grid:
    """The page of a block."""
    if amounts(series):
        flags, energy, _none = grid_decode(data, 0)
        return Grid(flags, energy, None)
    flags, energy, (mean, low, high) = grid_decode(data, 3)
    return Grid(flags, energy, (mean, low, high))


@dataclass(frozen=True, eq=False)
class Frame:
    """A page as it was at a mark; `clean` if it is the stored block as it stands."""

    mark: tuple[int, int]
    rev: int
    clean: bool
    grid: Grid


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
