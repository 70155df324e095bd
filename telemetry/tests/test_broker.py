"""Everybody in a process shares one client of the broker, also those who ask for it in the same moment."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from telemetry.broker import broker_client

THREADS = 16


@pytest.fixture
def slowly_made(monkeypatch):
    """Making a client takes long enough for all threads to come in between."""
    made = redis.Redis.from_url

    def slow(*args, **options):
        client = made(*args, **options)
        time.sleep(0.05)
        return client

    monkeypatch.setattr(redis.Redis, "from_url", slow)


def test_threads_that_begin_at_once_share_one_client(broker, settings, slowly_made):
    settings.REDIS_URL = f"{broker}?client_name=begin-at-once"
    begin = threading.Barrier(THREADS)

    def count(_number: int) -> int:
        begin.wait()
        counted = 0
        for _round in range(50):
            # As a caller does: nothing but the pipeline holds the client.
            pipeline = broker_client().pipeline()
            pipeline.incr("begin-at-once")
            pipeline.expire("begin-at-once", 60)
            counted = int(pipeline.execute()[0])
        return counted

    with ThreadPoolExecutor(THREADS) as threads:
        counts = list(threads.map(count, range(THREADS)))

    assert max(counts) == THREADS * 50


def test_another_address_is_another_client(broker, settings):
    first = broker_client()

    settings.REDIS_URL = f"{broker}?client_name=another"

    assert broker_client() is not first
