"""Stores for tests: every backend the product has, each empty, each closed at the end."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telemetry.model import Kind, Series
from telemetry.store import Store
from telemetry.stores.base import Backend
from telemetry.stores.sqlite import SqliteBackend

# A further backend joins the conformance suite with one line here.
BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "sqlite": lambda folder: SqliteBackend(f"sqlite:///{folder}/telemetry.sqlite3"),
    "sqlite folding early": lambda folder: SqliteBackend(f"sqlite:///{folder}/telemetry.sqlite3", fold_rows=2),
}

DAY = 86_400_000
TODAY = 20_000
NOW = TODAY * DAY + 13 * 3_600_000


@pytest.fixture(params=BACKENDS)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens the same store again and again, as several processes would."""
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(Store(BACKENDS[request.param](tmp_path)))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    """An empty store."""
    return open_store()


def series_of(kind: Kind, unit: str = "W", **facts: int | bool) -> Series:
    """A series with an id of its own."""
    return Series(uuid.uuid4(), unit, kind, **facts)
