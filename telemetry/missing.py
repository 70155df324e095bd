"""Pages that go on without their time series: what could not be read is nothing, and said to be missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from telemetry.errors import StoreUnavailableError

Answer = TypeVar("Answer")


@dataclass
class Missing:
    """Whether anything could not be read."""

    noted: bool = False


_current: ContextVar[Missing | None] = ContextVar("telemetry_missing", default=None)


@contextmanager
def tolerated() -> Iterator[Missing]:
    """Within this, reads of a store that is away give nothing and are noted; for what people look at, not for sums."""
    missing = Missing()
    token = _current.set(missing)
    try:
        yield missing
    finally:
        _current.reset(token)


@contextmanager
def required() -> Iterator[None]:
    """Within this, reads of a store that is away fail again: a file that is handed out must be whole."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


def is_missing() -> bool:
    """Whether something could not be read for the page at hand."""
    missing = _current.get()
    return missing is not None and missing.noted


def note_missing() -> None:
    """Say that something could not be read for the page at hand."""
    missing = _current.get()
    if missing is not None:
        missing.noted = True


def read_or(nothing: Callable[[], Answer], read: Callable[[], Answer]) -> Answer:
    """What was read, or nothing where that is tolerated."""
    missing = _current.get()
    if missing is None:
        return read()
    try:
        return read()
    except StoreUnavailableError:
        missing.noted = True
        return nothing()
