"""From a folder to real servers and back, killed in the middle, archived and restored."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from config.tests.test_transfer import moved, run, told
from config.transfer.errors import UnableToTransfer
from tests.servers import databases_drop
from tests.services import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("transfer"),
    pytest.mark.skipif(
        not ({"SERVERS_AT", "TEST_SERVERS"} & set(os.environ)),
        reason="moves to real servers and back: part of `make test-servers`, or name running ones in SERVERS_AT",
    ),
]
KEY = "a key of an installation that is long enough to be taken"


def _addresses() -> dict[str, str]:
    if "SERVERS_AT" in os.environ:
        return json.loads(Path(os.environ["SERVERS_AT"]).read_text())
    return json.loads(os.environ["TEST_SERVERS"])


@pytest.fixture
def empty_servers() -> Iterator[Callable[[], tuple[str, str]]]:
    """Addresses of databases that nobody has, gone after the test."""
    made: list[tuple[str, str, str]] = []

    def make() -> tuple[str, str]:
        name = f"move_{secrets.token_hex(5)}"
        known = _addresses()
        urls = (known["mongodb"].replace("NAME", name), known["cassandra"].replace("NAME", name))
        made.append((*urls, name))
        return urls

    yield make
    for mongodb, cassandra, name in made:
        databases_drop({"DATABASE_URL": mongodb, "TELEMETRY_URL": cassandra}, name)


@pytest.fixture(scope="module")
def market(tmp_path_factory) -> tuple[Path, list[str], dict[str, object]]:
    """A market in a folder, the people to visit it as, and what they find."""
    var = tmp_path_factory.mktemp("market")
    seeded = told("seed", var=var)
    people = [str(seeded["email"]), str(seeded["factor"])]
    return var, people, told("visit", *people, var=var)


def on_servers(urls: tuple[str, str], key: str) -> dict[str, str]:
    return {"DATABASE_URL": urls[0], "TELEMETRY_URL": urls[1], "SECRET_KEY": key}


def _in_ms(value: object) -> object:
    return re.sub(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\d{3}$", r"\1", value) if isinstance(value, str) else value


def rows_of(folder: Path) -> dict[str, set[tuple[object, ...]]]:
    """Every row with a key of ours; times in milliseconds, for MongoDB keeps no more."""
    found = {}
    with closing(sqlite3.connect(folder / "documents.sqlite3")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            if "_id" in columns:
                rows = connection.execute(f"SELECT {', '.join(columns)} FROM {table}")
                found[table] = {tuple(_in_ms(value) for value in row) for row in rows}
    return found


def test_a_market_goes_to_servers_and_back_though_it_is_killed_on_the_way(market, empty_servers, tmp_path):
    source, people, before = market
    urls = empty_servers()
    key = (source / "secret_key").read_text()
    servers = f"{urls[0]},{urls[1]},file://{tmp_path / 'cluster'}"
    elsewhere = moved(source, servers, var=tmp_path / "env", SECRET_KEY=KEY)
    assert "SECRET_KEY is not the key" in elsewhere.stderr

    _kill_when(lambda state: len(state["rows"]) >= 3, source, servers, urls[0], var=tmp_path / "env", key=key)
    _kill_when(lambda state: state["readings"] > 0, source, servers, urls[0], var=tmp_path / "env", key=key)
    unfinished = run("prepare", var=tmp_path / "cluster", **on_servers(urls, key))
    assert "the target of an unfinished transfer" in unfinished.stderr
    other = moved(tmp_path / "other", servers, var=tmp_path / "env", SECRET_KEY=key)
    assert "holds no installation" in other.stderr
    again = moved(source, servers, var=tmp_path / "env", SECRET_KEY=key)
    assert again.returncode == 0, again.stderr
    assert "all equal" in again.stdout

    # Looking at it signs in and notes a proof: so it is looked at after it went back.
    back = moved(servers, tmp_path / "back", var=tmp_path / "env", SECRET_KEY=key)
    assert back.returncode == 0, back.stderr
    assert rows_of(tmp_path / "back") == rows_of(source)
    assert (tmp_path / "back" / "secret_key").read_text() == key
    assert told("visit", *people, var=tmp_path / "back") == before
    assert told("visit", *people, var=tmp_path / "cluster", **on_servers(urls, key)) == before
    assert before["signed_in"] == [302, True]
    assert before["ledger"][0] is True
    uploaded = Path("files") / "uploads" / "meter.csv"
    assert (tmp_path / "back" / uploaded).read_bytes() == (source / uploaded).read_bytes()


def _kill_when(
    reached: Callable[[dict[str, Any]], bool], source: Path, servers: str, mongodb: str, *, var: Path, key: str
) -> None:
    """Kill the transfer with -9 once it is so far; its helpers end with it, and what was noted stays."""
    from pymongo import MongoClient

    environment = {**os.environ, "MYHOUSE_VAR": str(var), "SECRET_KEY": key, "LOG_LEVEL": "ERROR"}
    for name in ("DATABASE_URL", "TELEMETRY_URL"):
        environment.pop(name, None)
    command = [sys.executable, "manage.py", "transfer", "--from", str(source), "--to", servers]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    with MongoClient(mongodb) as client:
        states = client.get_default_database()["transfer_state"]
        state: dict[str, Any] = {"rows": {}, "readings": 0}
        while not reached(state):
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.005)
            found = states.find_one({"_id": 1})
            state = json.loads(found["data"]) if found is not None else state
        process.kill()
        process.wait()
        assert states.find_one({"_id": 1}) is not None


def test_an_archive_of_servers_is_restored_into_servers_and_into_a_folder(market, empty_servers, tmp_path):
    source, people, before = market
    first, second, key = empty_servers(), empty_servers(), (source / "secret_key").read_text()
    servers = f"{first[0]},{first[1]},file://{tmp_path / 'first'}"
    assert moved(source, servers, var=tmp_path / "env", SECRET_KEY=key).returncode == 0
    archive = tmp_path / "house.backup"

    made = run("backup", str(archive), var=tmp_path / "first", **on_servers(first, key))
    assert made.returncode == 0, made.stderr
    assert archive.stat().st_mode & 0o077 == 0
    assert key.encode() not in archive.read_bytes()

    _damaged_is_refused(archive, second, tmp_path, key)
    occupied = run("restore", str(archive), var=tmp_path / "first", **on_servers(first, key))
    assert "is not empty" in occupied.stderr
    restored = run("restore", str(archive), var=tmp_path / "second", **on_servers(second, key))
    assert restored.returncode == 0, restored.stderr
    assert told("visit", *people, var=tmp_path / "second", **on_servers(second, key)) == before

    unknown = run("restore", str(archive), var=tmp_path / "folder")
    assert "SECRET_KEY is not the key" in unknown.stderr
    folder = run("restore", str(archive), var=tmp_path / "folder", SECRET_KEY=key)
    assert folder.returncode == 0, folder.stderr
    assert rows_of(tmp_path / "folder") == rows_of(source)
    assert (tmp_path / "folder" / "secret_key").read_text() == key


def _damaged_is_refused(archive: Path, urls: tuple[str, str], tmp_path: Path, key: str) -> None:
    """Refuse an archive with one byte changed, one that was cut, and one of a folder; write nothing."""
    from pymongo import MongoClient

    whole = archive.read_bytes()
    (tmp_path / "changed").write_bytes(whole[:-5000] + bytes([whole[-5000] ^ 1]) + whole[-4999:])
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    shutil.copy(archive, tmp_path / "foreign")
    (tmp_path / "foreign").write_bytes(b"\x28\xb5\x2f\xfd" + whole[100:])
    for name, why in (("changed", "damaged"), ("cut", "incomplete"), ("foreign", "--from FOLDER --to env")):
        refused = run("restore", str(tmp_path / name), var=tmp_path / "second", **on_servers(urls, key))
        assert refused.returncode == 1
        assert why in refused.stderr
    with MongoClient(urls[0]) as client:
        assert client.get_default_database().list_collection_names() == []


@pytest.fixture
def on_mongodb(transactional_db) -> None:
    from django.db import connection

    if connection.vendor != "mongodb":
        pytest.skip("asks this suite's own MongoDB: part of `make test-servers`")


def test_a_transfer_ends_though_one_that_was_killed_still_holds_its_locks(on_mongodb):
    from django.contrib.auth.models import Group
    from django.db import connection

    from config.transfer.documents import Form, Names
    from config.transfer.state import TABLE, state_begin, state_drop, state_read
    from config.transfer.write import Writer

    @contextmanager
    def held() -> Iterator[None]:
        with connection.connection.start_session() as left:
            left.start_transaction()
            connection.database[TABLE].update_one({"_id": 1}, {"$set": {"data": "{}"}}, session=left)
            end = threading.Timer(3, left.abort_transaction)
            end.start()
            yield
            end.join()

    writer = Writer(state_begin("a folder"), progress=lambda *_told: None)
    writer._form = Form(Group, Names())
    with held():
        writer._rows(0, [["Treasurers"]])
    assert Group.objects.get().name == "Treasurers"
    assert state_read().rows == {"auth.group": 1}
    with held():
        state_drop()
    assert state_read() is None


def test_documents_are_read_as_they_were_at_one_moment(on_mongodb):
    from config.transfer.documents import one_moment
    from myhouse.models import User
    from myhouse.tests.factories import UserFactory

    def another() -> None:
        UserFactory()
        connections.close_all()

    UserFactory()
    with one_moment():
        before = User.objects.count()
        thread = threading.Thread(target=another)
        thread.start()
        thread.join()
        assert [User.objects.count(), len(User.objects.all())] == [before, before]
    assert User.objects.count() == before + 1


def test_a_moment_that_the_server_has_forgotten_is_told_with_what_helps(on_mongodb):
    from pymongo.errors import OperationFailure

    from config.transfer.documents import one_moment

    with pytest.raises(UnableToTransfer, match="minSnapshotHistoryWindowInSeconds"), one_moment():
        raise OperationFailure("Read timestamp is older than the oldest available timestamp.", 239)
