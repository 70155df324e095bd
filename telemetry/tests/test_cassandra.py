"""What only the Cassandra backend has: its URL, its writers, compare-and-set, and what a crash leaves behind."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from telemetry.codec import columns_encode
from telemetry.errors import StoreConfigurationError, StoreUnavailableError
from telemetry.model import Batch, Columns, Kind, Quality, Reading
from telemetry.store import Store
from telemetry.stores.base import DaySwap, PagesSwap
from telemetry.stores.cassandra import CassandraBackend
from telemetry.stores.cassandra_making import NAMES, TURNS
from telemetry.stores.cassandra_notes import Clock, HotReadings, covered, hot_encode, joined
from telemetry.stores.cassandra_place import Place, Tls
from telemetry.stores.cassandra_series import Register
from telemetry.tests.commands import managed
from telemetry.tests.conftest import DAY, NOW, TODAY, cassandra_empty, cassandra_url, is_cassandra_tried, series_of
from telemetry.windows import window_around

Q = 900_000
START = (TODAY - 3) * DAY


@pytest.fixture
def folder(tmp_path):
    if not is_cassandra_tried():
        pytest.skip("tried on a Cassandra with `make test-servers`, or `make test-cassandra`")
    return tmp_path


@pytest.fixture
def open_store(folder):
    opened = []

    def open_one() -> Store:
        opened.append(Store(cassandra_empty(folder)))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def counter(open_store):
    series = series_of(Kind.COUNTER, "Wh")
    open_store().series_register([series])
    return series


def test_a_url_names_hosts_keyspace_datacenter_and_replication():
    place = Place.of("cassandra://user:s%40y@one:19042,two:19042/energy?replication=2&dc=eu-1")
    assert place == Place(["one", "two"], 19042, "energy", "eu-1", 2, "user", "s@y")
    assert Place.of("cassandra://one/energy") == Place(["one"], 9042, "energy", "dc1", 3, None, None)
    protected = Place.of("cassandra://one/energy?tls=ca&ca=/etc/ca.pem&cert=me.pem&key=me.key")
    assert protected.tls == Tls("/etc/ca.pem", "me.pem", "me.key", names=False)


def test_refuses_files_for_tls_that_cannot_be_read(tmp_path):
    with pytest.raises(StoreConfigurationError, match=r"none\.pem.* cannot be used"):
        CassandraBackend.check_url(f"cassandra://one/energy?tls=1&ca={tmp_path}/none.pem")


@pytest.mark.parametrize(
    "url",
    [
        "cassandra://",
        "cassandra://one",
        "cassandra://one/",
        "cassandra://one/Two Words",
        "cassandra://one,/energy",
        "cassandra://one:1,two:2/energy",
        "cassandra://one:x/energy",
        "cassandra://one/energy?replication=many",
        "cassandra://one/energy?colour=red",
        "cassandra://one/energy?tls=perhaps",
        "cassandra://one/energy?ca=/etc/ca.pem",
    ],
)
def test_refuses_a_url_without_showing_its_password(url):
    with pytest.raises(StoreConfigurationError, match="must look like"):
        CassandraBackend.check_url(url)
    with pytest.raises(StoreConfigurationError) as refusal:
        CassandraBackend.check_url(url.replace("cassandra://", "cassandra://me:secret@", 1) + "?colour=red")
    assert "secret" not in str(refusal.value)


def test_numbers_rise_and_are_never_given_twice():
    clock = Clock()
    first = clock.take(5)
    assert clock.take() >= first + 5
    assert clock.take(above=first + 10**9) == first + 10**9 + 1


def test_vectors_cover_what_they_say():
    assert joined({1: 5, 2: 1}, {2: 3, 3: 1}) == {1: 5, 2: 3, 3: 1}
    assert covered({1: 5}, {1: 5, 2: 9})
    assert not covered({1: 5, 3: 1}, {1: 5, 2: 9})


def test_hot_readings_are_given_in_the_order_of_their_numbers_between_two_vectors():
    def part(time_ms: int, value: float) -> bytes:
        return hot_encode(Columns(np.array([time_ms]), np.array([value]), np.zeros(1, np.uint8)))

    early = HotReadings.none().advanced([(1, 20, part(1, 2.0)), (1, 10, part(1, 1.0))], {1: 20})
    late = early.advanced([(2, 15, part(1, 1.5))], {2: 15})
    assert late.between({}, {1: 20, 2: 15}).values.tolist() == [1.0, 1.5, 2.0]
    assert late.between({1: 10}, {1: 20}).values.tolist() == [2.0]


def test_a_store_that_nobody_answers_for_opens_and_says_so_when_used(monkeypatch):
    monkeypatch.setattr("telemetry.stores.cassandra_link.CONNECT_S", 0.5)
    store = Store(CassandraBackend("cassandra://127.0.0.1:1/energy?replication=1"))
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        store.series_register([series_of(Kind.GAUGE)])
    store.close()


@pytest.mark.parametrize("step", [0, 1])
def test_a_crash_between_the_writes_of_a_batch_leaves_nothing_seen_and_a_repetition_makes_it_whole(
    open_store, counter, monkeypatch, step
):
    store, other = open_store(), open_store()
    store.write(Batch.of(counter.id, START, 1), NOW)
    steps, write = itertools.count(), store.backend._link.packed

    def died(groups) -> None:
        if next(steps) == step:
            raise StoreUnavailableError("died")
        write(groups)

    monkeypatch.setattr(store.backend._link, "packed", died)
    with pytest.raises(StoreUnavailableError):
        store.write(Batch.of(counter.id, START + np.arange(1, 9) * Q, np.arange(1.0, 9.0)), NOW)
    assert other.scan(counter.id, 0, NOW, None).values.tolist() == [1]
    other.write(Batch.of(counter.id, START + np.arange(1, 9) * Q, np.arange(1.0, 9.0)), NOW)
    assert len(other.scan(counter.id, 0, NOW, None)) == 9
    assert other.days_seal(NOW).days == 1
    assert len(other.scan(counter.id, 0, NOW, None)) == 9


def test_a_batch_that_comes_while_its_day_is_sealed_stays_hot_and_wins(open_store, counter):
    store, other = open_store(), open_store()
    store.write(Batch.of(counter.id, START, 1), NOW)
    key = store.rows([counter.id])[counter.id].key
    with store.backend.reading() as snapshot:
        hot = snapshot.hot_day(key, TODAY - 3)
    other.write(Batch.of(counter.id, [START, START + Q], [5, 6]), NOW)
    data = columns_encode(hot.columns)
    swap = DaySwap(key, TODAY - 3, hot.columns, data, expected_rev=0, expected_mark=hot.mark, changed=False)
    assert store.backend.days_swap([swap], over_hot=False) == []
    assert store.scan(counter.id, 0, NOW, None).values.tolist() == [5, 6]
    assert store.backend.days_swap([swap], over_hot=False) == [0]
    assert other.days_seal(NOW).days == 1
    assert store.scan(counter.id, 0, NOW, None).values.tolist() == [5, 6]


def test_a_reader_goes_on_with_the_block_it_has_while_the_day_is_sealed_again(open_store, counter):
    store, other = open_store(), open_store()
    store.write(Batch.of(counter.id, START, 1), NOW)
    store.days_seal(NOW)
    store.write(Batch.of(counter.id, START + Q, 2), NOW)
    key = store.rows([counter.id])[counter.id].key
    with store.backend.reading() as snapshot:
        blocks = snapshot.days(key, TODAY - 3, TODAY - 3)
        other.days_seal(NOW)
        assert [len(snapshot.blocks.decode(block.data)) for block in blocks] == [1]
        assert [len(part) for part in snapshot.hot(key, START, START + DAY)] == [1]
        assert snapshot.bounds(key) == (START, START + Q)


def test_of_two_who_derive_the_same_series_one_is_refused(open_store, counter):
    store, other = open_store(), open_store()
    store.write(Batch.of(counter.id, START + np.arange(8) * Q, np.arange(8.0)), NOW)
    key = store.rows([counter.id])[counter.id].key
    with store.backend.reading() as one, other.backend.reading() as two:
        mine, theirs = one.marks([key])[0][0], two.marks([key])[0][0]
    assert other.backend.pages_swap([PagesSwap(key, theirs, clear_days=frozenset([TODAY - 3]))]) == []
    assert store.backend.pages_swap([PagesSwap(key, mine, clear_days=frozenset([TODAY - 3]))]) == [0]


def test_the_newest_reading_is_known_after_an_erasure_whoever_wrote_what(open_store, counter):
    store, other = open_store(), open_store()
    store.write(Batch.of(counter.id, [START, START + Q], [1, 2]), NOW)
    other.write(Batch.of(counter.id, START + 2 * Q, 3), NOW)
    assert other.forget(counter.id, START + Q, NOW) == 2
    for one in (store, other):
        assert one.latest([counter.id]) == {counter.id: Reading(START, 1, Quality.MEASURED)}
    store.write(Batch.of(counter.id, START + 1000, 1.5), NOW)
    assert other.latest([counter.id])[counter.id].value == 1.5


def test_keys_are_given_once_when_many_register_at_the_same_time(open_store):
    stores = [open_store() for _ in range(3)]
    same = series_of(Kind.GAUGE)
    lists = [[same, *(series_of(Kind.GAUGE) for _ in range(5))] for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda at: stores[at % 3].series_register(lists[at]), range(6)))
    ids = {one.id for some in lists for one in some}
    rows = stores[0].backend.series_get([*ids, uuid.uuid4()])
    assert set(rows) == ids
    assert len({row.key for row in rows.values()}) == len(ids) == 31


def test_who_died_after_keys_were_given_leaves_a_registration_that_the_next_one_finishes(open_store, monkeypatch):
    mine, theirs, same = open_store(), open_store(), [series_of(Kind.GAUGE) for _ in range(3)]
    before = mine.backend.series_last()

    def died(*_: object) -> None:
        raise StoreUnavailableError("died")

    with monkeypatch.context() as patched:
        patched.setattr(Register, "_finish", died)
        with pytest.raises(StoreUnavailableError):
            mine.series_register(same)
    assert theirs.backend.series_get([one.id for one in same]) == {}
    theirs.series_register([series_of(Kind.GAUGE), same[2]])
    rows = mine.backend.series_get([one.id for one in same])
    assert {row.series for row in rows.values()} == set(same)
    assert sorted(row.key for row in rows.values()) == [before + 1, before + 2, before + 3]


def test_quarters_are_derived_while_the_readings_around_them_are_erased(open_store, counter):
    store, other = open_store(), open_store()
    store.write(Batch.of(counter.id, START + np.array([0, 2, 4]) * DAY // 4, [1, 2, 3]), NOW)
    store.days_seal(NOW)
    row = store.rows([counter.id])[counter.id]
    with store.backend.reading() as snapshot:
        assert snapshot.neighbours(row.key, START + DAY // 4, START + DAY) == (START, START + DAY)
        assert other.forget(counter.id, None, None) == 3
        window = window_around(snapshot, row, START + DAY // 4, START + DAY)
    assert window == (START + DAY // 4, START + DAY)


@pytest.mark.parametrize("is_refreshed", [False, True])
def test_the_quarters_of_many_series_are_read_together_and_are_those_of_each(open_store, monkeypatch, is_refreshed):
    store, series = open_store(), [series_of(kind, "Wh") for kind in (Kind.COUNTER, Kind.GAUGE) * 10]
    store.series_register(series)
    times = START + np.arange(-30, 3) * DAY
    store.history_write(Batch.concat([Batch.of(one.id, times + 5, np.arange(33.0)) for one in series]), NOW)
    if is_refreshed:
        store.quarters_refresh(NOW)
    store.write(Batch.concat([Batch.of(one.id, [START + Q, NOW], [31, 33]) for one in series]), NOW)
    ids, end = [one.id for one in series], (TODAY + 1) * DAY
    reader, single = open_store(), open_store()
    reader.series_get(ids)
    asked, ask = [], reader.backend._link.many
    monkeypatch.setattr(reader.backend._link, "many", lambda some: asked.append(len(some)) or ask(some))
    found = reader.quarters(ids, START - 31 * DAY, end)
    assert len([count for count in asked if count]) < 12
    for at, one in enumerate(series):
        alone = single.quarters([one.id], START - 31 * DAY, end)
        assert np.array_equal(found.energy[at], alone.energy[0])
        assert np.array_equal(found.flags[at], alone.flags[0])
    assert (found.flags > 0).any(axis=1).all()


def test_commands_run_while_cassandra_is_away(tmp_path):
    assert "no issues" in managed("cassandra://127.0.0.1:1/energy?replication=1", tmp_path, "check")


@pytest.mark.slow
def test_the_command_run_by_two_at_once_makes_the_tables_that_the_store_makes_itself(open_store, folder):
    store = open_store()
    own_name = Place.of(cassandra_url()).keyspace
    synced_name = f"{own_name}_synced"
    synced = cassandra_url().replace(f"/{own_name}?", f"/{synced_name}?")
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda _: managed(synced, folder, "sync_cassandra"), range(2)))
    said.append(managed(synced, folder, "sync_cassandra"))
    assert [one.count("Syncing") for one in said] == [8, 8, 8]
    cluster = store.backend._link.session().cluster
    cluster.refresh_schema_metadata()
    own, made = (
        {name: table.as_cql_query().replace(f"{keyspace}.", "") for name, table in keyspaces.tables.items()}
        for keyspace, keyspaces in ((name, cluster.metadata.keyspaces[name]) for name in (own_name, synced_name))
    )
    cluster.connect().execute(f"DROP KEYSPACE {synced_name}", timeout=60)
    assert own == made
    assert set(own) == {*NAMES, TURNS}


WRITER = """
    import sys, uuid
    import numpy as np
    from telemetry.model import Batch, Kind, Series
    from telemetry.store import Store
    from telemetry.stores.cassandra import CassandraBackend

    url, one, start, now, first = sys.argv[1], uuid.UUID(sys.argv[2]), *map(int, sys.argv[3:])
    store = Store(CassandraBackend(url))
    store.series_register([Series(one, "Wh", Kind.COUNTER)])
    for number in range(first, first + 1000):
        store.write(Batch.of(one, start + number * 60_000 + np.arange(3), [number] * 3), now)
        print(number, flush=True)
        if number % 5 == 0:
            store.days_seal(now)
        if number % 7 == 0:
            store.quarters_refresh(now)
"""


@pytest.mark.slow
def test_everything_acknowledged_before_kill_9_is_there_once(open_store, folder):
    store, one = open_store(), uuid.uuid4()
    script = folder / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    acknowledged: list[int] = []
    for round_ in range(5):
        first = str(max(acknowledged, default=-1) + 1)
        process = subprocess.Popen(
            [sys.executable, str(script), cassandra_url(), str(one), str(START), str(NOW), first],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={"PYTHONPATH": "."},
        )
        assert process.stdout is not None
        acknowledged.append(int(process.stdout.readline()))
        time.sleep(0.1 * round_)
        process.kill()
        rest, _ = process.communicate()
        acknowledged += [int(line) for line in rest.splitlines() if line.strip()]
    numbers, counts = np.unique(store.scan(one, 0, NOW, None).values, return_counts=True)
    assert set(acknowledged) <= set(numbers.astype(int).tolist())
    assert set(counts.tolist()) == {3}
    store.days_seal(NOW)
    again = store.scan(one, 0, NOW, None).values
    assert len(again) == 3 * len(numbers)
    energy = store.quarters([one], START, START + DAY).energy.sum()
    assert energy == max(numbers) * 1_000_000


READER = """
    import time, uuid
    from telemetry.selectors import series_get

    series_get(series_id=uuid.UUID(int=0))
    print(time.time())
"""


@pytest.mark.slow
def test_a_process_that_read_ends_at_once(folder):
    managed(cassandra_url(), folder, "sync_cassandra")
    said = managed(cassandra_url(), folder, "shell", "--no-imports", "--verbosity", "0", "-c", textwrap.dedent(READER))
    # The driver alone takes five seconds more.
    assert time.time() - float(said) < 3
