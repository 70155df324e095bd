"""One process under the supervisor: how it is started, watched and ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
# A process that was ready and lived this long did its work: its next crash is restarted at once again.
HEALTHY_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 10.0
TRIES_BEFORE_GIVING_UP = 3

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Spec:
    """What to run: a name people can read, the command line, and how to see that it is ready."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    stop_seconds: float = 2.0
    pass_fds: tuple[int, ...] = ()
    # Whether the rest makes no sense without it.
    essential: bool = True
    # The file by which it says that it is up; one of an earlier life means nothing.
    sign: Path | None = None


@dataclass
class Process:
    """A running (or waiting to be restarted) process."""

    spec: Spec
    log: Path
    environment: dict[str, str]
    popen: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    crashes: int = 0
    was_ready: bool = False
    is_ready: bool = False
    asked_to_stop: bool = False

    @property
    def hopeless(self) -> bool:
        """Whether it was tried often enough and never became ready."""
        return not self.was_ready and self.crashes >= TRIES_BEFORE_GIVING_UP

    @property
    def given_up(self) -> bool:
        """Whether the start goes on without it."""
        return self.hopeless and not self.spec.essential

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        if self.spec.sign is not None:
            self.spec.sign.unlink(missing_ok=True)
        self.popen = begin(self.spec.command, log=self.log, environment=self.environment, pass_fds=self.spec.pass_fds)
        self.started_at = time.monotonic()
        self.is_ready = self.asked_to_stop = False

    def exit_code(self) -> int | None:
        """Return the exit code once it has ended."""
        return None if self.popen is None else self.popen.poll()

    def ended(self) -> float:
        """Note a crash; return the seconds to wait before the next start."""
        was_healthy = self.is_ready and time.monotonic() - self.started_at > HEALTHY_SECONDS
        self.kill_group()
        self.popen = None
        self.crashes = 1 if was_healthy else self.crashes + 1
        pause = 0.0 if self.crashes == 1 else min(2.0 ** (self.crashes - 2), LONGEST_PAUSE_SECONDS)
        self.restart_at = time.monotonic() + pause
        return pause

    def check_ready(self) -> bool:
        """Ask once more; true the first time it answers."""
        if self.popen is None or self.is_ready or not self.spec.ready():
            return False
        self.is_ready = self.was_ready = True
        return True

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        self.asked_to_stop = True
        if self.popen is not None and self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)

    def kill_group(self) -> None:
        """End the process and whatever it started, at once."""
        if self.popen is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()

    def last_words(self) -> str:
        """Return the last line of its log, for the one sentence about a crash."""
        return last_line(self.log)


def begin(
    command: Sequence[str], *, log: Path | None, environment: Mapping[str, str], pass_fds: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    """Start a process that writes into its log (none: where this one writes) and ends with this one."""
    parent = os.getpid()
    with contextlib.ExitStack() as stack:
        output = None if log is None else stack.enter_context(log.open("ab", buffering=0))
        return subprocess.Popen(  # noqa: S603 the command is ours, no shell
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            start_new_session=True,
            pass_fds=pass_fds,
            preexec_fn=lambda: bind_to_parent(parent),  # noqa: PLW1509 called where no other thread forks
        )


def last_line(log: Path) -> str:
    """Return the last line of a log, cut to what fits into a sentence; nothing if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4000))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip()[:300] if lines else ""


def bind_to_parent(parent: int) -> None:
    """Let the kernel end this process with its supervisor, even if that is killed with -9."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
