"""A server as a child process: it writes its log, ends with whoever started it, and can be killed on purpose."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from config.serve.process import begin, last_line

LOOPBACK = "127.0.0.1"
_STOP_S = 20.0


class UnableToStart(Exception):
    """A server did not come up; the message says why, or where its log is."""


class Child:
    """One process of a server; started again it has the same command, folder and address."""

    def __init__(
        self, name: str, command: Sequence[str], *, log: Path | None, environment: Mapping[str, str] | None = None
    ) -> None:
        """Describe it; nothing runs yet. Without a log it writes where this process writes."""
        self.name = name
        self.command = list(command)
        self.log = log
        self.environment = {**os.environ, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it; does not wait until it is ready."""
        assert not self.is_running
        if self.log is not None:
            self.log.parent.mkdir(parents=True, exist_ok=True)
        self.process = begin(self.command, log=self.log, environment=self.environment)

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait until it is ready; refuse when it ends before or takes too long."""
        until = time.monotonic() + seconds
        while not ready():
            if not self.is_running:
                raise UnableToStart(f"{self.name} ended at once: {self.last_words()} — the whole log is {self.log}")
            if time.monotonic() > until:
                raise UnableToStart(f"{self.name} was not ready after {seconds:.0f} s: see {self.log}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ask_to_stop(self) -> None:
        """Ask it to end, without waiting."""
        if self.process is not None and self.is_running:
            self.process.terminate()

    def stop(self, *, seconds: float = _STOP_S) -> None:
        """Ask it to end, and end it if it does not."""
        if self.process is None or not self.is_running:
            return
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def how_it_ended(self) -> str:
        """Name the signal or exit code it ended with."""
        code = None if self.process is None else self.process.poll()
        if code is None:
            return "it runs"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def last_words(self) -> str:
        """Return the last line of its log."""
        return "" if self.log is None else last_line(self.log)


def free_port(host: str = LOOPBACK) -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as one:
        one.bind((host, 0))
        return int(one.getsockname()[1])


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether nobody listens on a port now."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError:
            return False
    return True
