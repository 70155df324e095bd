"""`make run-cluster`: the whole product with its demo on a cluster of this machine, watched until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from config.cluster.child import Child, UnableToStart
from config.cluster.servers import Part, Servers
from config.serve import logs
from config.serve.parts import address_path

ROOT = Path(__file__).resolve().parent.parent.parent
MONGO_NODES = 3
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SERVE_STOP_S = 16.0
_WATCH_S = 0.5
# Long enough to see what the product does without a part, short enough not to wait for it.
_PAUSE_S = 15.0


class Stop(Exception):
    """Someone asked to stop."""


@dataclass(frozen=True)
class Plan:
    """What the command line chose."""

    folder: Path
    cassandra_nodes: int
    port: int
    demo: bool = True
    web: int = 2
    pause_s: float = _PAUSE_S


class Watched:
    """A server process under watch: reported when it dies, started again after a pause."""

    def __init__(self, part: Part, *, pause_s: float) -> None:
        """Begin with one that runs."""
        self.part = part
        self._pause_s = pause_s
        self._restart_at: float | None = None
        self._was_away = False

    def look(self) -> None:
        """Say what changed, and start it again when it is time."""
        child = self.part.child
        if child.is_running:
            if self._was_away and self.part.answers():
                self._was_away = False
                say(f"{child.name} ({self.part.address}) answers again.")
        elif self._restart_at is None:
            self._was_away = True
            self._restart_at = time.monotonic() + self._pause_s
            say(
                f"{child.name} ({self.part.address}) ended ({child.how_it_ended()}): {self.part.meanwhile}. "
                f"It is started again in {self._pause_s:.0f} s. Its log: {child.log}"
            )
        elif time.monotonic() >= self._restart_at:
            self._restart_at = None
            child.start()
        if child.log is not None:
            logs.rotate(child.log)


def run(plan: Plan) -> int:
    """Start servers and product, watch them, and end all of them again; returns the exit code."""
    for name in STOP_SIGNALS:
        signal.signal(name, _stop)
    servers: Servers | None = None
    product: Child | None = None
    try:
        servers = Servers(plan.folder, mongo_nodes=MONGO_NODES, cassandra_nodes=plan.cassandra_nodes, tell=say)
        say(f"Starting the servers in {servers.folder} …")
        servers.start()
        product = _product(plan, servers)
        product.start()
        _watch(servers, product, plan)
    except Stop:
        return 0
    except UnableToStart as error:
        sys.stderr.write(f"{error}\n")
    finally:
        for name in STOP_SIGNALS:
            signal.signal(name, signal.SIG_IGN)
        begun = time.monotonic()
        if product is not None:
            product.stop(seconds=_SERVE_STOP_S)
        if servers is not None:
            servers.stop()
            say(f"All servers have stopped ({time.monotonic() - begun:.1f} s); {servers.folder} keeps their data.")
    return 1


def say(line: str) -> None:
    """Print one line about a change of state."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _watch(servers: Servers, product: Child, plan: Plan) -> None:
    """Watch until the product ends or someone asks to stop."""
    watched = [Watched(part, pause_s=plan.pause_s) for part in servers.parts()]
    told = False
    while product.is_running:
        for one in watched:
            one.look()
        if not told and address_path(servers.folder / "var").exists():
            say(_try_it(servers))
            told = True
        time.sleep(_WATCH_S)
    raise UnableToStart(f"The product ended ({product.how_it_ended()}); what it said stands above.")


def _product(plan: Plan, servers: Servers) -> Child:
    command = [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(plan.port)]
    command += [*(["--demo"] if plan.demo else []), "--web", str(plan.web), "--workers", "per-queue"]
    address_path(servers.folder / "var").unlink(missing_ok=True)
    surroundings = {**servers.environment(), "MYHOUSE_VAR": str(servers.folder / "var")}
    return Child("MyHouse", command, log=None, environment=surroundings)


def _try_it(servers: Servers) -> str:
    number = servers.mongo.primary()
    child = servers.mongo.children[number or 0]
    assert child.process is not None
    return f"  To see one go:  kill -9 {child.process.pid}   (the MongoDB node that takes writes)"


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stop
