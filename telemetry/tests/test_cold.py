"""Archived days read as before, in every respect, and lie in Parquet files as they should."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import numpy as np
import pytest

from telemetry.cold import archive as archive_module
from telemetry.cold.archive import Archive
from telemetry.cold.lease import Lease, LeaseLostError
from telemetry.cold.place import Place
from telemetry.errors import ColdUnavailableError, CorruptBlockError, StoreBusyError, StoreConfigurationError
from telemetry.model import Batch, Kind, Quality, Series
from telemetry.store import Store
from telemetry.tests.cold_places import files_at, rows_in
from telemetry.tests.conftest import BACKENDS, DAY, NOW, TODAY, cold_of, series_of
from tests.surroundings import quick_folder

Q = 900_000
BEGIN = TODAY - 80
START = BEGIN * DAY


class Home:
    """A store with a home's series, and where its archived days are."""

    def __init__(self, backend: str, folder: Path) -> None:
        self.backend, self.folder = backend, folder
        self.files = cold_of(backend, folder)
        self.root = Path(self.files.place.root)
        self.stores: list[Store] = []
        self.store = self.opened()
        self.gauge = series_of(Kind.GAUGE)
        self.counter = series_of(Kind.COUNTER, "Wh")
        self.store.series_register([self.gauge, self.counter])

    def opened(self) -> Store:
        store = Store(BACKENDS[self.backend](self.folder))
        store.cold_use(files_at(self.files.place.url))
        self.stores.append(store)
        return store

    def filled(self) -> None:
        times = START + np.arange(80 * 96) * Q
        noise = np.random.default_rng(4).integers(0, 9_000, len(times)) / 8
        quality = np.where(np.arange(len(times)) % 50 == 7, Quality.ESTIMATED, Quality.MEASURED)
        self.store.history_write(Batch.of(self.gauge.id, times, noise, quality), NOW)
        self.store.history_write(Batch.of(self.counter.id, times[::3] + 17, np.cumsum(noise)[::3]), NOW)
        self.store.quarters_refresh(NOW)

    def seen(self, store: Store | None = None) -> list[bytes]:
        """All that can be read, by another process."""
        store = store or self.opened()
        ids = [self.gauge.id, self.counter.id]
        found = [repr((store.latest(ids), store.bounds(ids[0]), store.bounds(ids[1]))).encode()]
        for one in ids:
            for part in (store.scan(one, 0, NOW, None), store.scan(one, START + 5 * DAY, NOW, 500)):
                found += [part.times.tobytes(), part.values.tobytes(), part.quality.tobytes()]
        quarters = store.quarters(ids, START, START + 80 * DAY)
        curve = store.curve(ids, START + DAY // 2, START + 60 * DAY, 3_600_000)
        totals = store.totals(ids, START + np.arange(80) * DAY)
        columns = (quarters.energy, quarters.flags, quarters.mean, curve.mean, curve.min, curve.count, totals.energy)
        return [*found, *(column.tobytes() for column in columns)]

    def parts(self) -> list[Path]:
        """The files, of whatever series."""
        return sorted(self.root.rglob("*.parquet"))

    def own_times(self, series: Series) -> list[int]:
        return rows_in(self.files.place.url).get(str(series.id), [])


@pytest.fixture(params=BACKENDS)
def home(request):
    with quick_folder() as folder:
        made = Home(request.param, folder)
        # A keyspace is one for the whole process: what earlier tests left is archived first.
        made.store.archive.run(TODAY + 1)
        made.filled()
        yield made
        for store in made.stores:
            store.close()


def test_nothing_that_is_read_changes_when_days_are_archived(home):
    before = home.seen()
    assert home.store.archive.run(TODAY - 10).days == 140
    assert home.seen() == before
    assert home.seen(home.store) == before


def test_archiving_again_does_nothing(home):
    home.store.archive.run(TODAY - 10)
    parts = home.parts()
    again = home.opened().archive.run(TODAY - 10)
    assert (again.days, again.files, again.dropped) == (0, 0, 0)
    assert home.parts() == parts


def test_a_dry_run_says_what_would_go_and_moves_nothing(home):
    parts = home.parts()
    assert home.store.archive.run(TODAY - 10, dry=True).days == 140
    assert home.parts() == parts


def test_the_hot_store_keeps_a_few_bytes_of_an_archived_day(home):
    home.store.archive.run(TODAY - 10)
    key = home.store.rows([home.gauge.id])[home.gauge.id].key
    with home.store.backend.reading() as snapshot:
        sizes = [len(block.data) for block in snapshot.days(key, BEGIN, TODAY - 11)]
    assert sizes == [39] * 70


def test_duckdb_finds_the_same_sums_in_the_folder(home):
    home.store.archive.run(TODAY)
    whole = home.store.scan(home.gauge.id, 0, NOW, None)
    found = duckdb.sql(
        f"SELECT count(*), sum(value), epoch_ms(min(time)), epoch_ms(max(time)), sum(quality), any_value(unit), "
        f"any_value(kind), count(DISTINCT year * 100 + month) FROM read_parquet('{home.root}/**/*.parquet', "
        f"hive_partitioning=true) WHERE series_id = '{home.gauge.id}'"
    ).fetchall()[0]
    assert found[:2] == (len(whole), pytest.approx(whole.values.sum()))
    assert found[2:5] == (whole.times[0], whole.times[-1], whole.quality.sum())
    assert found[5:] == ("W", "gauge", 4)
    ((month,),) = duckdb.sql(
        f"SELECT count(*) FROM read_parquet('{home.root}/**/*.parquet', hive_partitioning=true) "
        f"WHERE series_id = '{home.gauge.id}' AND year = 2024 AND month = 8"
    ).fetchall()
    assert month == 31 * 96


def test_late_readings_open_an_archived_day_which_is_archived_anew(home):
    home.store.archive.run(TODAY - 10)
    time_ms = START + 20 * DAY + 5
    home.store.write(Batch.of(home.counter.id, [time_ms], [1.0]), NOW)
    home.store.history_write(Batch.of(home.gauge.id, [START + 21 * DAY], [-5.0]), NOW)
    expected = home.seen()
    assert home.store.days_seal(NOW).days == 1
    home.store.quarters_refresh(NOW)
    assert home.seen()[1:] == expected[1:]
    result = home.store.archive.run(TODAY - 10)
    assert (result.days, result.failed) == (2, [])
    assert home.seen()[1:] == expected[1:]
    own = home.own_times(home.counter)
    assert own.count(time_ms) == 1
    assert len(own) == len(set(own)) == 70 * 32 + 1


def test_erasing_a_series_takes_it_out_of_the_files(home):
    home.store.archive.run(TODAY - 10)
    kept = home.store.scan(home.gauge.id, 0, NOW, None)
    assert home.store.forget(home.counter.id, None, None) == 80 * 32
    assert home.own_times(home.counter) == []
    assert len(home.own_times(home.gauge)) == 70 * 96
    found = home.opened().scan(home.gauge.id, 0, NOW, None)
    assert found.values.tobytes() == kept.values.tobytes()
    assert home.opened().bounds(home.counter.id) is None


def test_erasing_a_stretch_takes_it_out_of_the_files(home):
    home.store.archive.run(TODAY - 10)
    low, high = START + 10 * DAY + 6 * Q, START + 40 * DAY + 7 * Q
    assert home.store.forget(home.gauge.id, low, high) == 30 * 96 + 1
    assert [one for one in home.own_times(home.gauge) if low <= one < high] == []
    assert len(home.store.scan(home.gauge.id, 0, NOW, None)) == 80 * 96 - 30 * 96 - 1


def test_an_erasure_that_was_interrupted_is_finished_by_the_next_run(home, monkeypatch):
    home.store.archive.run(TODAY - 10)
    monkeypatch.setattr(Archive, "_due", lambda *_: ({}, []))
    home.store.forget(home.counter.id, None, None)
    assert home.own_times(home.counter)
    monkeypatch.undo()
    home.opened().archive.run(TODAY - 10)
    assert home.own_times(home.counter) == []


def test_days_come_back_into_the_store(home):
    before = home.seen()
    home.store.archive.run(TODAY - 10)
    assert home.store.thaw(home.gauge.id, 0, NOW) == 70
    assert home.own_times(home.gauge) == []
    assert home.seen() == before


def test_many_small_files_of_a_month_become_one(home, monkeypatch):
    monkeypatch.setattr(archive_module, "MAX_PARTS", 3)
    before = home.seen()
    month = archive_module.Partition.of(0, BEGIN + 20)
    for day in range(month.days[0] + 1, month.days[0] + 9):
        home.store.archive.run(day)
    assert len(list(home.root.glob(f"*/year={month.year}/month={month.month}/*.parquet"))) <= 3
    assert home.seen() == before
    assert len(home.own_times(home.gauge)) == len(set(home.own_times(home.gauge)))


def test_two_runs_at_once_archive_everything_once(home):
    before = home.seen()
    stores = [home.opened() for _ in range(2)]
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda one=one: results.append(one.archive.run(TODAY - 10).days)) for one in stores
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(results) == 140
    assert home.seen() == before
    assert len(home.own_times(home.gauge)) == 70 * 96


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_month_whose_file_was_lost_says_so_and_keeps_no_other_from_being_read(home):
    home.store.archive.run(TODAY - 10)
    for part in home.root.rglob("month=8/*.parquet"):
        part.write_bytes(part.read_bytes()[:-100] + bytes(100))
    store = home.opened()
    with pytest.raises(CorruptBlockError, match=str(home.gauge.id)):
        store.scan(home.gauge.id, 0, NOW, None)
    assert len(store.scan(home.gauge.id, START + 60 * DAY, NOW, None)) == 20 * 96
    store.write(Batch.of(home.gauge.id, [START + 30 * DAY + 1, NOW - DAY], [1.0, 2.0]), NOW)
    store.days_seal(NOW)
    assert store.latest([home.gauge.id])[home.gauge.id].time_ms == START + 80 * DAY - Q


def test_a_file_of_another_installation_is_left_alone(home):
    home.store.archive.run(TODAY - 10)
    with quick_folder() as folder:
        other = Home("sqlite", folder)
        other.filled()
        other.store.cold_use(files_at(home.files.place.url))
        with pytest.raises(StoreConfigurationError, match="COLD_URL of its own"):
            other.store.archive.run(TODAY - 10)
        other.stores[0].close()
    assert len(home.own_times(home.gauge)) == 70 * 96


def test_without_cold_storage_an_archived_day_is_missing_and_the_others_are_not(home):
    home.store.archive.run(TODAY - 10)
    store = Store(BACKENDS[home.backend](home.folder))
    home.stores.append(store)
    with pytest.raises(ColdUnavailableError, match="COLD_URL"):
        store.scan(home.gauge.id, START, NOW, None)
    assert len(store.scan(home.gauge.id, START + 70 * DAY, NOW, None)) == 10 * 96
    assert store.quarters([home.gauge.id], START, START + 80 * DAY).flags.all()


def test_a_lease_that_was_left_is_taken_over_and_its_holder_told(home):
    backend = home.store.backend
    left = Lease(backend, 900, lease_s=0.3)
    left.__enter__()
    with pytest.raises(StoreBusyError), Lease(backend, 900, lease_s=60, wait_s=0.2):
        pass
    with Lease(backend, 900, lease_s=0.3) as mine:
        with pytest.raises(LeaseLostError):
            left.renew()
        mine.renew()


@pytest.mark.parametrize(
    "url", ["/folder", "file://host/folder", "file:///", "s3://", "s3://bucket/p?key=secret", "s3://me:word@bucket/p"]
)
def test_refuses_a_place_it_does_not_understand(url):
    with pytest.raises(StoreConfigurationError, match="COLD_URL"):
        Place.of(url)


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_an_empty_folder_in_the_place_of_the_archive_is_not_written_to(home):
    home.store.archive.run(TODAY - 40)
    mounted = home.root.rename(home.folder / "unmounted")
    home.root.mkdir()
    for work in (
        lambda: home.opened().archive.run(TODAY - 10),
        lambda: home.opened().forget(home.gauge.id, None, None),
    ):
        with pytest.raises(ColdUnavailableError, match="mount it"):
            work()
    with pytest.raises(CorruptBlockError):
        home.opened().scan(home.gauge.id, 0, NOW, None)
    assert list(home.root.iterdir()) == []
    home.root.rmdir()
    mounted.rename(home.root)
    assert home.opened().archive.run(TODAY - 10).days == 60
    assert len(home.opened().scan(home.gauge.id, 0, NOW, None)) == 80 * 96


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_another_place_can_be_begun_once_every_day_is_back(home):
    home.store.archive.run(TODAY - 10)
    with pytest.raises(StoreBusyError, match="bring them back"):
        home.store.archive.leave()
    for one in (home.gauge, home.counter):
        home.store.thaw(one.id, 0, NOW)
    home.store.archive.leave()
    home.store.cold_use(files_at(f"file://{home.folder}/other"))
    assert home.store.archive.run(TODAY - 10).days == 140
