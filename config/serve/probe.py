"""Asking a process whether it is ready, with nothing but a socket."""

from __future__ import annotations

import socket
from pathlib import Path

PROBE_SECONDS = 2.0


def valkey_answers(path: Path) -> bool:
    """Whether the broker answers PING (it does not while it still loads its data)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PROBE_SECONDS)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def http_answers(host: str, port: int, path: str) -> bool:
    """Whether a GET of the path answers 200."""
    try:
        with socket.create_connection((host, port), timeout=PROBE_SECONDS) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(64).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False
