"""What an installation consists of: the command of each part, and how to see that it is ready."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from config.serve.probe import http_answers, valkey_answers
from config.serve.process import Spec

# Which queues share a worker where not one worker takes all: what keeps time (polling), what keeps promises (market),
# what computes (one queue per resource), and the rest with the clock of the schedule.
GROUPS = {
    "polling": ("polling",),
    "market": ("market",),
    "resources": ("electricity", "water", "heat", "weather", "pv"),
    "default": ("default",),
}
WITH_BEAT = "default"
# Tasks at a time of a worker that has company.
THREADS = 4
# In which order parts are stopped: what takes from outside first, what the others lean on last.
KINDS = ("web", "simulator", "worker", "broker")


@dataclass(frozen=True)
class Plan:
    """What `manage.py serve` decided before it handed over."""

    var: Path
    host: str
    port: int
    demo: bool
    manage: Path
    # The program of the installation's own broker; none where REDIS_URL names one that runs already.
    valkey: Path | None
    # Which files of the folder are its databases; none where servers keep the data.
    files: tuple[str, ...] = ()
    web: int = 1
    workers: str = "all"
    valkey_memory_mb: int = 96


def address_path(var: Path) -> Path:
    """Return the file that names the address while everything runs."""
    return var / "run" / "address"


def kind_of(spec: Spec) -> int:
    """Return the part's place in the order of stopping."""
    return KINDS.index(spec.name.partition("-")[0])


def broker(plan: Plan) -> list[Spec]:
    """Describe the installation's own broker: reached by a socket file only, and durable to the last second."""
    if plan.valkey is None:
        return []
    sock = plan.var / "run" / "valkey.sock"
    options = {
        "port": "0",
        "unixsocket": str(sock),
        "unixsocketperm": "700",
        "dir": str(plan.var / "valkey"),
        "daemonize": "no",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory": f"{plan.valkey_memory_mb}mb",
        # Only what has an end of life (cache, sessions of limits) may be dropped; queues never.
        "maxmemory-policy": "volatile-lru",
        "always-show-logo": "no",
    }
    command = [str(plan.valkey)]
    for name, value in options.items():
        command += [f"--{name}", value]
    return [Spec("broker", command, ready=lambda: valkey_answers(sock), stop_seconds=2.0)]


def parts(plan: Plan, listener: socket.socket, *, simulated: bool) -> list[Spec]:
    """Describe everything behind the broker."""
    found = [_simulator(plan)] if simulated else []
    if plan.web == 1:
        found.append(_web(plan, "web", listener))
    else:
        found += [_web(plan, f"web-{number + 1}", listener) for number in range(plan.web)]
    if plan.workers == "all":
        found.append(_worker(plan, "worker", stop_seconds=3.0))
    else:
        for name, queues in GROUPS.items():
            beat = "--beat" if name == WITH_BEAT else "--no-beat"
            options = ("--queues", ",".join(queues), "--threads", str(THREADS), beat)
            found.append(_worker(plan, f"worker-{name}", *options, stop_seconds=8.0))
    return found


def _web(plan: Plan, name: str, listener: socket.socket) -> Spec:
    """Describe a web server; several take turns at the one listening socket."""
    host, port = listener.getsockname()[:2]
    fd = listener.fileno()
    up = _sign(plan, name)
    return Spec(
        name,
        [sys.executable, "-m", "config.serve.web", str(fd), str(up)],
        # The file says that this very process answers, the question that it can do its work.
        ready=lambda: up.exists() and http_answers(host, port, "/readyz"),
        stop_seconds=3.0,
        pass_fds=(fd,),
        sign=up,
    )


def _worker(plan: Plan, name: str, *options: str, stop_seconds: float) -> Spec:
    up = _sign(plan, name)
    command = [sys.executable, "-m", "config.serve.worker", str(up), *options]
    return Spec(name, command, ready=up.exists, stop_seconds=stop_seconds, sign=up)


def _simulator(plan: Plan) -> Spec:
    ports = plan.var / "run" / "simulator.json"
    command = [sys.executable, "-m", "devices.simulator", "--port-file", str(ports)]
    command += ["--state", str(plan.var / "simulator")]
    return Spec("simulator", command, ready=ports.exists, stop_seconds=1.0, essential=False, sign=ports)


def _sign(plan: Plan, name: str) -> Path:
    return plan.var / "run" / f"{name}.ready"
