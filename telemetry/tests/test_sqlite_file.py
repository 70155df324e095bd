from __future__ import annotations

import multiprocessing
import sqlite3
import uuid

import numpy as np
import pytest

from telemetry.errors import StoreBusyError, StoreConfigurationError, StoreIncompatibleError, StoreUnavailableError
from telemetry.model import Batch, Kind, Series
from telemetry.store import Store
from telemetry.stores.sqlite import SqliteBackend
from telemetry.stores.sqlite_file import VERSION
from telemetry.tests.conftest import DAY, NOW

# One id in every process.
GAUGE = Series(uuid.UUID(int=9), "W", Kind.GAUGE)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.sqlite3"


def opened(path, **options) -> Store:
    return Store(SqliteBackend(f"sqlite:///{path}"), **options)


def written(path) -> Store:
    store = opened(path)
    store.series_register([GAUGE])
    store.write(Batch.of(GAUGE.id, [NOW - DAY, NOW], [1, 2]), NOW)
    return store


def test_refuses_a_file_of_a_newer_version_and_leaves_it_untouched(path):
    written(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreIncompatibleError, match="newer version"):
        opened(path)
    assert path.read_bytes() == before


def test_refuses_a_database_of_something_else(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (name TEXT)")
    connection.close()
    with pytest.raises(StoreIncompatibleError, match="not a time-series store"):
        opened(path)


def test_refuses_what_is_no_database(path):
    path.write_text("dear diary, " * 1000)
    with pytest.raises(StoreIncompatibleError, match="not a time-series store"):
        opened(path)


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:/x", "cassandra://h/k", "sqlite:////"])
def test_refuses_an_url_that_names_no_file(url):
    with pytest.raises(StoreConfigurationError, match="TELEMETRY_URL"):
        SqliteBackend(url)


def test_a_full_disk_acknowledges_nothing_and_damages_nothing(path):
    store = written(path)
    connection = store.backend._file._writer
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages + 2}")
    big = Batch.of(GAUGE.id, NOW - 10_000_000 + np.arange(5_000), np.random.default_rng(1).random(5_000))
    for write in (store.write, store.history_write):
        with pytest.raises(StoreUnavailableError, match="free some space"):
            write(big, NOW)
    assert store.scan(GAUGE.id, 0, NOW + 1, None).values.tolist() == [1, 2]
    connection.execute("PRAGMA max_page_count=1000000")
    assert store.write(big, NOW).accepted == 5_000
    assert len(store.scan(GAUGE.id, 0, NOW + 1, None)) == 5_002
    store.close()


def test_a_read_only_file_acknowledges_nothing_and_stays_readable(path):
    store = written(path)
    store.backend._file._writer.execute("PRAGMA query_only=1")
    with pytest.raises(StoreUnavailableError, match="writable"):
        store.write(Batch.of(GAUGE.id, NOW, 3), NOW)
    assert store.scan(GAUGE.id, 0, NOW + 1, None).values.tolist() == [1, 2]
    store.close()


def test_says_busy_when_more_waits_than_may_and_takes_it_afterwards(path):
    store = written(path)
    store._writer._max_waiting = 100
    held = Batch.of(GAUGE.id, NOW - 1000 - np.arange(80), np.arange(80))
    with store.backend._file.write_lock:
        first = store._writer.submit(store._checked(held, NOW), NOW)
        while store._writer._queue:
            pass
        waiting = store._writer.submit(store._checked(held, NOW), NOW)
        with pytest.raises(StoreBusyError) as refusal:
            store._writer.submit(store._checked(held, NOW), NOW)
    assert (refusal.value.kind, refusal.value.retry_after_s) == ("busy", 1)
    first.result()
    waiting.result()
    assert store.write(held, NOW).accepted == 80
    store.close()


def test_a_fault_that_is_no_refusal_fails_only_the_batch_that_has_it(path, monkeypatch):
    store = written(path)
    real = store.backend.hot_append

    def append(batch, now_ms):
        if (batch.values == 666).any():
            raise RuntimeError
        real(batch, now_ms)

    store._writer._append = append
    with store.backend._file.write_lock:
        blocked = store._writer.submit(store._checked(Batch.of(GAUGE.id, NOW - 1, 0), NOW), NOW)
        futures = [store._writer.submit(store._checked(Batch.of(GAUGE.id, NOW - 9, v), NOW), NOW) for v in (5, 666, 7)]
    blocked.result()
    assert [type(one.exception()) for one in futures] == [type(None), RuntimeError, type(None)]
    store.close()


def test_a_closed_store_takes_nothing_more(path):
    store = written(path)
    store.close()
    with pytest.raises(StoreUnavailableError):
        store.write(Batch.of(GAUGE.id, NOW, 3), NOW)


def _write_some(path, number):
    store = opened(path)
    for at in range(30):
        store.write(Batch.of(GAUGE.id, NOW - 1_000_000 + number * 1000 + at, number), NOW)
        store.hot_fold(NOW + DAY, only_if_due=at % 5 > 0)
        store.days_seal(NOW + DAY)
    store.close()


def test_several_processes_write_fold_and_seal_the_same_file(path):
    store = written(path)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_some, args=(path, number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(store.scan(GAUGE.id, NOW - 2_000_000, NOW, None)) == 90
    store.close()


@pytest.mark.parametrize("folded", [False, True])
def test_what_was_erased_is_nowhere_in_the_file(path, folded):
    store = written(path)
    secret = NOW - 123_456_789
    store.write(Batch.of(GAUGE.id, secret, 1234.56789), NOW)
    if folded:
        store.hot_fold(NOW, only_if_due=False)
    store.forget(GAUGE.id, secret, secret + 1)
    store.close()
    assert np.int64(secret).tobytes() not in b"".join(one.read_bytes() for one in path.parent.iterdir())


def test_a_sync_ends_every_commit(path):
    store = written(path)
    assert store.backend._file._writer.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store.backend._file._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()
