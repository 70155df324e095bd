"""Transactions on real MongoDB servers: conflicts, lost answers and a lost primary."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.utils import ConnectionHandler

from config.cluster.mongod import MongoSet
from config.databases import DatabaseUrlError, databases, installed_apps, is_mongodb, migration_modules
from myhouse.documents import mongo
from myhouse.documents.mongo import transaction_run
from myhouse.errors import Busy
from tests.services import mongod

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.xdist_group("mongodb"),
    pytest.mark.embedded("starts the MongoDB it needs itself"),
]


def servers(nodes: int) -> Iterator[MongoSet]:
    mongod()
    with tempfile.TemporaryDirectory(prefix="mh-mongo-") as folder, MongoSet(Path(folder), nodes=nodes) as one:
        yield one


@pytest.fixture(scope="module")
def single() -> Iterator[MongoSet]:
    yield from servers(1)


@pytest.fixture
def three() -> Iterator[MongoSet]:
    yield from servers(3)


@pytest.fixture(autouse=True)
def _own_databases(django_db_blocker) -> Iterator[None]:
    """Let these tests open connections of their own; those of the settings stay untouched."""
    with django_db_blocker.unblock():
        yield


def connected(mongo_set: MongoSet) -> Any:
    """Open a connection of Django's backend, as a thread of the product has one."""
    connection = ConnectionHandler(databases(mongo_set.url("test")))["default"]
    connection.ensure_connection()
    return connection


@pytest.fixture
def connection(single: MongoSet) -> Iterator[Any]:
    one = connected(single)
    one.database.drop_collection("rows")
    one.database["rows"].insert_one({"_id": "counter", "value": 0})
    yield one
    one.close_pool()


def rows(connection: Any) -> Any:
    return connection.get_collection("rows")


def added(connection: Any) -> Callable[[], int]:
    """Read and write back one more, as a careless service would: only a transaction makes it right."""

    def run() -> int:
        before = rows(connection).find_one({"_id": "counter"}, session=connection.session)["value"]
        rows(connection).update_one({"_id": "counter"}, {"$set": {"value": before + 1}}, session=connection.session)
        return before + 1

    return run


def value(connection: Any) -> int:
    return rows(connection).find_one({"_id": "counter"})["value"]


def fail_next(connection: Any, **how: Any) -> None:
    connection.connection.admin.command(
        "configureFailPoint", "failCommand", mode={"times": 1}, data={"failCommands": ["commitTransaction"], **how}
    )


def test_writers_of_one_row_each_count(single, connection):
    def work() -> None:
        own = connected(single)
        for _time in range(10):
            while True:
                try:
                    transaction_run(own, added(own))
                except Busy:
                    continue
                break

    threads = [threading.Thread(target=work) for _writer in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert value(connection) == 60


def test_a_block_that_fails_keeps_nothing_and_leaves_the_connection_clean(connection):
    told: list[str] = []

    def fails() -> None:
        added(connection)()
        connection.on_commit(lambda: told.append("told"))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        transaction_run(connection, fails)

    assert (value(connection), told, connection.session, connection.run_on_commit) == (0, [], None, [])
    assert transaction_run(connection, added(connection)) == 1


def test_effects_follow_the_commit(connection):
    seen: list[int] = []

    def block() -> None:
        added(connection)()
        connection.on_commit(lambda: seen.append(value(connection)))
        assert seen == []

    transaction_run(connection, block)

    assert seen == [1]


def test_a_commit_whose_answer_was_lost_is_asked_for_again_and_done_once(connection):
    fail_next(connection, errorCode=50, errorLabels=["UnknownTransactionCommitResult"])

    transaction_run(connection, added(connection))

    assert value(connection) == 1


# The second one is what the server says, without a label, where it ends a transaction for its age.
@pytest.mark.parametrize(
    "fault", [{"errorCode": 112, "errorLabels": ["TransientTransactionError"]}, {"errorCode": 290}]
)
def test_a_commit_that_met_a_conflict_runs_the_whole_block_again(connection, fault):
    runs: list[int] = []
    fail_next(connection, **fault)

    def block() -> None:
        runs.append(added(connection)())

    transaction_run(connection, block)

    assert (runs, value(connection)) == ([1, 1], 1)


def test_who_waits_for_another_too_long_is_told_when_to_come_back(single, connection, monkeypatch):
    monkeypatch.setattr(mongo, "RETRIED_FOR_S", 0.3)
    other = connected(single)
    with other.connection.start_session() as session, session.start_transaction():
        rows(other).update_one({"_id": "counter"}, {"$set": {"value": 9}}, session=session)
        with pytest.raises(Busy) as refusal:
            transaction_run(connection, added(connection))
        session.abort_transaction()

    assert refusal.value.retry_after_s == 1
    assert value(connection) == 0


def test_a_duplicate_is_refused_at_once(connection):
    def twice() -> None:
        from pymongo.errors import DuplicateKeyError

        try:
            rows(connection).insert_one({"_id": "counter"}, session=connection.session)
        except DuplicateKeyError as error:
            raise IntegrityError from error

    with pytest.raises(IntegrityError):
        transaction_run(connection, twice)


def test_writes_go_on_after_the_primary_was_killed_and_nothing_kept_is_lost(three):
    connection = connected(three)
    rows(connection).insert_one({"_id": "counter", "value": 0})
    done = [transaction_run(connection, added(connection)) for _time in range(20)]
    killed = three.primary()
    assert killed is not None
    three.kill(killed)

    tries = 0
    while len(done) < 40:
        tries += 1
        assert tries < 200
        try:
            done.append(transaction_run(connection, added(connection)))
        except Busy:
            continue

    assert value(connection) >= done[-1] == max(done)
    assert len(set(done)) == 40
    three.start_node(killed)
    three.step_down()
    assert transaction_run(connection, added(connection)) > done[-1]
    connection.close_pool()


def test_the_address_decides_what_django_is_told():
    url = "mongodb://a,b,c/house?replicaSet=rs0"

    assert is_mongodb(url)
    assert databases(url)["default"]["NAME"] == "house"
    assert databases(url)["default"]["OPTIONS"]["w"] == "majority"
    assert "config.mongo.apps.AuthConfig" in installed_apps(url, ["django.contrib.auth", "myhouse"])
    assert set(migration_modules(url)) == {"admin", "auth", "contenttypes", "sessions"}
    assert migration_modules("sqlite:///x") == {}
    assert installed_apps("sqlite:///x", ["django.contrib.auth"]) == ["django.contrib.auth"]


@pytest.mark.parametrize(("url", "remedy"), [("mongodb://a/?replicaSet=rs0", "HOSTS/NAME"), ("oracle://a", "sqlite")])
def test_an_address_that_names_no_place_is_refused_with_what_to_write(url, remedy):
    with pytest.raises(DatabaseUrlError, match=remedy):
        databases(url)
