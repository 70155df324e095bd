"""The Valkey of tests and of `make run-cluster`: killed, it comes back on the same port with what it held."""

from __future__ import annotations

import time

import pytest
import redis

from config.cluster.valkey import Valkey

SYNCED_S = 1.5


def test_comes_back_after_a_kill_with_what_it_held(tmp_path):
    with Valkey(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")
        time.sleep(SYNCED_S)
        server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("kept")
        server.start()
        assert client.get("kept") == b"yes"


def test_forgets_all_where_its_data_are_lost(tmp_path):
    with Valkey(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")
        server.kill()
        server.forget()
        server.start()
        assert client.get("kept") is None


def test_ends_with_whoever_started_it(tmp_path):
    with Valkey(tmp_path) as server:
        client = redis.Redis.from_url(server.url)
        assert client.ping()
    with pytest.raises(redis.ConnectionError):
        client.ping()
