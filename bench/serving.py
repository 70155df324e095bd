"""A whole installation with its demo, started for a benchmark or a journey and stopped afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Served:
    """A running `manage.py serve`: its process, address, logins (role → address and password) and output."""

    process: subprocess.Popen[bytes]
    output: Path
    var: Path
    url: str = ""

    def text(self) -> str:
        """Return what it has printed so far."""
        return self.output.read_text(encoding="utf-8")

    @property
    def logins(self) -> dict[str, tuple[str, str]]:
        """Return the demo's logins as printed."""
        found = re.findall(r"^\s+(\w+)\s+(\S+@\S+)\s+password: (\S+)$", self.text(), re.MULTILINE)
        return {role: (address, password) for role, address, password in found}

    def pids(self) -> dict[int, str]:
        """Return the supervisor's and its children's process ids with their command lines."""
        found = {self.process.pid: "supervisor"}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
                command = (status.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid and fields[0] != "Z":
                found[int(status.parent.name)] = command
        return found


@contextmanager
def serving(*, var: Path, seconds: float = 240, environment: dict[str, str] | None = None) -> Iterator[Served]:
    """Run `manage.py serve --demo` on a free port until the block ends."""
    var.mkdir(parents=True, exist_ok=True)
    output = var.with_name(var.name + ".out")
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--demo", "--port", "0"],
            cwd=ROOT,
            env={**os.environ, "MYHOUSE_VAR": str(var), **(environment or {})},
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
        )
    served = Served(process=process, output=output, var=var)
    try:
        until = time.monotonic() + seconds
        while not (found := re.search(r"runs at (http://\S+)", served.text())):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"it did not start:\n{served.text()}")
            time.sleep(0.05)
        served.url = found.group(1)
        yield served
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
