"""A Cassandra ring of real servers: one node for tests, three where one of them is to be lost."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from config.cluster.child import Child, UnableToStart, free_port, is_free
from config.cluster.java import ROOT, SERVERS, java_home, java_program
from config.cluster.server import Server

VERSION = "5.0.6"
DATACENTER = "dc1"
_PARTS = ROOT / "tools" / "cassandra"
_START_S = 300.0
_FETCH_S = 600.0
# What Cassandra's own launcher opens to it of Java 17.
_EXPORTS = (
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.base/java.lang.ref",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
)
_OPENS = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
)
# Waiting for a settled ring is for rings that strangers join.
_HASTE = {
    "cassandra.ring_delay_ms": "2000",
    "cassandra.consistent.rangemovement": "false",
    "cassandra.superuser_setup_delay_ms": "0",
    "cassandra.skip_wait_for_gossip_to_settle": "0",
}


class CassandraRing(Server):
    """A ring in a folder; `url(keyspace)` is what TELEMETRY_URL says."""

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 1,
        ports: Sequence[int] = (),
        settings: Mapping[str, Any] | None = None,
        brief: bool = False,
    ) -> None:
        """Choose ports and write each node's configuration, with further settings; nothing runs yet.

        Three ports may be given: for clients, between the nodes, and between them by TLS. In a brief life (a
        test's, a trial's) Java's second compiler costs more than it gains.
        """
        java, library = java_program(), library_fetched()
        self.nodes = nodes
        self.contact_points = addresses(nodes)
        self.port, self._storage_port, ssl_port = ports or _free_ports(self.contact_points)
        self.children = []
        for number, address in enumerate(self.contact_points):
            home = folder / f"cassandra-{number}"
            self._configure(home, address, ssl_port, settings or {})
            heap = 512 if nodes == 1 else 384
            options = [*_java_options(home, library, heap), *(["-XX:TieredStopAtLevel=1"] if brief else [])]
            command = [str(java), *options, "org.apache.cassandra.service.CassandraDaemon"]
            self.children.append(Child(f"Cassandra {number}", command, log=folder / f"cassandra-{number}.log"))

    def url(self, keyspace: str) -> str:
        """Return the address of a keyspace that is kept on every node."""
        return cassandra_url(self.nodes, self.port, keyspace)

    def launch(self) -> None:
        """Start the first node without waiting."""
        self.children[0].start()

    def wait(self) -> None:
        """Wait until the first node answers, then add the others one after the other."""
        for number in range(self.nodes):
            if number:
                self.children[number].start()
            self._wait(number)

    def start_node(self, number: int) -> None:
        """Start a node, also one that was ended, and wait until it answers."""
        self.children[number].start()
        self._wait(number)

    def kill(self, number: int) -> None:
        """End a node as a crash would."""
        self.children[number].kill()

    def stop(self) -> None:
        """End all nodes; what was acknowledged is in their commit logs, so nobody waits for a flush."""
        for child in self.children:
            child.kill()

    def close(self) -> None:
        """Let all nodes write down what they hold and end: the next start then has less to read."""
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            child.stop()

    def _wait(self, number: int) -> None:
        self.children[number].wait_until(lambda: self.answers(number), seconds=_START_S)

    def answers(self, number: int) -> bool:
        """Tell whether a node takes connections."""
        try:
            with socket.create_connection((self.contact_points[number], self.port), timeout=1):
                return True
        except OSError:
            return False

    def _configure(self, home: Path, address: str, ssl_port: int, further: Mapping[str, Any]) -> None:
        """Write a node's configuration into its folder."""
        settings = home / "conf"
        settings.mkdir(parents=True, exist_ok=True)
        words = {
            "address": address,
            "folder": str(home),
            "port": str(self.port),
            "storage_port": str(self._storage_port),
            "ssl_storage_port": str(ssl_port),
            "seed": f"{self.contact_points[0]}:{self._storage_port}",
        }
        template = Template((_PARTS / "cassandra.yaml").read_text())
        # What JSON says YAML says too.
        more = "".join(f"{name}: {json.dumps(value)}\n" for name, value in further.items())
        (settings / "cassandra.yaml").write_text(template.substitute(words) + more)
        for name in ("logback.xml", "cassandra-rackdc.properties"):
            shutil.copy(_PARTS / name, settings / name)


def addresses(nodes: int) -> list[str]:
    """Return where the nodes of a ring listen: one address each, as Cassandra wants it."""
    return [f"127.0.0.{number + 1}" for number in range(nodes)]


def cassandra_url(nodes: int, port: int, keyspace: str) -> str:
    """Return the address of a keyspace that is kept on every node of a ring that listens here."""
    hosts = ",".join(f"{address}:{port}" for address in addresses(nodes))
    return f"cassandra://{hosts}/{keyspace}?replication={nodes}&dc={DATACENTER}"


def library_folder() -> Path:
    """Return where the server's jars lie once they are fetched."""
    return SERVERS / f"cassandra-{VERSION}"


def library_fetched() -> Path:
    """Return the folder of the jars, or say how they come there."""
    found = library_folder()
    if not found.is_dir():
        raise UnableToStart(
            "Cassandra's libraries are not here: run `python -m config.cluster fetch` (it needs Maven)."
        )
    return found


def library_fetch() -> Path:
    """Fetch the jars once; others who want them at the same time wait."""
    SERVERS.mkdir(exist_ok=True)
    with (SERVERS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target = library_folder()
        if target.is_dir():
            return target
        maven = shutil.which("mvn")
        if maven is None:
            raise UnableToStart(
                "There is no Maven here to fetch Cassandra with: install it (Debian: apt install maven), or copy the "
                f"folder {target} from a machine that has it."
            )
        unfinished = SERVERS / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [maven, "-B", "-q", "-f", str(_PARTS / "pom.xml"), "dependency:copy-dependencies"]
        command.append(f"-DoutputDirectory={unfinished}")
        done = subprocess.run(  # noqa: S603 our own command
            command, capture_output=True, text=True, check=False, timeout=_FETCH_S, env={**os.environ, **java_home()}
        )
        if done.returncode != 0 or not list(unfinished.glob("cassandra-all-*.jar")):
            said = (done.stdout + done.stderr).strip().splitlines()
            raise UnableToStart(f"Maven could not fetch Cassandra: {said[0][:300] if said else 'it said nothing'}")
        unfinished.rename(target)
        return target


def _java_options(home: Path, library: Path, heap_mb: int) -> list[str]:
    settings = home / "conf"
    (agent,) = library.glob("jamm-*.jar")
    properties = {
        "cassandra.config": f"file://{settings}/cassandra.yaml",
        "cassandra.storagedir": str(home),
        "cassandra.logdir": str(home),
        "cassandra-foreground": "yes",
        "logback.configurationFile": str(settings / "logback.xml"),
        "jdk.attach.allowAttachSelf": "true",
        "java.io.tmpdir": str(home),
        **_HASTE,
    }
    options = [
        f"-Xms{heap_mb // 2}m",
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-Xss512k",
        f"-javaagent:{agent}",
    ]
    options += [f"-D{name}={value}" for name, value in properties.items()]
    options += [f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS]
    options += [f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS]
    return [*options, "-cp", f"{settings}:{library}/*"]


def _free_ports(addresses: list[str]) -> tuple[int, int, int]:
    """Return three ports that are free on every one of these addresses: the same on all, as a ring wants it."""
    found: list[int] = []
    while len(found) < 3:
        port = free_port(addresses[0])
        if port not in found and all(is_free(port, address) for address in addresses):
            found.append(port)
    return found[0], found[1], found[2]
