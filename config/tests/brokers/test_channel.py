"""The worker's channel at the very end of its connection."""

from __future__ import annotations

import logging

import pytest
from kombu import Connection

from config.consumer import Transport
from config.tests.brokers.surroundings import Broken, installation

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.embedded("has a Valkey over TCP of its own"),
]


@pytest.fixture
def alone(tmp_path):
    with installation(tmp_path) as one:
        yield one


def test_what_is_acknowledged_after_the_end_ends_no_worker_and_is_given_out_again(alone: Broken, caplog):
    with Connection(alone.app.conf.broker_url, transport=Transport) as first:
        queue = first.SimpleQueue("ending")
        queue.put({"number": 1})
        message = queue.get(timeout=5)
        channel = message.channel
        # As a worker's connection is left when it breaks once more while it is being closed.
        channel._pool, channel.connection.client = None, None
        with caplog.at_level(logging.CRITICAL):
            message.ack_log_error(logging.getLogger(), first.connection_errors)

        assert "the connection to the broker is closed" in caplog.text
        channel.connection.client = first
    with alone.client() as client:
        assert client.llen("ending") + client.hlen("unacked") == 1
