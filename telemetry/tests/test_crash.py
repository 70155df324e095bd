"""A crash between any two steps loses and doubles nothing that was acknowledged."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from telemetry.errors import StoreUnavailableError
from telemetry.model import Batch, Kind, Series
from telemetry.store import Store
from telemetry.stores.sqlite import SqliteBackend
from telemetry.tests.conftest import DAY, NOW, TODAY, quick_folder

Q = 900_000
START = (TODAY - 2) * DAY
COUNTER = Series(uuid.UUID(int=7), "Wh", Kind.COUNTER)
BEFORE = Batch.of(COUNTER.id, START + np.arange(0, DAY, 4 * Q), np.arange(24.0) * 100)
LATE = Batch.of(COUNTER.id, START + np.arange(0, DAY, 8 * Q) + 1_000, np.arange(12.0) * 200 + 10)


def opened(folder: Path) -> Store:
    store = Store(SqliteBackend(f"sqlite:///{folder}/t.sqlite3"))
    store.series_register([COUNTER])
    return store


def crash_after(store: Store, steps: int) -> list[int]:
    """Abort whatever SQLite is doing after so many of its own steps; as a crash, it leaves the transaction open."""
    connection = store.backend._file._writer  # type: ignore[attr-defined] # of SQLite only
    left = [steps]

    def step() -> int:
        left[0] -= 1
        return int(left[0] < 0)

    connection.set_progress_handler(step, 5)
    return left


STEPS: dict[str, Callable[[Store], object]] = {
    "write": lambda store: store.write(LATE, NOW),
    "history": lambda store: store.history_write(LATE, NOW),
    "fold": lambda store: store.hot_fold(NOW, only_if_due=False),
    "seal": lambda store: store.days_seal(NOW),
    "refresh": lambda store: store.quarters_refresh(NOW),
    "forget": lambda store: store.forget(COUNTER.id, START, START + DAY // 2),
}


def prepared(folder: Path, name: str) -> Store:
    """Sealed readings, folded ones and some that just came: every step has something to do."""
    store = opened(folder)
    store.history_write(BEFORE, NOW)
    if name != "write":
        store.write(Batch.of(COUNTER.id, START + DAY + np.arange(20) * Q, 2_400.0 + np.arange(20)), NOW)
    if name in ("seal", "refresh"):
        store.hot_fold(NOW, only_if_due=False)
    return store


def seen(store: Store) -> tuple[bytes, ...]:
    columns = store.scan(COUNTER.id, 0, NOW, None)
    quarters = store.quarters([COUNTER.id], START, START + 3 * DAY)
    return (columns.times.tobytes(), columns.values.tobytes(), quarters.energy.tobytes(), quarters.flags.tobytes())


@pytest.fixture
def folder() -> Iterator[Path]:
    with quick_folder() as found:
        yield found


@pytest.mark.parametrize("name", STEPS)
def test_a_crash_inside_a_step_leaves_it_done_or_not_begun(folder, name):
    untouched = prepared(folder / "untouched", name)
    not_begun = seen(untouched)
    steps = crash_after(untouched, 1 << 40)
    STEPS[name](untouched)
    length = (1 << 40) - steps[0]
    done = seen(untouched)
    untouched.close()
    assert length > 5
    for count, at in enumerate(range(0, length, max(1, length // 12))):
        store = prepared(folder / str(count), name)
        crash_after(store, at)
        with pytest.raises(StoreUnavailableError):
            STEPS[name](store)
        store.backend._file._writer.set_progress_handler(None, 0)  # type: ignore[attr-defined] # of SQLite only
        survivor = opened(folder / str(count))
        assert seen(survivor) in (not_begun, done)
        assert seen(store) == seen(survivor)
        STEPS[name](survivor)
        assert seen(survivor) == done
        store.close()
        survivor.close()


class _Died(Exception):
    pass


PRIMITIVES = ["hot_append", "hot_fold", "days_swap", "pages_swap"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("which", PRIMITIVES)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_crash_around_any_primitive_loses_and_doubles_nothing(folder, monkeypatch, which, moment, count):
    store = opened(folder)
    real = getattr(store.backend, which)
    calls = [0]

    def dying(*args, **kwargs):
        calls[0] += 1
        if calls[0] != count + 1:
            return real(*args, **kwargs)
        if moment == "after":
            real(*args, **kwargs)
        raise _Died

    monkeypatch.setattr(store.backend, which, dying)
    store._writer._append = store.backend.hot_append
    work = [
        lambda s: s.history_write(BEFORE, NOW),
        lambda s: s.write(LATE, NOW),
        lambda s: s.hot_fold(NOW, only_if_due=False),
        lambda s: s.days_seal(NOW),
        lambda s: s.quarters_refresh(NOW),
        lambda s: s.write(BEFORE, NOW),
        lambda s: s.days_seal(NOW),
        lambda s: s.quarters_refresh(NOW),
        lambda s: s.history_write(LATE, NOW),
    ]
    for step in work:
        try:
            step(store)
        except _Died:
            # The process is gone; another one does the same again, as a queue would.
            step(opened(folder))
    expected = opened(folder / "smooth")
    for step in work:
        step(expected)
    assert seen(opened(folder)) == seen(expected)


WRITER = """
    import sys, uuid
    import numpy as np
    from telemetry.model import Batch, Kind, Series
    from telemetry.store import Store
    from telemetry.stores.sqlite import SqliteBackend

    folder, start, now, first = sys.argv[1], *map(int, sys.argv[2:])
    series = Series(uuid.UUID(int=7), "Wh", Kind.COUNTER)
    store = Store(SqliteBackend(f"sqlite:///{folder}/t.sqlite3", fold_rows=4))
    store.series_register([series])
    for number in range(first, first + 1000):
        store.write(Batch.of(series.id, start + number * 60_000 + np.arange(3), [number] * 3), now)
        print(number, flush=True)
        if number % 3 == 0:
            store.hot_fold(now, only_if_due=False)
        if number % 5 == 0:
            store.days_seal(now)
        if number % 7 == 0:
            store.quarters_refresh(now)
"""


@pytest.mark.slow
def test_everything_acknowledged_before_kill_9_is_there_once(tmp_path):
    script = tmp_path / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    acknowledged: list[int] = []
    rng = np.random.default_rng(5)
    for _ in range(8):
        first = max(acknowledged, default=-1) + 1
        command = [sys.executable, str(script), str(tmp_path), str(START), str(NOW), str(first)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2], env={"PYTHONPATH": "."}
        )
        assert process.stdout is not None
        acknowledged.append(int(process.stdout.readline()))
        time.sleep(float(rng.uniform(0.0, 0.15)))
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        acknowledged += [int(line) for line in rest.splitlines() if line.strip()]
    found = opened(tmp_path).scan(COUNTER.id, 0, NOW, None)
    numbers, counts = np.unique(found.values, return_counts=True)
    assert set(acknowledged) <= set(numbers.astype(int).tolist())
    assert set(counts.tolist()) == {3}
