"""Starts the parts in order, watches them, restarts what crashes, stops all of them again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from itertools import groupby
from typing import IO, Any

from config.backup.swap import swap_finish
from config.installation import UnableToServe, files_check, folder_check, installation_read, lock_take
from config.serve import logs
from config.serve.parts import Plan, address_path, broker, kind_of, parts
from config.serve.process import TRIES_BEFORE_GIVING_UP, Process, Spec, bind_to_parent

STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
START_SECONDS = 60.0
# A wall clock that moves this much against the monotonic one was set, or the machine slept.
CLOCK_JUMP_SECONDS = 30.0


class Stop(Exception):
    """Someone asked to stop."""


class Supervisor:
    """One start of the installation, from lock to the last process ended."""

    def __init__(self, *, plan: Plan, out: IO[str] | None = None) -> None:
        self.plan = plan
        self.out = out or sys.stdout
        self.processes: list[Process] = []
        self.listener: socket.socket | None = None
        self.lock: IO[str] | None = None
        self.clock_offset = time.time() - time.monotonic()
        self.started_at = time.monotonic()

    def run(self) -> int:
        """Serve until asked to stop; returns the exit code."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS | {signal.SIGCHLD})
        try:
            self._start()
            while True:
                self._watch()
        except Stop:
            self.say("Stopping …")
            return 0
        except UnableToServe as error:
            self.complain(str(error))
            return 1
        except OSError as error:
            self.complain(f"The system refused: {error}. Free what is short and start again.")
            return 1
        finally:
            self._stop()

    def say(self, line: str) -> None:
        """Print one line about a change of state."""
        self.out.write(line + "\n")
        self.out.flush()

    def complain(self, line: str) -> None:
        """Print the one sentence why it does not serve."""
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    # --- starting ---------------------------------------------------------------------------------------------

    def _start(self) -> None:
        plan = self.plan
        folder_check(var=plan.var)
        self.lock = lock_take(var=plan.var)
        (plan.var / "log").mkdir(exist_ok=True)
        (plan.var / "valkey").mkdir(exist_ok=True)
        if swap_finish(var=plan.var) is not None:
            self.say("An interrupted restore was finished.")
        installation_read(var=plan.var)
        files_check(var=plan.var, names=plan.files)
        self.listener = self._listen()
        address_path(plan.var).unlink(missing_ok=True)
        self._launch(self._broker())
        prepared = self._prepare()
        self._launch(self._parts(simulated=bool(prepared.get("simulated"))))
        seconds = time.monotonic() - self.started_at
        self.say(f"\nMyHouse runs at {self.address()} (ready after {seconds:.1f} s; Ctrl-C stops it)")
        for login in prepared.get("logins", []):
            self.say(f"  {login['role']:<10} {login['email']:<28} password: {login['password']}")
        address_path(plan.var).write_text(self.address(), encoding="ascii")

    def address(self) -> str:
        """Return where a browser finds it."""
        assert self.listener is not None
        host, port = self.listener.getsockname()[:2]
        return f"http://{host}:{port}"

    def _listen(self) -> socket.socket:
        """Take the port here, so that a restarted web server loses no connection."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.plan.host, self.plan.port))
        except (OSError, OverflowError) as error:
            listener.close()
            raise UnableToServe(
                f"Port {self.plan.port} of {self.plan.host} cannot be used ({getattr(error, 'strerror', error)}): "
                f"stop what uses it, or choose another one: make run PORT={min(self.plan.port + 1, 65_535)}"
            ) from error
        listener.listen(1024)
        listener.set_inheritable(True)
        return listener

    def environment(self) -> dict[str, str]:
        """Return what the children see: the same folder and address, and modest memory pools."""
        return {
            "PUBLIC_URL": self.address(),
            **os.environ,
            "MYHOUSE_VAR": str(self.plan.var),
            "PYTHONUNBUFFERED": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MALLOC_ARENA_MAX": "2",
        }

    def _broker(self) -> list[Spec]:
        return broker(self.plan)

    def _parts(self, *, simulated: bool) -> list[Spec]:
        assert self.listener is not None
        return parts(self.plan, self.listener, simulated=simulated)

    def _launch(self, specs: Iterable[Spec]) -> None:
        """Start the processes together and wait until each of them is ready."""
        launched = []
        for spec in specs:
            process = Process(spec, self.plan.var / "log" / f"{spec.name}.log", self.environment())
            process.start()
            self.processes.append(process)
            launched.append(process)
        until = time.monotonic() + START_SECONDS
        while slow := [process for process in launched if not process.is_ready and not process.given_up]:
            self._watch(seconds=0.05)
            if time.monotonic() > until:
                name, log = slow[0].spec.name, slow[0].log
                raise UnableToServe(f"The {name} is not ready after {START_SECONDS:.0f} s: see {log}")

    def _prepare(self) -> dict[str, Any]:
        """Bring the data up to this version (in a process of its own, which ends and frees its memory)."""
        command = [sys.executable, str(self.plan.manage), "prepare", *(["--demo"] if self.plan.demo else [])]
        parent = os.getpid()
        child = subprocess.Popen(  # noqa: S603 the command is ours, no shell
            command,
            stdin=subprocess.DEVNULL,
            env=self.environment(),
            start_new_session=True,
            preexec_fn=lambda: bind_to_parent(parent),  # noqa: PLW1509 the supervisor has one thread
        )
        try:
            while child.poll() is None:
                self._pause(0.5)
        finally:
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(timeout=3)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        if child.returncode:
            raise UnableToServe("Nothing was started; the reason is the line above.")
        result: dict[str, Any] = json.loads((self.plan.var / "run" / "prepared.json").read_text(encoding="utf-8"))
        return result

    # --- watching ---------------------------------------------------------------------------------------------

    def _pause(self, seconds: float) -> None:
        """Wait, but wake at once when a child ends or someone asks to stop."""
        info = signal.sigtimedwait(STOP_SIGNALS | {signal.SIGCHLD}, seconds)
        if info is not None and info.si_signo in STOP_SIGNALS:
            raise Stop

    def _watch(self, *, seconds: float = 0.5) -> None:
        self._pause(seconds)
        for process in self.processes:
            code = process.exit_code()
            if process.popen is None:
                if time.monotonic() >= process.restart_at:
                    process.start()
            elif code is not None:
                self._crashed(process, code)
            elif process.check_ready() and process.crashes:
                self.say(f"The {process.spec.name} runs again.")
            logs.rotate(process.log)
        self._clock()

    def _crashed(self, process: Process, code: int) -> None:
        name = process.spec.name
        if process.asked_to_stop:
            process.start()
            return
        words = process.last_words()
        pause = process.ended()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        if process.hopeless and process.spec.essential:
            raise UnableToServe(f"The {name} does not start ({how}): {words} — the whole log is {process.log}")
        if process.given_up:
            if process.crashes == TRIES_BEFORE_GIVING_UP:
                self.say(f"The {name} does not start ({how}): {words} — the rest runs; it is tried again.")
            return
        when = "now" if pause == 0 else f"in {pause:.0f} s"
        self.say(f"The {name} ended unexpectedly ({how}); it is started again {when}. Its log: {process.log}")

    def _clock(self) -> None:
        """Notice a clock that was set: schedules made by the old one must not wait for it."""
        offset = time.time() - time.monotonic()
        moved = offset - self.clock_offset
        if abs(moved) < CLOCK_JUMP_SECONDS:
            return
        self.clock_offset = offset
        self.say(f"The clock moved by {moved:+.0f} s; the worker is restarted so that its schedule follows.")
        for process in self.processes:
            if process.spec.name.startswith("worker"):
                process.ask_to_stop()

    # --- stopping ---------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        """End what was started, the broker last; never longer than the sum of the parts' patience."""
        if self.listener is not None:
            self.listener.close()
            address_path(self.plan.var).unlink(missing_ok=True)
        for _place, alike in groupby(sorted(self.processes, key=_kind), key=_kind):
            self._end(list(alike))
        if self.processes:
            self.say("Everything has stopped.")
        if self.lock is not None:
            self.lock.close()

    def _end(self, alike: list[Process]) -> None:
        """End processes of one kind together, each within its patience."""
        for process in alike:
            process.ask_to_stop()
        until = time.monotonic() + max(process.spec.stop_seconds for process in alike)
        for process in alike:
            if process.popen is not None:
                try:
                    process.popen.wait(timeout=max(0.0, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    self.say(f"The {process.spec.name} did not end in time and was killed.")
                process.kill_group()


def _kind(process: Process) -> int:
    return kind_of(process.spec)
