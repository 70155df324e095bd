"""What every backend must do, seen through the store."""

from __future__ import annotations

import asyncio
import threading
import uuid

import numpy as np
import pytest

from telemetry.errors import SeriesConflictError, UnableToRead, UnableToWrite
from telemetry.model import Batch, Kind, Quality, Reading, SealResult, Series
from telemetry.tests.conftest import DAY, NOW, TODAY, series_of

Q = 900_000
START = (TODAY - 3) * DAY


@pytest.fixture
def gauge(store) -> Series:
    series = series_of(Kind.GAUGE)
    store.series_register([series])
    return series


@pytest.fixture
def counter(store) -> Series:
    series = series_of(Kind.COUNTER, "Wh")
    store.series_register([series])
    return series


def test_registering_again_changes_nothing(store, gauge):
    store.series_register([gauge, gauge])
    assert store.series_get([gauge.id]) == {gauge.id: gauge}


def test_all_series_can_be_listed(store):
    before = set(store.series_all())
    fresh = {series_of(Kind.GAUGE) for _one in range(3)}
    store.series_register(list(fresh))
    assert set(store.series_all()) - before == fresh


def test_registering_the_same_id_as_something_else_is_a_conflict(store, gauge):
    with pytest.raises(SeriesConflictError, match="gauge in W"):
        store.series_register([Series(gauge.id, "Wh", Kind.COUNTER)])


def test_a_conflict_is_seen_by_a_process_that_never_saw_the_series(open_store, gauge):
    with pytest.raises(SeriesConflictError):
        open_store().series_register([Series(gauge.id, "V", Kind.GAUGE)])


def test_a_written_reading_is_readable_at_once_everywhere(open_store, store, gauge):
    other = open_store()
    assert len(other.scan(gauge.id, 0, NOW, None)) == 0
    assert store.write(Batch.of(gauge.id, NOW - 5, 42.5), NOW).accepted == 1
    assert other.scan(gauge.id, 0, NOW, None).values.tolist() == [42.5]
    assert other.latest([gauge.id]) == {gauge.id: Reading(NOW - 5, 42.5, Quality.MEASURED)}


def test_the_last_write_of_a_time_counts_in_every_layer(store, gauge):
    for value, step in enumerate([store.days_seal, store.hot_fold, store.quarters_refresh, store.days_seal]):
        store.write(Batch.of(gauge.id, [START, START], [-1, value]), NOW)
        assert store.scan(gauge.id, START, NOW, None).values.tolist() == [value]
        step(NOW)
        assert store.scan(gauge.id, START, NOW, None).values.tolist() == [value]
    store.history_write(Batch.of(gauge.id, START, 99), NOW)
    assert store.scan(gauge.id, START, NOW, None).values.tolist() == [99]


def test_late_data_reopen_one_day_and_its_quarters(store, counter):
    times = START + np.arange(0, 2 * DAY, Q)
    store.history_write(Batch.of(counter.id, times, np.arange(len(times)) * 100.0), NOW)
    store.quarters_refresh(NOW)
    store.write(Batch.of(counter.id, START + Q // 2, 90), NOW)
    assert store.quarters([counter.id], START, START + Q).energy.tolist() == [[100_000_000]]
    assert store.days_seal(NOW).days == 1
    assert store.quarters_refresh(NOW) == 1
    assert len(store.scan(counter.id, START, NOW, None)) == len(times) + 1


def test_sealing_twice_does_nothing_the_second_time(store, gauge):
    store.write(Batch.of(gauge.id, START + np.arange(50) * 1000, np.arange(50)), NOW)
    assert store.days_seal(NOW) == SealResult(1, 50)
    assert store.days_seal(NOW).days == 0


def test_today_is_not_sealed(store, gauge):
    store.write(Batch.of(gauge.id, [NOW - DAY, NOW - 1000], [1, 2]), NOW)
    assert store.days_seal(NOW).days == 1
    assert store.days_seal(NOW + DAY).days == 1


def test_a_limit_ends_sealing_early_and_says_that_there_is_more(store, gauge):
    store.write(Batch.of(gauge.id, START + np.arange(3) * DAY, [1, 2, 3]), NOW)
    first = store.days_seal(NOW, limit=2)
    assert (first.days, first.more) == (2, True)
    assert store.days_seal(NOW, limit=2).days == 1


@pytest.mark.parametrize("earlier", [NOW - 40 * DAY, 0, -DAY])
def test_a_clock_that_jumps_back_damages_nothing(store, gauge, earlier):
    store.write(Batch.of(gauge.id, [START, NOW], [1, 2]), NOW)
    store.days_seal(earlier)
    store.quarters_refresh(earlier)
    store.hot_fold(earlier)
    with pytest.raises(UnableToWrite):
        store.write(Batch.of(gauge.id, NOW, 3), earlier)
    assert store.scan(gauge.id, START, NOW + 1, None).values.tolist() == [1, 2]


def test_a_clock_that_jumps_ahead_and_back_damages_nothing(store, gauge):
    store.write(Batch.of(gauge.id, NOW, 1), NOW)
    store.days_seal(NOW + 400 * DAY)
    store.quarters_refresh(NOW + 400 * DAY)
    store.write(Batch.of(gauge.id, NOW + 1000, 2), NOW)
    assert store.scan(gauge.id, START, NOW + DAY, None).values.tolist() == [1, 2]
    assert store.quarters([gauge.id], NOW // Q * Q, NOW // Q * Q + Q).max.tolist() == [[2.0]]


def test_a_year_of_history_is_sealed_directly_and_adds_up(store, counter):
    times = (TODAY - 365) * DAY + np.arange(365 * 96) * Q
    register = 5_000.0 + np.arange(len(times)) * 12.5
    steps = []
    store.history_write(Batch.of(counter.id, times, register), NOW, lambda done, total: steps.append((done, total)))
    assert steps[-1] == (len(times), len(times))
    assert store.quarters_refresh(NOW) == 365
    edges = (TODAY - 365) * DAY + np.arange(366) * DAY
    totals = store.totals([counter.id], edges)
    assert totals.energy.sum() == (len(times) - 1) * 12_500_000
    assert totals.covered[0, :-1].tolist() == [96] * 364
    assert totals.covered[0, -1] == 95
    assert totals.max[0, 0] == 50.0


def test_history_of_today_goes_the_usual_way(store, gauge):
    store.history_write(Batch.of(gauge.id, [NOW - DAY, NOW], [1, 2]), NOW)
    assert store.scan(gauge.id, START, NOW + 1, None).values.tolist() == [1, 2]
    assert store.days_seal(NOW).days == 0


def test_the_same_history_again_changes_nothing(store, gauge):
    batch = Batch.of(gauge.id, START + np.arange(500) * 10_000, np.arange(500.0))
    store.history_write(batch, NOW)
    store.quarters_refresh(NOW)
    store.history_write(batch, NOW)
    assert store.quarters_refresh(NOW) == 0
    assert len(store.scan(gauge.id, START, NOW, None)) == 500


def test_erasing_leaves_nothing_of_the_range_in_any_layer(store, counter):
    times = START + np.arange(0, 3 * DAY, Q)
    store.history_write(Batch.of(counter.id, times, np.arange(len(times)) * 10.0), NOW)
    store.quarters_refresh(NOW)
    store.write(Batch.of(counter.id, START + DAY, 960), NOW)
    assert store.forget(counter.id, START + DAY, START + 2 * DAY) == 96
    assert len(store.scan(counter.id, START + DAY, START + 2 * DAY, None)) == 0
    assert len(store.scan(counter.id, START, NOW, None)) == 192
    assert store.forget(counter.id, None, None) == 192
    assert store.latest([counter.id]) == {}
    assert store.bounds(counter.id) is None
    assert not store.quarters([counter.id], START, START + 3 * DAY).flags.any()


def test_a_scan_with_a_limit_gives_the_first(store, gauge):
    times = START + np.arange(0, 3 * DAY, 600_000)
    store.history_write(Batch.of(gauge.id, times, np.arange(len(times)) * 1.0), NOW)
    assert store.scan(gauge.id, START, NOW, 200).times.tolist() == times[:200].tolist()


WRONG = [
    ("times", [NOW + 300_001], [1.0], [0]),
    ("times", [946_684_799_999], [1.0], [0]),
    ("values", [NOW], [float("nan")], [0]),
    ("values", [NOW], [float("inf")], [0]),
    ("values", [NOW], [1e13], [0]),
    ("quality", [NOW], [1.0], [4]),
    ("quality", [NOW], [1.0], [9]),
]


@pytest.mark.parametrize(("field", "times", "values", "quality"), WRONG)
@pytest.mark.parametrize("way", ["write", "history_write"])
def test_refuses_the_whole_batch_and_names_column_and_reading(store, gauge, field, times, values, quality, way):
    good = Batch.of(gauge.id, [NOW - 2000, NOW - 1000], [1, 2])
    with pytest.raises(UnableToWrite) as refusal:
        getattr(store, way)(Batch.concat([good, Batch.of(gauge.id, times, values, quality)]), NOW)
    assert (refusal.value.field, refusal.value.index) == (field, 2)
    assert len(store.scan(gauge.id, 0, NOW + DAY, None)) == 0


def test_refuses_a_negative_register(store, counter):
    with pytest.raises(UnableToWrite, match="never negative") as refusal:
        store.write(Batch.of(counter.id, NOW, -1), NOW)
    assert refusal.value.field == "values"


def test_refuses_an_unknown_series_by_name(store, gauge):
    stranger = uuid.uuid4()
    with pytest.raises(UnableToWrite, match=str(stranger)) as refusal:
        store.write(Batch.concat([Batch.of(gauge.id, NOW, 1), Batch.of(stranger, NOW, 1)]), NOW)
    assert (refusal.value.field, refusal.value.index) == ("series", 1)


def test_refuses_columns_of_different_length(store, gauge):
    whole = Batch.of(gauge.id, [NOW, NOW - 1], [1, 2])
    with pytest.raises(UnableToWrite, match="values has 1 entries, times has 2"):
        store.write(Batch(whole.series_ids, whole.index, whole.times, whole.values[:1], whole.quality), NOW)


def test_simulated_and_measured_never_mix(store, gauge):
    simulated = series_of(Kind.GAUGE, simulated=True)
    store.series_register([simulated])
    assert store.write(Batch.of(simulated.id, NOW, 1, Quality.SIMULATED), NOW).accepted == 1
    with pytest.raises(UnableToWrite) as refusal:
        store.write(Batch.of(simulated.id, NOW, 1), NOW)
    assert refusal.value.field == "quality"


def test_an_empty_batch_is_accepted(store, gauge):
    assert store.write(Batch.of(gauge.id, [], []), NOW).accepted == 0
    assert store.history_write(Batch.concat([]), NOW).accepted == 0


def test_a_refused_batch_does_not_fail_its_neighbours(store, gauge):
    async def all_of_them() -> list[object]:
        writes = [
            store.write_async(Batch.of(gauge.id, NOW - at, float("nan") if at == 7 else at), NOW) for at in range(20)
        ]
        return await asyncio.gather(*writes, return_exceptions=True)

    outcomes = asyncio.run(all_of_them())
    assert [at for at, outcome in enumerate(outcomes) if isinstance(outcome, UnableToWrite)] == [7]
    assert len(store.scan(gauge.id, 0, NOW + 1, None)) == 19


def test_many_threads_write_and_read_and_nothing_is_lost(store, gauge):
    def write(thread: int) -> None:
        for at in range(40):
            store.write(Batch.of(gauge.id, START + thread * 1_000_000 + at * 7, at), NOW)
            assert store.latest([gauge.id])[gauge.id].time_ms >= START + thread * 1_000_000 + at * 7

    threads = [threading.Thread(target=write, args=(one,)) for one in range(5)]
    for one in threads:
        one.start()
    for _ in range(10):
        store.hot_fold(NOW, only_if_due=False)
        store.days_seal(NOW)
        store.quarters_refresh(NOW)
    for one in threads:
        one.join()
    assert len(store.scan(gauge.id, 0, NOW, None)) == 200


@pytest.mark.parametrize(
    ("question", "field"),
    [
        (lambda s, i: s.quarters([i], START + 1, START + Q), "edges"),
        (lambda s, i: s.totals([i], np.array([START, START])), "edges"),
        (lambda s, i: s.totals([i], np.array([START])), "edges"),
        (lambda s, i: s.totals([i], np.array([0, 900_000 * 96 * 366 * 70])), "edges"),
        (lambda s, i: s.curve([i], START, START + DAY, 999), "step"),
        (lambda s, i: s.curve([i], START, START + DAY, 1000), "step"),
        (lambda s, i: s.curve([i], START, START - 1, 1000), "end"),
        (lambda s, i: s.curve([i], 0, 401 * DAY, DAY), "start"),
        (lambda s, _: s.scan(uuid.uuid4(), 0, 1, None), "series"),
    ],
)
def test_refuses_a_question_it_will_not_answer(store, gauge, question, field):
    with pytest.raises(UnableToRead) as refusal:
        question(store, gauge.id)
    assert refusal.value.field == field


def test_a_curve_shows_gaps_as_gaps(store, gauge, counter):
    times = START + np.concatenate((np.arange(0, 600, 10), np.arange(1200, 1800, 10))) * 1000
    store.write(Batch.of(gauge.id, times, np.arange(120.0)), NOW)
    store.write(Batch.of(counter.id, times, np.arange(120.0)), NOW)
    curve = store.curve([gauge.id, counter.id], START, START + 2_400_000, 300_000)
    assert curve.count.tolist() == [[30, 30, 0, 0, 30, 30, 0, 0]] * 2
    assert curve.mean[0, 0] == 14.5
    assert (curve.min[0, 0], curve.max[0, 0]) == (0, 29)
    assert np.isnan(curve.mean[0]).tolist() == [False, False, True, True, False, False, True, True]
    assert curve.mean[1, 0] == pytest.approx(360)


def test_a_curve_finer_than_its_means_holds_them(store):
    series = series_of(Kind.MEAN, interval_ms=Q)
    store.series_register([series])
    store.write(Batch.of(series.id, START, 500, Quality.SUBSTITUTED), NOW)
    curve = store.curve([series.id], START, START + Q + 300_000, 300_000)
    assert curve.mean[0, :3].tolist() == [500] * 3
    assert np.isnan(curve.mean[0, 3])
    assert curve.estimated[0].tolist() == [True, True, True, False]
