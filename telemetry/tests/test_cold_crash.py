"""Archiving and erasing, killed anywhere: nothing is lost, nothing stays twice, what was erased stays erased."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

from telemetry.cold.archive import Archive
from telemetry.cold.files import Files
from telemetry.cold.lease import Lease
from telemetry.cold.writing import Part
from telemetry.model import Batch, Kind, Series
from telemetry.store import Store
from telemetry.stores.sqlite import SqliteBackend
from telemetry.tests.cold_places import files_at, rows_in
from telemetry.tests.conftest import DAY, NOW, TODAY, quick_folder

Q = 900_000
BEGIN = TODAY - 70
KNOWN = [Series(uuid.UUID(int=number), "W", Kind.GAUGE) for number in range(1, 7)]


def opened(folder: Path, *, lease_s: float = 0.3) -> Store:
    store = Store(SqliteBackend(f"sqlite:///{folder}/t.sqlite3"))
    files = files_at(f"file://{folder}/cold")
    store.cold_use(files)
    store.archive = Archive(store.backend, files, lease_s=lease_s)
    return store


def filled(folder: Path) -> None:
    store = opened(folder)
    store.series_register(KNOWN)
    times = BEGIN * DAY + np.arange(70 * 96) * Q
    for at, one in enumerate(KNOWN):
        store.history_write(Batch.of(one.id, times, np.arange(len(times)) / 4 + at), NOW)
    store.close()


def seen(store: Store) -> list[bytes]:
    return [store.scan(one.id, 0, NOW, None).values.tobytes() for one in KNOWN]


class _Died(Exception):
    pass


POINTS = [(Files, "index"), (Files, "drop"), (Files, "path_drop"), (Part, "add"), (Part, "publish"), (Lease, "renew")]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("owner", "name"), POINTS)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_run_that_dies_around_any_step_is_made_good_by_the_next(monkeypatch, owner, name, moment, count):
    with quick_folder() as folder:
        filled(folder)
        before = seen(opened(folder))
        first = opened(folder)
        first.archive.run(BEGIN + 40)
        # Late readings: the next run writes files anew, and drops some.
        first.history_write(Batch.of(KNOWN[0].id, [BEGIN * DAY + 20 * DAY], [20 * 96 / 4.0 + 0.5]), NOW)
        before[0] = seen(first)[0]
        real, calls = getattr(owner, name), [0]

        def dying(*args, **kwargs):
            calls[0] += 1
            if calls[0] != count + 1:
                return real(*args, **kwargs)
            if moment == "after":
                real(*args, **kwargs)
            raise _Died

        monkeypatch.setattr(owner, name, dying)
        # The process is gone: it lets go of nothing.
        monkeypatch.setattr(Lease, "__exit__", lambda *_: None)
        monkeypatch.setattr(Part, "abandon", lambda _: None)
        try:
            first.archive.run(TODAY - 3)
        except _Died:
            assert calls[0] == count + 1
        monkeypatch.undo()
        survivor = opened(folder)
        assert seen(survivor) == before
        assert survivor.archive.run(TODAY - 3).failed == []
        assert seen(opened(folder)) == before
        found = rows_in(f"file://{folder}/cold")
        assert {len(times) for times in found.values()} == {67 * 96}
        assert not list(folder.rglob("*.unfinished"))


RUNNER = """
    import sys
    from pathlib import Path
    from telemetry.tests.test_cold_crash import BEGIN, KNOWN, TODAY, opened

    folder, what = Path(sys.argv[1]), sys.argv[2]
    store = opened(folder)
    if what == "archive":
        store.archive.run(TODAY - 3)
    else:
        store.forget(KNOWN[2].id, None, None)
    print("done", flush=True)
"""


def killed(folder: Path, what: str, after_s: float | None) -> bool:
    """Run it in a process of its own and kill that, if so long after its start; whether it was still at it."""
    script = folder / "runner.py"
    script.write_text(textwrap.dedent(RUNNER))
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder), what],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": "."},
    )
    if after_s is not None:
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    return "done" not in rest


@pytest.mark.slow
def test_kill_9_in_the_middle_of_archiving_and_erasing_loses_and_doubles_nothing():
    with quick_folder() as folder:
        filled(folder)
        before = seen(opened(folder))
        fresh = Path(shutil.copytree(folder, folder / "fresh"))
        begun = time.monotonic()
        assert not killed(folder, "archive", None)
        whole_s = time.monotonic() - begun
        interrupted = 0
        for part in (0.1, 0.25, 0.4, 0.55, 0.7, 0.85):
            copy = Path(shutil.copytree(fresh, folder / f"killed-{part}"))
            interrupted += killed(copy, "archive", part * whole_s)
            assert seen(opened(copy)) == before
            assert opened(copy).archive.run(TODAY - 3).failed == []
            assert {len(times) for times in rows_in(f"file://{copy}/cold").values()} == {67 * 96}
        assert interrupted >= 2

        killed(folder, "erase", 0.6 * whole_s)
        store = opened(folder)
        assert [one for at, one in enumerate(seen(store)) if at != 2] == [
            one for at, one in enumerate(before) if at != 2
        ]
        store.forget(KNOWN[2].id, None, None)
        found = rows_in(f"file://{folder}/cold")
        assert str(KNOWN[2].id) not in found
        assert len(found) == 5


def test_a_store_from_a_backup_finds_its_days_in_files_written_since():
    with quick_folder() as folder:
        filled(folder)
        store = opened(folder)
        before = seen(store)
        store.archive.run(TODAY - 3)
        store.close()
        shutil.copy(folder / "t.sqlite3", folder / "backup.sqlite3")
        store = opened(folder)
        store.forget(KNOWN[0].id, None, None)
        store.close()
        shutil.copy(folder / "backup.sqlite3", folder / "t.sqlite3")
        back = opened(folder)
        assert [back.scan(one.id, 0, NOW, None).values.tobytes() for one in KNOWN[1:]] == before[1:]
