"""One replica at a time brings the documents up to date; one that died is not waited for without end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from config.cluster.child import free_port
from config.cluster.mongod import MongoSet
from config.mongo.turn import COLLECTION, Turn, TurnLost, turn
from tests.services import mongod

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.embedded("starts the MongoDB it needs itself"),
]


@pytest.fixture(scope="module")
def mongo(tmp_path_factory) -> Iterator[MongoSet]:
    mongod()
    with MongoSet(tmp_path_factory.mktemp("m")) as one:
        yield one


@pytest.fixture
def database(mongo, request) -> Iterator[Any]:
    with MongoClient(mongo.url("turns")) as client:
        yield client[f"turns_{request.node.name[:30]}"]


def test_the_second_one_begins_when_the_first_one_has_ended(database):
    order: list[str] = []
    inside, waiting = threading.Event(), threading.Event()

    def first() -> None:
        with turn(database, name="work", waiting=lambda: None):
            inside.set()
            assert waiting.wait(20)
            order.append("first")

    one = threading.Thread(target=first)
    one.start()
    assert inside.wait(20)
    with turn(database, name="work", waiting=waiting.set):
        order.append("second")
    one.join()
    assert order == ["first", "second"]
    assert database[COLLECTION].count_documents({}) == 0


def test_who_died_is_waited_for_as_long_as_its_turn_lasts(database):
    dead = Turn(database[COLLECTION], name="work", lasts_s=1.5)
    assert dead.take()
    assert not Turn(database[COLLECTION], name="work").take()
    with turn(database, name="work", waiting=lambda: None) as mine:
        mine.require()
        assert not dead.take()


def test_a_turn_lasts_as_long_as_the_work(database):
    with turn(database, name="work", waiting=lambda: None, lasts_s=2.0) as mine:
        time.sleep(4.0)
        mine.require()
        assert not Turn(database[COLLECTION], name="work").take()


def test_who_lost_its_turn_does_not_go_on(database):
    mine = Turn(database[COLLECTION], name="work", lasts_s=0.2)
    assert mine.take()
    mine.require()
    time.sleep(0.3)
    with pytest.raises(TurnLost):
        mine.require()


def prepare(url: str, var: Path) -> subprocess.Popen[str]:
    surroundings = {"DATABASE_URL": url, "MYHOUSE_VAR": str(var), "SECRET_KEY": "k" * 40, "DEBUG": "1"}
    kept = {name: value for name, value in os.environ.items() if name not in {"TELEMETRY_URL", "REDIS_URL"}}
    command = [sys.executable, "manage.py", "prepare"]
    return subprocess.Popen(
        command, cwd=ROOT, env=kept | surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_replicas_that_start_at_once_migrate_once(mongo, tmp_path):
    both = [prepare(mongo.url("replicas"), tmp_path / name) for name in ("one", "two")]
    said = [one.communicate(timeout=240) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert sum("Another replica brings the data up to date" in out for out, _err in said) == 1, said
    with MongoClient(mongo.url("replicas")) as client:
        applied = [(one["app"], one["name"]) for one in client.replicas.django_migrations.find()]
    assert len(applied) == len(set(applied)) > 0


def test_mongodb_that_is_away_is_one_sentence(tmp_path):
    away = prepare(f"mongodb://someone:secret@127.0.0.1:{free_port()}/x?replicaSet=rs0", tmp_path)
    _out, err = away.communicate(timeout=120)
    assert away.returncode == 1
    assert "MongoDB at 127.0.0.1:" in err
    assert "start it, or correct DATABASE_URL" in err
    assert "secret" not in err
    assert len(err.strip().splitlines()) == 1
