"""Archived days on S3: a real API server on loopback, moto's, which the test starts and ends."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from telemetry.cold.files import Files
from telemetry.errors import ColdUnavailableError, StoreUnavailableError
from telemetry.model import Batch, Kind
from telemetry.store import Store
from telemetry.stores.sqlite import SqliteBackend
from telemetry.tests.cold_places import KEYS, S3Server, files_at, rows_in
from telemetry.tests.conftest import DAY, NOW, TODAY, quick_folder, series_of

Q = 900_000
START = (TODAY - 70) * DAY
pytestmark = pytest.mark.slow


@pytest.fixture
def s3(monkeypatch, tmp_path) -> Iterator[S3Server]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    server = S3Server(tmp_path)
    server.start()
    server.bucket_make("cold")
    yield server
    server.stop()


@pytest.fixture
def store(s3) -> Iterator[Store]:
    with quick_folder() as folder:
        made = Store(SqliteBackend(f"sqlite:///{folder}/t.sqlite3"))
        made.cold_use(files_at(s3.url("cold")))
        yield made
        made.close()


@pytest.fixture
def series(store):
    known = [series_of(Kind.GAUGE), series_of(Kind.COUNTER, "Wh")]
    store.series_register(known)
    times = START + np.arange(70 * 96) * Q
    for one in known:
        store.history_write(Batch.of(one.id, times, np.arange(len(times)) / 4), NOW)
    store.quarters_refresh(NOW)
    return known


def seen(store: Store, series) -> list[bytes]:
    ids = [one.id for one in series]
    curve = store.curve(ids, START, START + 60 * DAY, 3_600_000)
    return [store.scan(one, 0, NOW, None).values.tobytes() for one in ids] + [curve.mean.tobytes()]


def test_a_bucket_takes_gives_and_erases_as_a_folder_does(s3, store, series):
    before = seen(store, series)
    assert store.archive.run(TODAY - 5).days == 130
    assert seen(store, series) == before
    assert {one: len(times) for one, times in rows_in(s3.url("cold")).items()} == {
        str(one.id): 65 * 96 for one in series
    }
    store.write(Batch.of(series[0].id, [START + 5], [9.0]), NOW)
    store.days_seal(NOW)
    assert (store.archive.run(TODAY - 5).days, store.archive.run(TODAY - 5).days) == (1, 0)
    assert store.forget(series[1].id, None, None) == 70 * 96
    assert {one: len(times) for one, times in rows_in(s3.url("cold")).items()} == {str(series[0].id): 65 * 96 + 1}


def test_while_the_server_is_away_archived_days_are_missing_by_name_and_others_are_read(s3, store, series):
    store.archive.run(TODAY - 5)
    fresh = files_at(s3.url("cold"))
    store.cold_use(fresh)
    store.backend.blocks._memory._entries.clear()
    s3.stop()
    begun = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="s3://cold/homes"):
        store.scan(series[0].id, 0, NOW, None)
    for _again in range(20):
        with pytest.raises(ColdUnavailableError):
            store.curve([series[0].id], START, START + DAY, 3_600_000)
    assert time.monotonic() - begun < 5
    assert len(store.scan(series[0].id, START + 65 * DAY, NOW, None)) == 5 * 96
    assert store.quarters([series[0].id], START, START + 70 * DAY).flags.all()
    with pytest.raises(StoreUnavailableError):
        store.forget(series[0].id, None, None)
    with pytest.raises(StoreUnavailableError):
        store.archive.run(TODAY)


def test_late_readings_of_an_archived_day_wait_for_the_server_and_hold_no_other_day_up(s3, store, series):
    store.archive.run(TODAY - 5)
    store.cold_use(files_at(s3.url("cold")))
    store.backend.blocks._memory._entries.clear()
    s3.stop()
    late, usual = START + 3 * DAY + 7, (TODAY - 1) * DAY + 7
    store.write(Batch.of(series[0].id, [late, usual], [1.0, 2.0]), NOW)
    assert store.days_seal(NOW).days == 1
    store.quarters_refresh(NOW)
    with store.backend.reading() as snapshot:
        assert len(snapshot.hot_days(TODAY, 10)) == 1


def test_a_server_that_takes_the_connection_and_is_silent_is_given_up(monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with socket.socket() as silent, quick_folder() as folder:
        silent.bind(("127.0.0.1", 0))
        silent.listen(20)
        files = files_at(f"s3://cold/p?endpoint=http://127.0.0.1:{silent.getsockname()[1]}&region=eu")
        made = Store(SqliteBackend(f"sqlite:///{folder}/t.sqlite3"))
        made.cold_use(files)
        begun = time.monotonic()
        with pytest.raises(ColdUnavailableError, match="s3://cold/p"):
            made.archive.run(TODAY)
        assert time.monotonic() - begun < 15
        made.close()


def test_a_run_the_network_ended_is_made_good_by_the_next(s3, store, series, monkeypatch):
    real, calls = Files.index, [0]

    def failing(self, path):
        calls[0] += 1
        if calls[0] == 1:
            raise OSError("AWS Error NETWORK_CONNECTION: torn")
        return real(self, path)

    monkeypatch.setattr(Files, "index", failing)
    with pytest.raises(ColdUnavailableError, match="torn"):
        store.archive.run(TODAY - 5)
    monkeypatch.undo()
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    store.cold_use(files_at(s3.url("cold")))
    assert store.archive.run(TODAY - 5).days == 130
    assert {len(times) for times in rows_in(s3.url("cold")).values()} == {65 * 96}


def test_two_processes_share_a_bucket_and_archive_everything_once(s3, store, series):
    other = Store(SqliteBackend(store.backend.url))
    other.cold_use(files_at(s3.url("cold")))
    days: list[int] = []
    threads = [
        threading.Thread(target=lambda one=one: days.append(one.archive.run(TODAY - 5).days)) for one in (store, other)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    other.close()
    assert sum(days) == 130
    assert {len(times) for times in rows_in(s3.url("cold")).values()} == {65 * 96}
