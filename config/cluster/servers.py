"""All servers of a cluster on this machine, kept in a folder: MongoDB, Cassandra, Valkey. A later start goes on."""

from __future__ import annotations

import fcntl
import json
import secrets
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Self

from config.cluster.cassandra import CassandraRing, addresses, cassandra_url
from config.cluster.child import LOOPBACK, Child, UnableToStart, is_free
from config.cluster.mongod import MongoSet, mongodb_url
from config.cluster.server import Server
from config.cluster.valkey import Valkey, valkey_url

NAME = "myhouse"
# Below the ports that the system gives out by itself, so that what was free stays free.
_FIRST_PORT, _LAST_PORT = 20_000, 31_999
_STOP_S = 12.0
_CASSANDRA_PORTS = 3

Tell = Callable[[str], Any]


@dataclass(frozen=True)
class Kept:
    """What the folder remembers: members of a replica set know each other by their ports."""

    mongo: list[int]
    cassandra: list[int]
    cassandra_nodes: int
    valkey: int
    secret_key: str

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Read it; FileNotFoundError in a folder without servers."""
        return cls(**json.loads((folder / "servers.json").read_text(encoding="utf-8")))

    def environment(self) -> dict[str, str]:
        """Return what the product is told by its environment."""
        return {
            "DATABASE_URL": mongodb_url(self.mongo, NAME),
            "TELEMETRY_URL": cassandra_url(self.cassandra_nodes, self.cassandra[0], NAME),
            "REDIS_URL": valkey_url(self.valkey),
            "SECRET_KEY": self.secret_key,
        }


@dataclass(frozen=True)
class Part:
    """One server process: where it listens, how to see that it answers, and what its death means."""

    child: Child
    address: str
    answers: Callable[[], bool]
    meanwhile: str


class Servers(Server):
    """The three kinds of servers as one: `environment()` is what the product needs to know of them."""

    def __init__(
        self, folder: Path, *, mongo_nodes: int = 1, cassandra_nodes: int = 1, tell: Tell | None = None
    ) -> None:
        """Choose ports, those of last time if they are free; nothing runs yet."""
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._tell = tell or (lambda _line: None)
        self._begun = 0.0
        self._lock = self._locked()
        try:
            self._kept = self._remembered(mongo_nodes, cassandra_nodes)
            self.mongo = MongoSet(self.folder, nodes=mongo_nodes, ports=self._kept.mongo)
            self.cassandra = CassandraRing(self.folder, nodes=cassandra_nodes, ports=self._kept.cassandra, brief=True)
            self.valkey = Valkey(self.folder, port=self._kept.valkey)
        except BaseException:
            self._lock.close()
            raise

    def launch(self) -> None:
        """Start all of them at once."""
        self._begun = time.monotonic()
        self.valkey.launch()
        self.cassandra.launch()
        self.mongo.launch()

    def wait(self) -> None:
        """Wait until each takes work, and tell when it did."""
        for name, part, where in (
            ("Valkey", self.valkey, f"{LOOPBACK}:{self.valkey.port}"),
            ("MongoDB", self.mongo, ", ".join(f"{LOOPBACK}:{port}" for port in self.mongo.ports)),
            ("Cassandra", self.cassandra, ", ".join(self._cassandra_addresses())),
        ):
            part.wait()
            self._tell(f"  {name:<10} {where:<50} ready after {time.monotonic() - self._begun:.1f} s")

    def stop(self) -> None:
        """Ask all of them to end, wait, end what does not."""
        children = [part.child for part in self.parts()]
        for child in children:
            child.ask_to_stop()
        until = time.monotonic() + _STOP_S
        for child in children:
            child.stop(seconds=max(0.1, until - time.monotonic()))
        self._lock.close()

    def environment(self) -> dict[str, str]:
        """Return what the product is told by its environment."""
        return self._kept.environment()

    def parts(self) -> list[Part]:
        """Return every process."""
        nodes = len(self.mongo.children)
        left = (
            "the other two choose who takes writes within seconds, and nothing that was acknowledged is lost"
            if nodes > 1
            else "pages say that they cannot be shown, and nothing is taken"
        )
        found = [
            Part(child, f"{LOOPBACK}:{port}", _answering(self.mongo.answers, number), left)
            for number, (child, port) in enumerate(zip(self.mongo.children, self.mongo.ports, strict=True))
        ]
        left = (
            "the others have everything it has"
            if self.cassandra.nodes > 1
            else "readings are still taken and kept for it; pages say what they cannot show"
        )
        found += [
            Part(child, address, _answering(self.cassandra.answers, number), left)
            for number, (child, address) in enumerate(
                zip(self.cassandra.children, self._cassandra_addresses(), strict=True)
            )
        ]
        left = "live numbers and background work wait; what is owed stands in MongoDB"
        found.append(Part(self.valkey.child, f"{LOOPBACK}:{self.valkey.port}", self.valkey.answers, left))
        return found

    def _cassandra_addresses(self) -> list[str]:
        return [f"{address}:{self.cassandra.port}" for address in self.cassandra.contact_points]

    def _locked(self) -> IO[str]:
        """Take the folder for this process alone."""
        file = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise UnableToStart(f"The servers of {self.folder} run already: end them first.") from None
        return file

    def _remembered(self, mongo_nodes: int, cassandra_nodes: int) -> Kept:
        """Return the ports of last time, with others for those that somebody took meanwhile; remember them."""
        path = self.folder / "servers.json"
        hosts = addresses(cassandra_nodes)
        try:
            kept = Kept.of(self.folder)
        except FileNotFoundError:
            key = secrets.token_urlsafe(50)
            kept = Kept([0] * mongo_nodes, [0] * _CASSANDRA_PORTS, cassandra_nodes, valkey=0, secret_key=key)
        if (len(kept.mongo), kept.cassandra_nodes) != (mongo_nodes, cassandra_nodes):
            raise UnableToStart(f"{self.folder} holds a cluster of another size: choose another folder.")
        if cassandra_nodes > 1 and any(port and not _is_free(port, hosts) for port in kept.cassandra):
            raise UnableToStart(f"A port of {kept.cassandra} is taken, by which Cassandra's nodes know each other.")
        taken = set[int]()
        kept = replace(
            kept,
            mongo=[self._port(port, [LOOPBACK], taken) for port in kept.mongo],
            cassandra=[self._port(port, hosts, taken) for port in kept.cassandra],
            valkey=self._port(kept.valkey, [LOOPBACK], taken),
        )
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(kept)), encoding="utf-8")
        return kept

    def _port(self, known: int, hosts: list[str], taken: set[int]) -> int:
        """Return the known port if it is free, else the next free one; each folder begins at a place of its own."""
        count = _LAST_PORT - _FIRST_PORT
        begin = zlib.crc32(str(self.folder).encode()) % count
        for port in [known, *(_FIRST_PORT + (begin + step) % count for step in range(count))]:
            if port and port not in taken and _is_free(port, hosts):
                taken.add(port)
                return port
        raise UnableToStart(f"No port between {_FIRST_PORT} and {_LAST_PORT} is free.")


def _is_free(port: int, hosts: list[str]) -> bool:
    return all(is_free(port, host) for host in hosts)


def _answering(ask: Callable[[int], bool], number: int) -> Callable[[], bool]:
    return lambda: ask(number)
