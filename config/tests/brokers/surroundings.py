"""An installation in a folder, on a Valkey of its own over TCP, with as many workers as a test asks for."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from celery import Celery

from config import broker
from config.cluster.child import Child
from config.cluster.valkey import Tls, Valkey
from config.queues import route

ROOT = Path(__file__).resolve().parent.parent.parent.parent
WORKER = "config.tests.brokers.odd_worker"
# Short enough for a test; an installation has sixty.
VISIBILITY_S = 3
PATIENCE_S = 40.0


@dataclass
class Broken:
    """What such an installation consists of, and what a test asks of it."""

    folder: Path
    valkey: Valkey
    url: str
    workers: list[Child] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What its processes see."""
        var = self.folder / "var"
        return {
            "MYHOUSE_VAR": str(var),
            # Only the broker is a server here, whatever else the tests run on.
            "DATABASE_URL": f"sqlite:///{var}/documents.sqlite3",
            "TELEMETRY_URL": f"sqlite:///{var}/telemetry.sqlite3",
            "REDIS_URL": self.url,
            "TASK_VISIBILITY_SECONDS": str(VISIBILITY_S),
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def app(self) -> Celery:
        """One that hands out tasks, as the web server does."""
        app = Celery("elsewhere", set_as_current=False)
        app.conf.broker_url = broker.celery_url(self.url)
        app.conf.broker_use_ssl = broker.celery_tls(self.url)
        app.conf.broker_transport_options = broker.celery_transport(VISIBILITY_S)
        app.conf.task_routes = (route,)
        app.conf.task_default_queue = "default"
        app.conf.task_ignore_result = True
        return app

    def client(self) -> redis.Redis:
        """Speak to the broker."""
        return redis.Redis.from_url(self.url, socket_timeout=2)

    def worker(self, name: str, *options: str, wait: bool = True) -> Child:
        """Start a worker."""
        ready = self.folder / f"{name}.ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", WORKER, str(ready), *options]
        child = Child(name, command, log=self.folder / f"{name}.log", environment=self.environment)
        child.start()
        self.workers.append(child)
        if wait:
            child.wait_until(ready.exists, seconds=PATIENCE_S)
        return child

    def manage(self, *words: str) -> str:
        """Run a command of the installation."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Read the installation's documents as one more process."""
        with closing(sqlite3.connect(self.folder / "var" / "documents.sqlite3", timeout=20)) as documents:
            documents.row_factory = sqlite3.Row
            return [dict(row) for row in documents.execute(query)]

    def failures(self) -> list[dict[str, Any]]:
        """Return what is written down as failed or set aside, the oldest first."""
        return self.rows("SELECT * FROM myhouse_failedtask ORDER BY first_at")

    def lines(self) -> list[str]:
        """Return what the odd tasks noted, without who did."""
        return [line.split()[0] for line in self._noted()]

    def doers(self, what: str) -> list[int]:
        """Return the processes that noted something."""
        return [int(line.split()[1]) for line in self._noted() if line.split()[0] == what]

    @property
    def notes(self) -> str:
        """The file the odd tasks write to."""
        return str(self.folder / "notes")

    def _noted(self) -> list[str]:
        path = Path(self.notes)
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def wait_for(what: Callable[[], Any], *, seconds: float = PATIENCE_S) -> float:
    """Wait until something is so; returns how long it took."""
    started = time.monotonic()
    while not what():
        waited = time.monotonic() - started
        assert waited < seconds, f"it did not come to be within {seconds:.0f} s"
        time.sleep(0.05)
    return time.monotonic() - started


@contextmanager
def installation(folder: Path, *, tls: Tls | None = None) -> Iterator[Broken]:
    """Run a Valkey, and end with it what the test started."""
    with Valkey(folder, tls=tls) as valkey:
        one = Broken(folder, valkey, valkey.url)
        # Its files lie there whatever else the tests run on.
        (folder / "var").mkdir()
        try:
            yield one
        finally:
            for child in one.workers:
                child.kill()
