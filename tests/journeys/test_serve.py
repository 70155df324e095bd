"""A whole installation from an empty folder: it lives, survives what happens to it, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.browsing import Client
from bench.serving import ROOT, Served, serving
from telemetry.errors import StoreUnavailableError
from telemetry.selectors import latest, series_all
from tests.servers import broker_of, on_servers, store_of, surroundings

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.xdist_group("serve")]
SMALL = {"MYHOUSE_DEMO_HOMES": "2", "MYHOUSE_DEMO_DAYS": "2"}


def until(what: Callable[[], Any], *, seconds: float = 40.0) -> Any:
    """Wait for something to become true, and return it."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own folder: its path may be too long for a socket.
    path = Path(tempfile.mkdtemp(prefix="mh-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    path = Path(tempfile.mkdtemp(prefix="mh-"))
    with serving(var=path / "var", environment=surroundings(path / "var") | SMALL) as one:
        yield one
    shutil.rmtree(path, ignore_errors=True)


def signed_in(served: Served, role: str = "household") -> tuple[Client, str]:
    client = Client(served.url)
    page = client.sign_in("/sign-in/", *served.logins[role])
    return client, page


def newest(served: Served) -> float:
    """Return the time of the newest reading in the store, in seconds; tomorrow's prices are none."""
    with store_of(served.var), suppress(StoreUnavailableError):
        readings = latest(series_ids=[one.id for one in series_all()])
        times = [one.time_ms / 1000 for one in readings.values()]
        return max((one for one in times if one <= time.time()), default=0.0)
    return 0.0


def manage(var: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=surroundings(var),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def alive(pids: set[int]) -> set[int]:
    """Return those that still work (a zombie does not)."""
    found = set()
    for pid in pids:
        try:
            if "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
                found.add(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_pages_answer_for_every_login_of_the_demo(served: Served) -> None:
    assert set(served.logins) == {"household", "neighbour", "operator"}
    for role in served.logins:
        client, page = signed_in(served, role)
        assert client.request("GET", page)[0] == 200


def test_static_files_are_compressed_and_kept_for_ever(served: Served) -> None:
    client = Client(served.url)
    _, page = client.follow("/")
    name = page.partition(b'rel="stylesheet"')[2].partition(b'href="')[2].partition(b'"')[0].decode()
    client.connection.request("GET", name, headers={"Accept-Encoding": "gzip"})
    response = client.connection.getresponse()
    response.read()

    assert response.status == 200
    assert response.getheader("Content-Encoding") == "gzip"
    assert "immutable" in (response.getheader("Cache-Control") or "")


def test_readings_of_the_simulated_homes_flow_into_the_store(served: Served) -> None:
    begun = newest(served)

    until(lambda: newest(served) > begun)
    assert abs(newest(served) - datetime.now(UTC).timestamp()) < 30


def test_a_body_too_large_is_refused_at_the_edge(served: Served) -> None:
    client = Client(served.url)
    client.connection.putrequest("POST", "/ingest/packets")
    client.connection.putheader("Content-Length", str(100 * 1_048_576))
    client.connection.endheaders()
    response = client.connection.getresponse()

    assert response.status == 413
    assert json.loads(response.read())["status"] == 413


def test_a_killed_worker_is_reported_and_started_again(served: Served) -> None:
    (worker,) = [pid for pid, command in served.pids().items() if "config.serve.worker" in command]
    before = len(served.text())
    os.kill(worker, signal.SIGKILL)

    until(lambda: "The worker runs again." in served.text()[before:])
    assert "The worker ended unexpectedly (signal SIGKILL); it is started again" in served.text()[before:]
    begun = datetime.now(UTC).timestamp()
    until(lambda: newest(served) > begun)


def test_a_killed_web_server_loses_no_request_that_comes_meanwhile(served: Served) -> None:
    client, page = signed_in(served)
    (web,) = [pid for pid, command in served.pids().items() if "config.serve.web" in command]
    os.kill(web, signal.SIGKILL)
    client.connection.close()

    assert client.request("GET", page)[0] == 200


def test_a_killed_broker_comes_back_and_polling_goes_on(served: Served) -> None:
    if on_servers():
        broker_of(served.var).kill()
        time.sleep(1)
        broker_of(served.var).start()
    else:
        (broker,) = [pid for pid, command in served.pids().items() if "valkey-server" in command]
        before = len(served.text())
        os.kill(broker, signal.SIGKILL)
        until(lambda: "The broker runs again." in served.text()[before:])
    begun = datetime.now(UTC).timestamp()
    until(lambda: newest(served) > begun, seconds=60)


def test_a_second_start_is_refused_while_it_runs(served: Served) -> None:
    second = manage(served.var, "serve", "--port", "0")

    assert second.returncode == 1
    assert second.stderr.startswith("Another server already works on")
    assert "Traceback" not in second.stderr


@pytest.mark.embedded("databases on servers are refused while they hold anything, not while a folder is served")
def test_a_restore_is_refused_while_it_runs(served: Served, tmp_path: Path) -> None:
    restore = manage(served.var, "restore", str(tmp_path / "any"), "--replace")

    assert restore.returncode == 1
    assert "Another server already works on" in restore.stderr
    assert "Traceback" not in restore.stderr


def test_a_backup_of_the_running_installation_starts_elsewhere_as_it_was(served: Served, folder: Path) -> None:
    made = manage(served.var, "backup", str(folder / "backup.tar.zst"))
    assert made.returncode == 0, made.stderr
    restored = manage(folder / "var", "restore", str(folder / "backup.tar.zst"))
    assert restored.returncode == 0, restored.stderr

    with serving(var=folder / "var", environment=surroundings(folder / "var") | SMALL) as again:
        assert again.logins == served.logins
        client, page = signed_in(again)
        assert page == signed_in(served)[1]
        assert client.request("GET", page)[0] == 200
        if not on_servers():
            assert (folder / "var" / "secret_key").read_text() == (served.var / "secret_key").read_text()


def test_ctrl_c_ends_everything_and_the_next_start_is_quick(folder: Path) -> None:
    with serving(var=folder / "var", environment=surroundings(folder / "var") | SMALL) as first:
        pids = set(first.pids())
        first.process.send_signal(signal.SIGINT)
        assert first.process.wait(timeout=10) == 0
    assert len(pids) == (4 if on_servers() else 5), first.text()
    assert alive(pids) == set()
    assert first.text().endswith("Everything has stopped.\n")

    begun = time.monotonic()
    with serving(var=folder / "var", environment=surroundings(folder / "var") | SMALL) as second:
        # Under ten seconds on a machine of its own; the tests share theirs with other tests.
        assert time.monotonic() - begun < 45
        assert second.logins == first.logins


def test_killing_the_supervisor_leaves_no_process(folder: Path) -> None:
    with serving(var=folder / "var", environment=surroundings(folder / "var") | SMALL) as one:
        pids = set(one.pids())
        one.process.kill()
        one.process.wait()
        until(lambda: not alive(pids), seconds=5)


def test_an_interrupted_first_filling_goes_on_at_the_next_start(folder: Path) -> None:
    var = folder / "var"
    with (folder / "out").open("wb") as out:
        first = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--demo", "--port", "0"],
            cwd=ROOT,
            env=surroundings(var) | SMALL | {"MYHOUSE_DEMO_DAYS": "12"},
            stdout=out,
            stderr=out,
        )
    until(lambda: "history" in (folder / "out").read_text(), seconds=120)
    first.kill()
    first.wait()
    assert json.loads((var / "installation.json").read_text())["state"] == "filling"

    with serving(var=var, environment=surroundings(var) | SMALL) as second:
        assert "The first filling of the data folder was interrupted; it goes on" in second.text()
        client, page = signed_in(second)
        assert client.request("GET", page)[0] == 200
    assert json.loads((var / "installation.json").read_text())["state"] == "ready"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda var: (var / "installation.json").write_text('{"format": 99, "state": "ready", "demo": {}}'), "newer"),
        pytest.param(
            lambda var: (var / "documents.sqlite3").write_bytes(b"half"),
            "damaged",
            marks=pytest.mark.embedded("the documents' SQLite file is damaged"),
        ),
        (lambda var: (var / "installation.json").write_text("{"), "cannot be read"),
    ],
)
def test_a_folder_that_cannot_be_served_is_refused_in_one_sentence(
    folder: Path, damage: Callable[[Path], object], sentence: str
) -> None:
    (folder / "var").mkdir()
    damage(folder / "var")
    done = manage(folder / "var", "serve", "--port", "0")

    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
