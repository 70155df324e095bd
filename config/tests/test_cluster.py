"""The cluster of one machine: what a later start finds, what is said of a part that dies, and that nothing stays."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient

from config.celery import QUEUES
from config.cluster.cassandra import library_fetched
from config.cluster.child import Child, UnableToStart
from config.cluster.java import java_program
from config.cluster.mongod import MongoSet, mongod_program
from config.cluster.run import Watched
from config.cluster.servers import NAME, Part, Servers
from config.serve.parts import GROUPS
from tests.servers import on_servers
from tests.services import require

ROOT = Path(__file__).resolve().parents[2]
with_servers = pytest.mark.skipif(
    not on_servers(), reason="starts a whole cluster of its own: runs with the suite on servers"
)


def missing(*needed: Callable[[], object]) -> str:
    """Say what is not there of what servers need."""
    for one in needed:
        try:
            one()
        except UnableToStart as error:
            return str(error)
    return ""


def require_servers() -> None:
    reason = missing(mongod_program, java_program, library_fetched)
    require("A cluster of real servers", found=not reason, reason=reason)


def until(what: Callable[[], object], *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_every_queue_has_exactly_one_group():
    assert sorted(queue for queues in GROUPS.values() for queue in queues) == sorted(QUEUES)


def test_a_death_is_told_with_what_the_product_does_meanwhile_and_repaired(tmp_path, capsys):
    child = Child("MongoDB 1", ["sleep", "60"], log=tmp_path / "log")
    child.start()
    watched = Watched(Part(child, "127.0.0.1:1", lambda: True, "the others go on"), pause_s=0.2)
    watched.look()
    child.kill()
    watched.look()
    watched.look()
    said = capsys.readouterr().out
    assert said.count("MongoDB 1 (127.0.0.1:1) ended (signal SIGKILL): the others go on.") == 1
    time.sleep(0.2)
    watched.look()
    watched.look()
    assert child.is_running
    assert "MongoDB 1 (127.0.0.1:1) answers again." in capsys.readouterr().out
    child.kill()


@pytest.mark.slow
@pytest.mark.processes
def test_a_set_whose_ports_were_taken_meanwhile_knows_itself_on_other_ones(tmp_path):
    reason = missing(mongod_program)
    require("MongoDB", found=not reason, reason=reason)
    first = MongoSet(tmp_path, nodes=3)
    try:
        first.start()
        with MongoClient(first.url("kept")) as client:
            client.kept.things.insert_one({"_id": 1})
    finally:
        first.stop()
    second = MongoSet(tmp_path, nodes=3)
    assert set(second.ports).isdisjoint(first.ports)
    try:
        second.start()
        with MongoClient(second.url("kept")) as client:
            assert client.kept.things.count_documents({}) == 1
            assert client.nodes <= {("127.0.0.1", port) for port in second.ports}
    finally:
        second.stop()


@with_servers
@pytest.mark.slow
@pytest.mark.processes
def test_a_second_start_finds_what_the_first_one_kept(tmp_path):
    require_servers()
    with Servers(tmp_path) as servers:
        before = servers.environment()
        with MongoClient(before["DATABASE_URL"]) as client:
            client[NAME].things.insert_one({"_id": 1})
        with pytest.raises(UnableToStart, match="run already"):
            Servers(tmp_path)
    with pytest.raises(UnableToStart, match="another size"):
        Servers(tmp_path, mongo_nodes=3)
    with Servers(tmp_path) as servers:
        assert servers.environment() == before
        with MongoClient(before["DATABASE_URL"]) as client:
            assert client[NAME].things.count_documents({}) == 1
    with closing(socket.create_server(("127.0.0.1", servers.valkey.port))):
        other = Servers(tmp_path)
    other.stop()
    assert other.valkey.port != servers.valkey.port
    assert other.mongo.ports == servers.mongo.ports
    assert (tmp_path / "servers.json").stat().st_mode & 0o077 == 0


@contextmanager
def cluster(folder: Path, log: Path) -> Iterator[subprocess.Popen]:
    """The command a newcomer types, with a small demo."""
    small = {"MYHOUSE_DEMO_HOMES": "2", "MYHOUSE_DEMO_DAYS": "3"}
    named = {"DATABASE_URL", "TELEMETRY_URL", "REDIS_URL", "SECRET_KEY", "MYHOUSE_VAR", "DEBUG"}
    surroundings = {name: value for name, value in os.environ.items() if name not in named} | small
    command = [sys.executable, "-m", "config.cluster", "run", "--port", "0", "--folder", str(folder)]
    with log.open("w") as out:
        running = subprocess.Popen(command, cwd=ROOT, env=surroundings, stdout=out, stderr=out)
        try:
            yield running
        finally:
            running.kill()
            running.wait()


def descendants(pid: int) -> set[int]:
    """Every process below this one."""
    below: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        below.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found, ahead = set[int](), [pid]
    while ahead:
        mine = below.get(ahead.pop(), [])
        found.update(mine)
        ahead += mine
    return found


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in status(pid)}


def status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "\nState:\tZ"


@with_servers
@pytest.mark.slow
@pytest.mark.processes
def test_one_command_runs_everything_and_leaves_nothing(tmp_path):
    require_servers()
    folder, log = tmp_path / "c", tmp_path / "said"
    with cluster(folder, log) as running:
        until(lambda: "To see one go" in log.read_text() or running.poll() is not None, seconds=240)
        said = log.read_text()
        assert re.search(r"MyHouse runs at http://127\.0\.0\.1:\d+", said), said
        assert "password: " in said
        assert json.loads((folder / "servers.json").read_text())["mongo"]
        everybody = descendants(running.pid)
        # Valkey, Cassandra, three of MongoDB; supervisor, simulator, two of web, four workers.
        assert len(everybody) == 13
        begun = time.monotonic()
        running.send_signal(signal.SIGINT)
        assert running.wait(40) == 0
        assert time.monotonic() - begun < 30
        assert alive(everybody) == set()
    with cluster(folder, log) as running:
        until(lambda: "MyHouse runs at" in log.read_text() or running.poll() is not None, seconds=180)
        assert "Filling" not in log.read_text()
        everybody = descendants(running.pid)
        running.kill()
        running.wait()
        until(lambda: not alive(everybody), seconds=10)
