"""The suite on real servers instead of the embedded ones: `make test-servers` loads this by `-p tests.servers`.

Begins before anything reads the settings. The first process starts MongoDB and Cassandra; the others, its children,
find them in their environment. Each test process has a database, a keyspace and a Valkey of its own. SERVERS_AT names
a file with the addresses of servers that run already: {"mongodb": "mongodb://…/NAME?…", "cassandra": "…/NAME?…"}.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

    from config.cluster.valkey import Valkey

_ADDRESSES = "TEST_SERVERS"
_KEY = "a key for tests that is long enough to be taken by the settings"
_READY_S = 120
_numbers = itertools.count(1)
_end = ExitStack()
_begun = threading.Event()


def on_servers() -> bool:
    """Whether this run is on MongoDB, Cassandra and Valkey over TCP."""
    return _ADDRESSES in os.environ


def _folder() -> Path:
    """A folder in memory where the machine has one: thousands of syncs to a busy disk would take minutes."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="myhouse-servers-", dir=memory if memory.is_dir() else None))
    _end.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _addresses() -> dict[str, str]:
    """Start the servers, or take those that run; NAME stands for a database or keyspace."""
    if "SERVERS_AT" in os.environ:
        said: dict[str, str] = json.loads(Path(os.environ["SERVERS_AT"]).read_text())
        return {name: said[name] for name in ("mongodb", "cassandra")}
    from config.cluster.cassandra import CassandraRing
    from config.cluster.mongod import MongoSet

    folder = _folder()
    mongo, ring = MongoSet(folder), CassandraRing(folder, brief=True)
    for server in (mongo, ring):
        _end.callback(server.stop)
        server.launch()
    mongo.wait()
    ring.wait()
    return {"mongodb": mongo.url("NAME"), "cassandra": ring.url("NAME")}


def _own_names() -> dict[str, str]:
    """Name a database and a keyspace that nobody has."""
    name = f"mh_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{next(_numbers)}_{secrets.token_hex(4)}"
    known = json.loads(os.environ[_ADDRESSES])
    own = {"DATABASE_URL": known["mongodb"], "TELEMETRY_URL": known["cassandra"]}
    urls = {variable: url.replace("NAME", name) for variable, url in own.items()}
    if "SERVERS_AT" in os.environ:
        _end.callback(databases_drop, urls, name)
    return urls


def databases_drop(urls: dict[str, str], name: str) -> None:
    """Leave nothing of this name on servers that go on."""
    from cassandra.cluster import Cluster
    from pymongo import MongoClient

    with MongoClient(urls["DATABASE_URL"]) as client:
        for database in client.list_database_names():
            if name in database:
                client.drop_database(database)
    ring = urlsplit(urls["TELEMETRY_URL"])
    with Cluster([ring.hostname], port=ring.port) as cluster:
        cluster.connect().execute(f"DROP KEYSPACE IF EXISTS {name}", timeout=60)


def servers_begin() -> None:
    """Let the settings of this process name servers; once."""
    from config.cluster.valkey import Valkey

    if _begun.is_set():
        return
    _begun.set()
    atexit.register(_end.close)
    if not on_servers():
        os.environ[_ADDRESSES] = json.dumps(_addresses())
    broker = _end.enter_context(Valkey(_folder()))
    os.environ |= {**_own_names(), "REDIS_URL": broker.url, "SECRET_KEY": _KEY}


_installations: dict[Path, dict[str, str]] = {}
_brokers: dict[Path, Valkey] = {}


def surroundings(var: Path) -> dict[str, str]:
    """The surroundings of the installation in this folder, for processes that a test starts; the same each time."""
    var = var.resolve()
    if var not in _installations:
        named = {"DATABASE_URL", "TELEMETRY_URL", "REDIS_URL", "SECRET_KEY", "DEBUG"}
        plain = {name: value for name, value in os.environ.items() if name not in named}
        _installations[var] = plain | {"MYHOUSE_VAR": str(var), "DJANGO_SETTINGS_MODULE": "config.settings"}
        if on_servers():
            broker = broker_of(var)
            _installations[var] |= {**_own_names(), "REDIS_URL": broker.url, "SECRET_KEY": _KEY}
    return dict(_installations[var])


def broker_of(var: Path) -> Valkey:
    """The broker of the installation in this folder, on servers; a test may kill it and start it again."""
    from config.cluster.valkey import Valkey

    var = var.resolve()
    if var not in _brokers:
        _brokers[var] = _end.enter_context(Valkey(_folder()))
    return _brokers[var]


@contextmanager
def store_of(var: Path) -> Iterator[None]:
    """Read the store of the installation in this folder, as one more process of it."""
    from django.test import override_settings

    from telemetry.process import store_close

    files = f"sqlite:///{var / 'telemetry.sqlite3'}"
    with override_settings(TELEMETRY_URL=surroundings(var).get("TELEMETRY_URL", files)):
        yield
        # A folder goes away with its files; connections to servers are worth keeping.
        if not on_servers():
            store_close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out by name and reason what would be the same here as with `make test`."""
    if not on_servers():
        return
    for item in items:
        marker = item.get_closest_marker("embedded")
        if marker is not None:
            item.add_marker(pytest.mark.skip(reason=f"runs with `make test`: {marker.args[0]}"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    """Begin before pytest-django reads the settings."""
    servers_begin()
    yield


def _store_ready() -> None:
    """Let the store make its tables; until then it counts as away, and readings would wait in the spool."""
    from telemetry.errors import StoreUnavailableError
    from telemetry.selectors import series_get

    until = time.monotonic() + _READY_S
    while True:
        try:
            series_get(series_id=UUID(int=0))
        except StoreUnavailableError:
            assert time.monotonic() < until, "Cassandra took too long to make the tables"
            time.sleep(0.5)
        else:
            return


class _SteadyTime:
    """The module `time` for the driver: tests travel in time, and requests under way must not grow old by it."""

    def __getattr__(self, name: str) -> Any:
        return partial(time.clock_gettime, time.CLOCK_MONOTONIC) if name == "time" else getattr(time, name)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End what this process started."""
    if _begun.is_set():
        from telemetry.process import store_close

        store_close()
    _end.close()


@pytest.fixture(scope="session", autouse=True)
def _quickly_emptied(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Empty the collections that hold something; Django would ask all, and then make its permissions anew."""
    from django.test import TransactionTestCase

    from tests.taken_back import contents, held, standing_put_back, tests_own_taken_back

    _store_ready()
    with django_db_blocker.unblock():
        counted, fresh = held()[1], contents(standing=True)

    def emptied(_case: TransactionTestCase) -> None:
        holding, standing = held()
        tests_own_taken_back(holding)
        if standing != counted:
            standing_put_back(fresh)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TransactionTestCase, "_fixture_teardown", emptied)
        patched.setattr("cassandra.connection.time", _SteadyTime())
        yield
