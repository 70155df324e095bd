from __future__ import annotations

import uuid

import pytest

from telemetry import services
from telemetry.live import live_forget, live_get, live_put
from telemetry.model import Batch, Kind, Quality, Reading
from telemetry.process import store_close
from telemetry.tests.conftest import NOW, series_of


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.TELEMETRY_URL = f"sqlite:///{tmp_path}/own.sqlite3"
    yield
    store_close()


def test_gives_back_what_was_put():
    series_id = uuid.uuid4()
    reading = Reading(NOW, -12.25, Quality.ESTIMATED)
    live_put({series_id: reading})
    assert live_get([series_id, uuid.uuid4()]) == {series_id: reading}


def test_an_older_reading_never_replaces_a_newer():
    series_id = uuid.uuid4()
    newer = Reading(NOW, 1.0, Quality.MEASURED)
    live_put({series_id: newer})
    live_put({series_id: Reading(NOW - 1, 2.0, Quality.MEASURED)})
    assert live_get([series_id]) == {series_id: newer}


def test_without_redis_the_store_answers(settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    series = series_of(Kind.GAUGE)
    services.series_register(series=series)
    services.readings_write(batch=Batch.of(series.id, NOW, 7.0), now_ms=NOW)
    live_put({series.id: Reading(NOW, 9.0, Quality.MEASURED)})
    live_forget([series.id])
    assert live_get([series.id]) == {series.id: Reading(NOW, 7.0, Quality.MEASURED)}


def test_what_redis_does_not_know_comes_from_the_store():
    series = series_of(Kind.GAUGE)
    services.series_register(series=series)
    services.readings_write(batch=Batch.of(series.id, NOW, 7.0), now_ms=NOW)
    live_put({series.id: Reading(NOW, 9.0, Quality.MEASURED)})
    live_forget([series.id])
    assert live_get([series.id])[series.id].value == 7.0


def test_nothing_asked_is_nothing_answered():
    live_put({})
    assert live_get([]) == {}
