"""Three nodes, of which one is lost without warning while readings come and are read."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from telemetry.errors import StoreUnavailableError
from telemetry.model import Batch, Kind
from telemetry.store import Store
from telemetry.stores.cassandra import CassandraBackend
from telemetry.tests.conftest import DAY, NOW, TODAY, is_cassandra_tried, series_of
from tests.surroundings import quick_folder

START = (TODAY - 3) * DAY
SERIES = 5
SECONDS = 12.0
KILL_AFTER = 4.0


@pytest.fixture
def ring():
    from config.cluster.cassandra import CassandraRing

    if not is_cassandra_tried():
        pytest.skip("tried on Cassandra with `make test-servers`, or `make test-cassandra`")
    with quick_folder() as folder, CassandraRing(folder, nodes=3, brief=True) as started:
        yield started


@pytest.fixture
def store(ring):
    opened = Store(CassandraBackend(ring.url("telemetry")))
    yield opened
    opened.close()


class _Life:
    """What was acknowledged, and what readers saw, each with its moment."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.series = [series_of(Kind.COUNTER, "Wh") for _ in range(SERIES)]
        self.acknowledged = -1
        self.refused = 0
        self.read: list[tuple[float, bool]] = []
        self.began = time.monotonic()

    @property
    def age(self) -> float:
        return time.monotonic() - self.began

    def write(self) -> None:
        while self.age < SECONDS:
            number = self.acknowledged + 1
            try:
                self.store.write(
                    Batch.concat([Batch.of(one.id, START + number * 1000, float(number)) for one in self.series]), NOW
                )
                self.acknowledged = number
            except StoreUnavailableError:
                self.refused += 1

    def look(self) -> None:
        while self.age < SECONDS:
            least, asked = self.acknowledged, self.age
            count = len(self.store.scan(self.series[0].id, START, START + DAY, None))
            latest = self.store.latest([one.id for one in self.series])
            whole = count > least and all(reading.value >= least for reading in latest.values())
            self.read.append((asked, whole and len(latest) == (SERIES if least >= 0 else len(latest))))


@pytest.mark.slow
@pytest.mark.xdist_group("cassandra ring")
@pytest.mark.timeout(600)
def test_a_node_killed_while_readings_come_loses_nothing_acknowledged_and_reads_go_on(ring, store):
    life = _Life(store)
    store.series_register(life.series)
    threads = [threading.Thread(target=life.write), threading.Thread(target=life.look)]
    life.began = time.monotonic()
    for thread in threads:
        thread.start()
    time.sleep(KILL_AFTER)
    before = life.acknowledged
    ring.kill(1)
    for thread in threads:
        thread.join()
    print(f"acknowledged {before} before, {life.acknowledged - before} after; {life.refused} refused")
    print(f"{len(life.read)} reads, {sum(asked > KILL_AFTER for asked, _whole in life.read)} after the loss")
    assert before > 0
    assert life.acknowledged > before
    assert all(whole for _asked, whole in life.read)
    assert max(asked for asked, _whole in life.read) > KILL_AFTER
    for one in life.series:
        values = store.scan(one.id, START, START + DAY, None).values
        assert np.isin(np.arange(life.acknowledged + 1), values).all()
    assert store.days_seal(NOW).days == SERIES
    assert store.quarters_refresh(NOW) == SERIES
    ring.start_node(1)
    assert len(store.scan(life.series[0].id, START, START + DAY, None)) >= life.acknowledged + 1
