"""The whole product as a member meets it: prepared, seeded, served with broker, web and worker on a free port."""

from __future__ import annotations

import fcntl
import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import surroundings

ROOT = Path(__file__).resolve().parents[2]
READY_S = 90
# What the browser must not do of its own accord: it would look for its maker's servers.
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@dataclass(frozen=True)
class Product:
    """A running installation: its address, its folder, and what was seeded."""

    url: str
    var: Path
    told: dict

    @property
    def household_url(self) -> str:
        """The page of the seeded home."""
        return f"{self.url}/households/{self.told['household']}/"


@contextmanager
def running(var: Path) -> Iterator[Product]:
    """Prepare, seed and serve; everything started here has ended afterwards."""
    env = surroundings(var)
    # Two test workers must not collect the same static files at once.
    with (Path(tempfile.gettempdir()) / "myhouse-browser-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([sys.executable, "manage.py", "prepare"], cwd=ROOT, env=env, check=True, capture_output=True)
    seed = [sys.executable, "-m", "tests.browser.seed"]
    seeded = subprocess.run(seed, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    told = json.loads(seeded.stdout.splitlines()[-1])
    log = (var / "served.txt").open("w+")
    command = [sys.executable, "manage.py", "serve", "--port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
    feeder = None
    try:
        url = _address(server, var / "served.txt")
        feed = [sys.executable, "-m", "tests.browser.feed", json.dumps(told["live"])]
        feeder = subprocess.Popen(feed, cwd=ROOT, env=env)
        yield Product(url, var, told)
    finally:
        for process in (feeder, server):
            if process is not None:
                process.send_signal(signal.SIGINT if process is server else signal.SIGTERM)
        for process in (feeder, server):
            if process is not None:
                _end(process)
        log.close()


def _address(server: subprocess.Popen, output: Path) -> str:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        found = re.search(r"runs at (http://\S+)", output.read_text())
        if found:
            return found.group(1)
        assert server.poll() is None, f"the server ended at once: {output.read_text()}"
        time.sleep(0.1)
    raise AssertionError(f"the server was not ready within {READY_S} s: {output.read_text()}")


def _end(process: subprocess.Popen) -> None:
    killer = threading.Timer(20, process.kill)
    killer.start()
    process.wait()
    killer.cancel()
