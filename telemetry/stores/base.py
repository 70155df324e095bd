"""What a backend has to do. Layering, codec and arithmetic are above, in telemetry.store, once for all backends.

A backend keeps, per series key (a small integer of its own):
hot readings as they came, readable at once; one block per *number* of each of two layers (`days`: the sealed readings
of a UTC day; `pages`: the quarters of 32 UTC days); the days whose quarters are out of date; the newest reading.
Every block has a `rev` that never returns, and every series a version that changes whenever its readings, its pages or
its dirty days do (moving readings to another layer changes neither).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from telemetry.memory import Blocks
from telemetry.model import Bools, Bytes, Columns, Floats, Int32s, Int64s, Reading, Series


class SeriesRow(NamedTuple):
    """A registered series and the small key the backend knows it by."""

    key: int
    series: Series


class HotBatch(NamedTuple):
    """Valid readings of any number of series, in the order they came."""

    keys: Int32s
    times: Int64s
    values: Floats
    quality: Bytes

    def where(self, chosen: Bools) -> HotBatch:
        """Only the chosen readings."""
        return HotBatch(self.keys[chosen], self.times[chosen], self.values[chosen], self.quality[chosen])


class Block(NamedTuple):
    """A stored block; `number` is the UTC day or the page."""

    number: int
    rev: int
    data: bytes


class HotDay(NamedTuple):
    """The folded hot readings of one series and UTC day; `mark` changes whenever they do."""

    mark: int
    columns: Columns


@dataclass(frozen=True)
class DaySwap:
    """Replace a day's sealed block, if it and the hot readings merged into it are still those that were read."""

    key: int
    day: int
    columns: Columns
    data: bytes
    expected_rev: int
    expected_mark: int
    changed: bool
    """Whether readings changed (the day's quarters become dirty), not only their place."""


@dataclass(frozen=True)
class PagesSwap:
    """Replace pages of quarters and clear dirty days, if the series is still at the version that was read."""

    key: int
    expected_version: int
    pages: dict[int, bytes] = field(default_factory=dict)
    clear_days: frozenset[int] = frozenset()


class Snapshot(ABC):
    """One consistent view of everything, for the length of a `with backend.reading()` block."""

    reads_ahead = False
    """Whether it is better asked for many series at once, by `ahead`, than for one after the other."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks

    @abstractmethod
    def marks(self, keys: Sequence[int]) -> list[tuple[int, int]]:
        """Per key (version, mark of the newest unfolded hot batch that has it): equal marks, equal data."""

    def ahead(self, keys: Sequence[int], pages: range, *, fresh: Collection[int]) -> None:  # noqa: B027 most need not
        """Told that the quarters of these pages will be read of each series; nothing is remembered of `fresh` ones."""

    @abstractmethod
    def hot_since(self, key: int, mark: int) -> tuple[int, int] | None:
        """First and last time of the series' unfolded readings that came after this mark."""

    @abstractmethod
    def hot(self, key: int, start_ms: int, end_ms: int) -> list[Columns]:
        """Hot readings in the order they were written (later parts win); times inside a part may repeat."""

    @abstractmethod
    def hot_day(self, key: int, day: int) -> HotDay:
        """The folded hot readings of a day, for sealing."""

    @abstractmethod
    def hot_days(self, before_day: int, limit: int) -> list[tuple[int, int]]:
        """Some (key, day) with folded hot readings whose day is before this one; oldest days first."""

    @abstractmethod
    def days(self, key: int, first: int, last: int) -> list[Block]:
        """Sealed blocks of the days first … last, in order."""

    @abstractmethod
    def pages(self, key: int, first: int, last: int) -> list[Block]:
        """Pages of quarters first … last, in order."""

    @abstractmethod
    def page_revs(self, key: int, first: int, last: int) -> dict[int, int]:
        """The revs of those pages, without their data."""

    @abstractmethod
    def dirty_days(self, keys: Sequence[int]) -> dict[int, list[int]]:
        """Days whose quarters are out of date, per key, in order; days of unfolded hot readings are among them."""

    @abstractmethod
    def dirty_some(self, before_day: int, limit: int) -> list[tuple[int, int]]:
        """Some stored dirty (key, day) before this day."""

    @abstractmethod
    def neighbours(self, key: int, start_ms: int, end_ms: int) -> tuple[int | None, int | None]:
        """Where to look for the readings around: (from, to).

        `from` ≤ the last reading before start, with at most a day block between; `to` ≥ the first one at or after end,
        likewise. None where there is no such reading.
        """

    @abstractmethod
    def latest(self, keys: Sequence[int]) -> dict[int, Reading]:
        """The newest reading per key."""

    @abstractmethod
    def bounds(self, key: int) -> tuple[int, int] | None:
        """Times of the first and the last reading."""


class Backend(ABC):
    """One store at one URL; every method may be called from any thread, and from several processes at once."""

    may_be_away = False
    """Whether the store is a server that may be away while the product runs: readings wait in a spool then."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.blocks = Blocks()

    @property
    def is_preparing(self) -> bool:
        """Whether the server was reached and is being made ready; then it is worth waiting for."""
        return False

    def probe(self) -> None:  # noqa: B027 - what cannot be away need not be asked
        """Ask the server something small, with little patience; raise StoreUnavailableError if it is away."""

    @classmethod
    @abstractmethod
    def check_url(cls, url: str) -> None:
        """Raise StoreConfigurationError if the URL cannot be one of this backend's; opens nothing."""

    @abstractmethod
    def series_put(self, series: Sequence[Series]) -> None:
        """Register those that are new; leave the others as they are."""

    @abstractmethod
    def series_get(self, ids: Iterable[UUID]) -> dict[UUID, SeriesRow]:
        """The registered ones among these ids."""

    @abstractmethod
    def series_by_key(self, keys: Iterable[int]) -> dict[int, Series]:
        """The registered ones among these keys."""

    @abstractmethod
    def series_last(self) -> int:
        """The largest key that was given to a series; 0 without any."""

    @abstractmethod
    def hot_append(self, batch: HotBatch, now_ms: int) -> None:
        """Store readings durably, all or none."""

    @abstractmethod
    def hot_fold(self, *, now_ms: int, only_if_due: bool) -> int:
        """Housekeeping of the hot layer; returns how many batches were folded. Changes nothing that is read."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Snapshot]:
        """Open a consistent view."""

    @abstractmethod
    def days_swap(self, swaps: Sequence[DaySwap], *, over_hot: bool) -> list[int]:
        """Apply atomically all that still fit, return the positions of those that do not.

        The hot readings of an applied day are dropped: they are in the block. `over_hot` says the block holds newer
        readings than *all* hot ones, so unfolded batches count for the comparison as well.
        """

    @abstractmethod
    def pages_swap(self, swaps: Sequence[PagesSwap]) -> list[int]:
        """Apply atomically all whose version fits, return the positions of those that do not."""

    @abstractmethod
    def forget(self, key: int, start_ms: int, end_ms: int) -> int:
        """Erase the readings of [start_ms, end_ms) and every page of the series; all its days become dirty."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""
