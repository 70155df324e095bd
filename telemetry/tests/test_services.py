"""The public face: services and selectors over the store of the process."""

from __future__ import annotations

import multiprocessing
import os
import time
from datetime import date

import numpy as np
import pytest
from django.core.checks import run_checks

from telemetry import selectors, services, tasks
from telemetry.calendar import local_edges
from telemetry.errors import StoreConfigurationError
from telemetry.live import live_get, live_put
from telemetry.model import Batch, Kind, Quality
from telemetry.process import store_close, store_current
from telemetry.rounding import whole
from telemetry.tests.conftest import series_of

Q = 900_000


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.TELEMETRY_URL = f"sqlite:///{tmp_path}/own.sqlite3"
    yield
    store_close()


def now() -> int:
    return time.time_ns() // 1_000_000


def test_days_of_the_clock_change_have_their_own_length():
    series = series_of(Kind.MEAN, interval_ms=Q)
    services.series_register(series=series)
    edges = local_edges(zone="Europe/Berlin", start=date(2021, 3, 27), end=date(2021, 3, 30), step="day")
    times = np.arange(edges[0], edges[-1], Q)
    services.history_write(batch=Batch.of(series.id, times, np.full(len(times), 1000.0)), now_ms=now())
    totals = selectors.totals(series_ids=[series.id], edges_ms=edges)
    assert totals.covered.tolist() == [[96, 92, 96]]
    assert whole(totals.energy).tolist() == [[24_000, 23_000, 24_000]]
    assert totals.mean.tolist() == [[1000, 1000, 1000]]


async def test_async_callers_share_the_store_with_sync_ones():
    series = [series_of(Kind.COUNTER, "Wh"), series_of(Kind.GAUGE, "V")]
    services.series_register_many(series=series)
    at = now()
    batch = Batch.of_rows([(series[0].id, at, 5.0, 0), (series[1].id, at, 230.0, 3)])
    assert (await services.readings_write_async(batch=batch, now_ms=at)).accepted == 2
    latest = selectors.latest(series_ids=[one.id for one in series])
    assert latest[series[1].id].quality is Quality.SUSPECT
    assert selectors.bounds(series_id=series[0].id) == (at, at)
    assert selectors.series_get(series_id=series[0].id) == series[0]


def test_housekeeping_tasks_may_run_at_any_time_and_twice():
    series = series_of(Kind.GAUGE)
    services.series_register(series=series)
    times = now() - 3 * 86_400_000 + np.arange(100) * 1000
    services.readings_write(batch=Batch.of(series.id, times, np.arange(100)), now_ms=int(times[-1]))
    assert tasks.hot_fold() == 1
    assert tasks.days_seal() == 1
    assert tasks.quarters_refresh() == 1
    assert (tasks.hot_fold(), tasks.days_seal(), tasks.quarters_refresh()) == (0, 0, 0)
    live_put(selectors.latest(series_ids=[series.id]))
    assert services.series_forget(series_id=series.id) == 100
    assert live_get([series.id]) == {}


def test_every_scheduled_task_exists():
    from celery import current_app

    assert {entry["task"] for entry in tasks.BEAT.values()} <= set(current_app.tasks)


def _write_in_child(series_id, at, answer):
    written = services.readings_write(batch=Batch.of(series_id, at, 2.0), now_ms=at)
    answer.put((os.getpid(), written.accepted))


def test_a_forked_process_opens_the_store_for_itself():
    series = series_of(Kind.GAUGE)
    services.series_register(series=series)
    at = now()
    services.readings_write(batch=Batch.of(series.id, at - 1, 1.0), now_ms=at)
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    child = context.Process(target=_write_in_child, args=(series.id, at, answer))
    child.start()
    assert answer.get(timeout=20) == (child.pid, 1)
    child.join()
    services.readings_write(batch=Batch.of(series.id, at + 1, 3.0), now_ms=at)
    assert selectors.scan(series_id=series.id, start_ms=0, end_ms=at + 2).values.tolist() == [1, 2, 3]


def test_the_check_is_silent_about_a_good_configuration():
    assert [one for one in run_checks(tags=["telemetry"]) if one.id.startswith("telemetry")] == []


@pytest.mark.parametrize(
    ("url", "stores", "said"),
    [
        ("oracle://x", {"sqlite": "telemetry.stores.sqlite.SqliteBackend"}, "TELEMETRY_STORES knows sqlite"),
        ("sqlite:////x", {"sqlite": "telemetry.stores.nowhere.Backend"}, "cannot be imported"),
        ("sqlite:////x", {"sqlite": "telemetry.model.Batch"}, "not a telemetry backend"),
        ("sqlite:///", {"sqlite": "telemetry.stores.sqlite.SqliteBackend"}, "must look like"),
        ("", {}, "not set"),
    ],
)
def test_the_check_finds_a_store_that_cannot_work(settings, url, stores, said):
    settings.TELEMETRY_URL, settings.TELEMETRY_STORES = url, stores
    (message,) = run_checks(tags=["telemetry"])
    assert said in message.msg


def test_an_unknown_scheme_is_said_at_first_use(settings):
    settings.TELEMETRY_URL = "oracle://x"
    with pytest.raises(StoreConfigurationError, match="oracle"):
        store_current()
