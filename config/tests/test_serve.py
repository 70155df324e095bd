"""The supervisor starts in order, reports and restarts what crashes, and never leaves a process behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.serve import logs
from config.serve.parts import Plan
from config.serve.process import Process, Spec
from config.serve.supervisor import Supervisor

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.processes, pytest.mark.slow]


def until(what: Callable[[], object], *, seconds: float = 15.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process works (a zombie does not)."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


class Serving:
    """A started supervisor, what it printed, and whom it started."""

    def __init__(self, var: Path, *, port: int = 0, manner: str = "plain", whose: str = "web") -> None:
        self.var = var
        self.output = var.with_name(var.name + ".out")
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.tests.small_serve", str(var), str(port), manner, whose],
                cwd=ROOT,
                stdout=out,
                stderr=out,
            )

    def text(self) -> str:
        return self.output.read_text()

    def pids(self, name: str | None = None) -> list[int]:
        files = self.var.glob(f"{name or '*'}.pids")
        return [int(pid) for file in files for pid in file.read_text().split()]

    def ended(self) -> bool:
        return not any(alive(pid) for pid in self.pids())


@pytest.fixture
def var() -> Iterator[Path]:
    # Not pytest's own folder: its path may be too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="small-"))
    yield folder / "var"
    shutil.rmtree(folder)


@pytest.fixture
def serving(var: Path) -> Iterator[Serving]:
    started = Serving(var)
    until(lambda: "runs at" in started.text())
    yield started
    started.process.kill()
    started.process.wait()


def test_prints_the_address_and_the_logins(serving: Serving) -> None:
    assert "http://127.0.0.1:" in serving.text()
    assert "anna@example.org" in serving.text()
    until((serving.var / "run" / "address").exists)
    assert (serving.var / "run" / "address").read_text() in serving.text()


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_it_started(serving: Serving, name: signal.Signals) -> None:
    serving.process.send_signal(name)

    assert serving.process.wait(timeout=10) == 0
    assert len(serving.pids()) == 10
    assert serving.ended()


def test_a_part_that_ignores_the_request_is_killed_in_time(var: Path) -> None:
    serving = Serving(var, manner="stubborn")
    until(lambda: "runs at" in serving.text())
    begun = time.monotonic()
    serving.process.send_signal(signal.SIGINT)

    assert serving.process.wait(timeout=10) == 0
    assert time.monotonic() - begun < 10
    assert "did not end in time" in serving.text()
    assert serving.ended()


def test_killing_the_supervisor_ends_the_parts_too(serving: Serving) -> None:
    parts = [int(line.split()[0]) for file in serving.var.glob("*.pids") for line in file.read_text().splitlines()]
    children = set(serving.pids()) - set(parts)
    serving.process.kill()

    until(lambda: not any(alive(pid) for pid in parts))
    for pid in children:
        # Grandchildren are the toy's own; the product's parts start none.
        os.kill(pid, signal.SIGKILL)


def test_a_crash_is_reported_in_one_sentence_and_repaired(serving: Serving) -> None:
    os.kill(serving.pids("worker")[0], signal.SIGKILL)
    until(lambda: len(serving.pids("worker")) == 4)
    until(lambda: "The worker runs again." in serving.text())

    assert serving.text().count("The worker ended unexpectedly (signal SIGKILL); it is started again now.") == 1
    serving.process.send_signal(signal.SIGINT)
    serving.process.wait(timeout=10)
    assert serving.ended()


def test_one_of_several_web_processes_is_restarted_by_itself(serving: Serving) -> None:
    (untouched, _child), first = serving.pids("web"), serving.pids("web-2")[0]
    os.kill(first, signal.SIGKILL)
    until(lambda: "The web-2 runs again." in serving.text())

    assert alive(untouched)
    assert "The web ended" not in serving.text()
    assert len(serving.pids("web")) == 2


def test_what_never_starts_is_given_up_with_its_last_words(var: Path) -> None:
    serving = Serving(var, manner="hopeless")

    assert serving.process.wait(timeout=15) == 1
    last = serving.text().strip().splitlines()
    assert any("The web does not start (exit code 1): no such thing as a free port" in line for line in last)
    assert "Traceback" not in serving.text()


def test_the_rest_runs_without_a_simulator_that_never_starts(var: Path) -> None:
    serving = Serving(var, manner="hopeless", whose="simulator")
    until(lambda: "runs at" in serving.text())
    serving.process.send_signal(signal.SIGINT)

    assert serving.process.wait(timeout=10) == 0
    assert "The simulator does not start (exit code 1): no such thing as a free port — the rest runs" in serving.text()
    assert serving.ended()


def test_a_second_start_on_the_same_folder_is_refused(serving: Serving) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "config.tests.small_serve", str(serving.var), "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )

    assert second.returncode == 1
    assert "Another server already works on" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


def test_a_port_in_use_is_refused(var: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        serving = Serving(var, port=taken.getsockname()[1])
        assert serving.process.wait(timeout=15) == 1

    assert "cannot be used (Address already in use)" in serving.text()
    assert len(serving.text().strip().splitlines()) == 1
    assert serving.pids() == []


def plan(var: Path) -> Plan:
    return Plan(var=var, host="127.0.0.1", port=0, demo=False, valkey=None, manage=Path("/x"))


def test_a_clock_that_jumps_restarts_the_worker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    supervisor = Supervisor(plan=plan(tmp_path))
    worker = Process(Spec("worker", ["sleep", "60"], ready=lambda: True), tmp_path / "worker.log", {})
    worker.start()
    supervisor.processes.append(worker)
    supervisor.clock_offset -= 3_600
    supervisor._clock()

    assert worker.popen.wait(timeout=5) == -signal.SIGTERM
    assert "The clock moved by +3600 s" in capsys.readouterr().out
    supervisor._clock()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("readiness", "lived", "pauses"),
    [("ready", 6, [0, 0, 0, 0]), ("ready", 4, [0, 1, 2, 4]), ("never ready", 60, [0, 1, 2, 4])],
)
def test_what_did_its_work_is_restarted_at_once_and_what_fails_at_its_start_ever_later(
    tmp_path: Path, readiness: str, lived: float, pauses: list[float]
) -> None:
    worker = Process(Spec("worker", ["true"], ready=lambda: readiness == "ready"), tmp_path / "worker.log", {})
    seen = []
    for _crash in pauses:
        worker.start()
        worker.check_ready()
        worker.started_at -= lived
        seen.append(worker.ended())

    assert seen == pauses


def test_a_log_that_grows_too_large_is_put_aside_while_it_is_written(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"a" * 200)
        assert logs.rotate(log, largest=100)
        writer.write(b"b" * 50)
        assert not logs.rotate(log, largest=100)
        writer.write(b"b" * 51)
        assert logs.rotate(log, largest=100)

    assert log.read_bytes() == b""
    assert log.with_suffix(".log.1").read_bytes() == b"b" * 101
    assert log.with_suffix(".log.2").read_bytes() == b"a" * 200
