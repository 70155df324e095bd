"""Writers, housekeeping and readers at once, over two stores on one file as two processes would have them."""

from __future__ import annotations

import itertools
import random
import threading
import time

import numpy as np
import pytest

from telemetry.model import Batch, Kind
from telemetry.tests.conftest import DAY, TODAY, series_of

START = (TODAY - 400) * DAY
STEP = 2_400_000
DAYS = 90
EDGES = START + np.arange(0, DAYS * 96 + 1) * 900_000
SECONDS = 4


@pytest.mark.slow
def test_what_was_acknowledged_is_always_seen_while_days_are_sealed_under_the_reader(open_store):
    stores = [open_store(), open_store()]
    series = [series_of(Kind.COUNTER, "Wh") for _ in range(3)]
    stores[0].series_register(series)
    acknowledged, seen, until = [-1], list[tuple[bool, bool]](), time.monotonic() + SECONDS

    def write() -> None:
        for number in itertools.takewhile(lambda _: time.monotonic() < until, range(DAYS * 36)):
            at = START + number * STEP
            batch = Batch.concat([Batch.of(one.id, at, float(number)) for one in series])
            random.choice(stores).write(batch, at)
            acknowledged[0] = number

    def keep_house() -> None:
        while time.monotonic() < until:
            now = START + max(acknowledged[0], 0) * STEP
            store = random.choice(stores)
            random.choice([store.hot_fold, store.days_seal, store.quarters_refresh])(now)

    def read(store) -> None:
        while time.monotonic() < until:
            least = acknowledged[0]
            energy = store.totals([one.id for one in series], EDGES).energy.sum(axis=1)
            count = len(store.scan(series[0].id, START, START + DAYS * DAY, None))
            seen.append(((energy >= max(least, 0) * 1_000_000).all(), count > least))

    threads = [threading.Thread(target=write), threading.Thread(target=keep_house)]
    threads += [threading.Thread(target=read, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert acknowledged[0] > 20
    assert len(seen) > 20
    assert all(enough and complete for enough, complete in seen)
    assert len(stores[1].scan(series[0].id, START, START + DAYS * DAY, None)) == acknowledged[0] + 1
