"""Stores for tests: every backend the product has, each empty, each closed at the end."""

from __future__ import annotations

import atexit
import functools
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telemetry.model import Kind, Series
from telemetry.store import Store
from telemetry.stores.base import Backend
from telemetry.stores.sqlite import SqliteBackend


@functools.cache
def cassandra_url() -> str:
    """The ring of this test process."""
    from config.cluster.cassandra import CassandraRing

    folder = tempfile.TemporaryDirectory(prefix="cassandra-")
    ring = CassandraRing(Path(folder.name))
    atexit.register(folder.cleanup)
    atexit.register(ring.stop)
    ring.start()
    return ring.url("telemetry")


def cassandra_empty(folder: Path) -> Backend:
    """The ring's store; what earlier tests left waiting in it is taken away (their series have other ids)."""
    from telemetry.stores.cassandra import CassandraBackend

    backend = CassandraBackend(cassandra_url())
    first = folder / "opened"
    if not first.exists():
        first.touch()
        backend._link.session().execute("TRUNCATE telemetry.due", timeout=60)
    return backend


# A further backend joins the conformance suite with one line here.
BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "sqlite": lambda folder: SqliteBackend(f"sqlite:///{folder}/telemetry.sqlite3"),
    "sqlite folding early": lambda folder: SqliteBackend(f"sqlite:///{folder}/telemetry.sqlite3", fold_rows=2),
}

# A ring takes seconds to start: only where it is asked for (`make test-cassandra`).
if os.environ.get("TEST_CASSANDRA") == "1":
    BACKENDS["cassandra"] = cassandra_empty

DAY = 86_400_000
TODAY = 20_000
NOW = TODAY * DAY + 13 * 3_600_000


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory where the machine has one: hundreds of syncs to a busy disk would take minutes."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(params=BACKENDS)
def open_store(request: pytest.FixtureRequest) -> Iterator[Callable[[], Store]]:
    """Opens the same store again and again, as several processes would."""
    opened: list[Store] = []
    with quick_folder() as folder:

        def open_one() -> Store:
            opened.append(Store(BACKENDS[request.param](folder)))
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
