"""Stores for tests: every backend the product has, each empty, each closed at the end."""

from __future__ import annotations

import functools
import json
import os
import secrets
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from telemetry.cold.files import Files
from telemetry.cold.place import Place
from telemetry.model import Batch, Kind, SealResult, Series, WriteResult
from telemetry.store import Progress, Store
from telemetry.stores.base import Backend
from telemetry.stores.sqlite import SqliteBackend
from tests.surroundings import quick_folder

AT_END = ExitStack()
"""What is to be undone when this test process ends."""


def pytest_sessionfinish() -> None:
    """Undo it while threads can still be started."""
    AT_END.close()


def running_url() -> str | None:
    """A Cassandra that runs already: the one of a file that SERVERS_AT names, or the one this suite runs on."""
    if path := os.environ.get("SERVERS_AT"):
        url: str = json.loads(Path(path).read_text(encoding="utf-8"))["cassandra"]
    else:
        url = os.environ.get("TELEMETRY_URL", "")
    return url if url.startswith("cassandra://") else None


def is_cassandra_tried() -> bool:
    """Whether the store is tried on Cassandra: on one that runs, or on one started for it."""
    return running_url() is not None or os.environ.get("TEST_CASSANDRA") == "1"


@functools.cache
def cassandra_url() -> str:
    """The keyspace of this test process."""
    if (running := running_url()) is not None:
        return _own_keyspace(running)
    from config.cluster.cassandra import CassandraRing

    folder = tempfile.TemporaryDirectory(prefix="cassandra-")
    ring = CassandraRing(Path(folder.name), brief=True)
    AT_END.callback(folder.cleanup)
    AT_END.callback(ring.stop)
    ring.start()
    return ring.url("telemetry")


def _own_keyspace(running: str) -> str:
    """A keyspace in a ring that others use as well, gone with this process."""
    from telemetry.stores.cassandra_link import Place, cluster_made

    parts = urlsplit(running)
    keyspace = f"telemetry_{secrets.token_hex(6)}"
    url = urlunsplit(parts._replace(path=f"/{keyspace}"))

    def drop() -> None:
        cluster = cluster_made(Place.of(url), request_s=60)
        cluster.connect().execute(f"DROP KEYSPACE IF EXISTS {keyspace}")
        cluster.shutdown()

    AT_END.callback(drop)
    return url


def cassandra_empty(folder: Path) -> Backend:
    """The ring's store; what earlier tests left waiting in it is taken away (their series have other ids)."""
    from telemetry.stores.cassandra import CassandraBackend

    backend = CassandraBackend(cassandra_url())
    first = folder / "opened"
    if not first.exists():
        first.touch()
        backend._link.session().execute(f"TRUNCATE {backend._link.place.keyspace}.due", timeout=60)
    return backend


# A further backend joins the conformance suite with one line here.
BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "sqlite": lambda folder: SqliteBackend(f"sqlite:///{folder}/telemetry.sqlite3"),
    "sqlite folding early": lambda folder: SqliteBackend(f"sqlite:///{folder}/telemetry.sqlite3", fold_rows=2),
}

# A ring takes seconds to start: only where it is asked for (`make test-cassandra`), or where one runs.
if is_cassandra_tried():
    BACKENDS["cassandra"] = cassandra_empty

DAY = 86_400_000
TODAY = 20_000
NOW = TODAY * DAY + 13 * 3_600_000


ARCHIVED = ", partly archived"


class ArchivingStore(Store):
    """Archives what it seals at once, but for the last days: whatever reads must not notice."""

    def days_seal(self, now_ms: int, limit: int | None = None) -> SealResult:
        """Seal, then archive."""
        result = super().days_seal(now_ms, limit)
        self._archive()
        return result

    def history_write(self, batch: Batch, now_ms: int, progress: Progress | None = None) -> WriteResult:
        """Import, then archive."""
        result = super().history_write(batch, now_ms, progress)
        self._archive()
        return result

    def _archive(self) -> None:
        assert self.archive is not None
        assert not self.archive.run(TODAY - 1).failed


@functools.cache
def _cassandras_cold() -> Path:
    """The keyspace is one for the whole process, and so are its archived days."""
    folder = tempfile.TemporaryDirectory(prefix="cold-")
    AT_END.callback(folder.cleanup)
    return Path(folder.name)


def cold_of(backend: str, folder: Path) -> Files:
    """Where a backend's archived days go."""
    where = _cassandras_cold() if backend.startswith("cassandra") else folder / "cold"
    return Files(Place.of(f"file://{where}"))


def store_of(backend: str, folder: Path) -> Store:
    """A store in a folder, archiving or not."""
    name = backend.removesuffix(ARCHIVED)
    if name == backend:
        return Store(BACKENDS[name](folder))
    store = ArchivingStore(BACKENDS[name](folder))
    store.cold_use(cold_of(name, folder))
    return store


@pytest.fixture(params=[*BACKENDS, *(f"{name}{ARCHIVED}" for name in BACKENDS)])
def open_store(request: pytest.FixtureRequest) -> Iterator[Callable[[], Store]]:
    """Opens the same store again and again, as several processes would."""
    opened: list[Store] = []
    with quick_folder() as folder:

        def open_one() -> Store:
            opened.append(store_of(request.param, folder))
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
