"""The store against a plain dictionary: whatever is done in whatever order, reads give what the dictionary has."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.derivation import derive
from telemetry.model import Batch, Columns, Kind, Quality, Reading, Series
from telemetry.store import Store
from telemetry.tests.conftest import BACKENDS, DAY, cold_of
from tests.surroundings import quick_folder

FIRST = 19_990
LAST = 19_996
NOW = LAST * DAY + 12 * 3_600_000
Q = 900_000
EXAMPLES = {"cassandra": 15}
"""A store over the network takes a second for what one in a file does in a tenth."""

# Few distinct times, so that the same one is written again and again.
TIMES = st.builds(
    lambda day, slot, off: day * DAY + slot * 5_400_000 + off,
    st.integers(FIRST, LAST - 1),
    st.integers(0, 15),
    st.sampled_from([0, 1, 450_000]),
)
READINGS = st.lists(
    st.tuples(st.integers(0, 3), TIMES, st.integers(0, 50_000), st.sampled_from([0, 0, 0, 1, 3])), max_size=12
)
STEPS = st.one_of(
    st.tuples(st.just("write"), READINGS),
    st.tuples(st.just("write"), READINGS),
    st.tuples(st.just("history"), READINGS),
    st.tuples(st.just("fold"), st.none()),
    st.tuples(st.just("seal"), st.sampled_from([None, 1])),
    st.tuples(st.just("refresh"), st.sampled_from([None, 1])),
    st.tuples(st.just("archive"), st.integers(FIRST, LAST + 1)),
    st.tuples(st.just("archive"), st.integers(FIRST, LAST + 1)),
    st.tuples(st.just("thaw"), st.integers(0, 3)),
    st.tuples(st.just("forget"), st.tuples(st.integers(0, 3), TIMES, st.integers(1, 3 * DAY))),
    st.tuples(st.just("read"), st.integers(0, 3)),
    st.tuples(st.just("other process"), st.none()),
)
Truth = dict[tuple[int, int], tuple[float, int]]


def series_fresh() -> list[Series]:
    """One of each kind; with new ids, because a server keeps what earlier examples wrote."""
    return [
        Series(uuid.uuid4(), "Wh", Kind.COUNTER),
        Series(uuid.uuid4(), "W", Kind.GAUGE),
        Series(uuid.uuid4(), "W", Kind.MEAN, interval_ms=Q),
        Series(uuid.uuid4(), "Wh", Kind.INTERVAL, interval_ms=4 * Q),
    ]


def batch_of(known: list[Series], readings) -> Batch:
    return Batch.of_rows([(known[which].id, time, value / 8, quality) for which, time, value, quality in readings])


def truth_of(truth: Truth, which: int) -> Columns:
    rows = sorted((time, *found) for (one, time), found in truth.items() if one == which)
    return Columns(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
        np.array([row[2] for row in rows], np.uint8),
    )


def check(store: Store, known: list[Series], truth: Truth, which: int) -> None:
    series, expected = known[which], truth_of(truth, which)
    start, end = (FIRST - 1) * DAY, (LAST + 1) * DAY
    found = store.scan(series.id, start, end, None)
    for name in ("times", "values", "quality"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert len(store.scan(series.id, start, end, 3)) == min(3, len(expected))
    grid = derive(series, expected, start, end)
    quarters = store.quarters([series.id], start, end)
    for name in ("flags", "energy", "mean", "min", "max"):
        assert np.array_equal(getattr(quarters, name)[0], getattr(grid, name), equal_nan=True), name
    edges = np.arange(start, end + 1, DAY // 2)
    totals = store.totals([series.id], edges)
    assert np.array_equal(totals.energy[0], grid.energy.reshape(-1, 48).sum(axis=1))
    assert np.array_equal(totals.covered[0], ((grid.flags & 5) == 1).reshape(-1, 48).sum(axis=1))
    newest = store.latest([series.id])
    if len(expected):
        last = Reading(int(expected.times[-1]), float(expected.values[-1]), Quality(int(expected.quality[-1])))
        assert newest == {series.id: last}
        assert store.bounds(series.id) == (expected.times[0], expected.times[-1])
    else:
        assert newest == {}
        assert store.bounds(series.id) is None


def apply(store: Store, known: list[Series], truth: Truth, name: str, what) -> None:
    match name:
        case "write" | "history":
            batch = batch_of(known, what)
            result = store.write(batch, NOW) if name == "write" else store.history_write(batch, NOW)
            assert result.accepted == len(what)
            truth.update({(which, time): (value / 8, quality) for which, time, value, quality in what})
        case "fold":
            store.hot_fold(NOW, only_if_due=False)
        case "seal":
            store.days_seal(NOW, what)
        case "refresh":
            store.quarters_refresh(NOW, what)
        case "archive":
            assert not store.archive.run(what).failed
        case "thaw":
            store.thaw(known[what].id, 0, NOW)
        case "forget":
            which, start, length = what
            gone = [key for key in truth if key[0] == which and start <= key[1] < start + length]
            assert store.forget(known[which].id, start, start + length) == len(gone)
            for key in gone:
                del truth[key]


@contextmanager
def opened(backend: str, count: int) -> Iterator[tuple[list[Store], list[Series]]]:
    """The same empty store several times, as several processes would open it, and its series."""
    make, known = BACKENDS[backend], series_fresh()
    with quick_folder() as folder, ExitStack() as stack:
        stores = [Store(make(folder)) for _ in range(count)]
        for store in stores:
            stack.callback(store.close)
            store.cold_use(cold_of(backend, folder))
        stores[0].series_register(known)
        yield stores, known


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_read_gives_what_a_dictionary_would(backend):
    @settings(max_examples=EXAMPLES.get(backend, 60), deadline=None)
    @given(steps=st.lists(STEPS, max_size=14))
    def lives(steps) -> None:
        with opened(backend, 2) as (stores, known):
            truth: Truth = {}
            turn = 0
            for name, what in steps:
                if name == "other process":
                    turn = 1 - turn
                elif name == "read":
                    check(stores[turn], known, truth, what)
                else:
                    apply(stores[turn], known, truth, name, what)
            for store in stores:
                for which in range(len(known)):
                    check(store, known, truth, which)

    lives()


@pytest.mark.parametrize("backend", BACKENDS)
def test_order_repetition_and_splitting_of_the_same_readings_change_nothing(backend):
    @settings(max_examples=min(25, EXAMPLES.get(backend, 25)), deadline=None)
    @given(
        readings=st.lists(
            st.tuples(st.integers(0, 3), TIMES, st.integers(0, 50_000), st.just(0)),
            min_size=1,
            max_size=40,
            unique_by=lambda row: row[:2],
        ),
        order=st.randoms(use_true_random=False),
        repeated=st.integers(0, 10),
        splits=st.lists(st.integers(0, 50), max_size=5),
    )
    def comes(readings, order, repeated, splits) -> None:
        sent = readings + readings[:repeated]
        order.shuffle(sent)
        cuts = [0, *sorted(min(cut, len(sent)) for cut in splits), len(sent)]
        with opened(backend, 1) as ((store,), known):
            for place, (low, high) in enumerate(pairwise(cuts)):
                part = batch_of(known, sent[low:high])
                if place % 2:
                    store.history_write(part, NOW)
                    store.quarters_refresh(NOW)
                else:
                    store.write(part, NOW)
                    store.days_seal(NOW, limit=place or None)
            truth = {(which, time): (value / 8, quality) for which, time, value, quality in readings}
            for which in range(len(known)):
                check(store, known, truth, which)

    comes()
