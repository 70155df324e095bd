"""The real supervisor with toy parts, as a program that tests start, crash and stop."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from config.serve.parts import Plan
from config.serve.process import Spec
from config.serve.supervisor import Supervisor

# Starts a child of its own, says so, and ignores SIGTERM if it is told to.
PART = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "hopeless" in sys.argv:
    sys.exit("no such thing as a free port")
print(os.getpid(), child.pid, flush=True)
open(sys.argv[1], "a").write(f"{os.getpid()} {child.pid}\\n")
time.sleep(600)
"""


class SmallSupervisor(Supervisor):
    """Everything but the parts is the product's own."""

    manner = "plain"
    whose = "web"

    def _part(self, name: str) -> Spec:
        pids = self.plan.var / f"{name}.pids"
        manner = self.manner if name == self.whose else "plain"
        command = [sys.executable, "-c", PART, str(pids), manner]
        return Spec(name, command, ready=pids.exists, stop_seconds=1.0, essential=name != "simulator")

    def _broker(self) -> list[Spec]:
        return [self._part("broker")]

    def _parts(self, *, simulated: bool) -> list[Spec]:
        return [self._part(name) for name in ("simulator", "web", "web-2", "worker")]

    def _prepare(self) -> dict[str, Any]:
        return {"logins": [{"role": "household", "email": "anna@example.org", "password": "sun"}]}


if __name__ == "__main__":
    SmallSupervisor.manner, SmallSupervisor.whose = [*sys.argv[3:], "plain", "web"][:2]
    nowhere = Path("/nonexistent")
    plan = Plan(var=Path(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), demo=True, valkey=None, manage=nowhere)
    sys.exit(SmallSupervisor(plan=plan).run())
