"""`kill -9` of Valkey under a web server and a worker: nothing acknowledged or owed is lost, and all comes back."""

from __future__ import annotations

import json
import logging
import threading
import time

import httpx
import pytest

from config.tests.brokers.living import Living, living
from config.tests.brokers.surroundings import wait_for

logger = logging.getLogger(__name__)
pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.xdist_group("broker lost"),
    pytest.mark.embedded("has files for documents and series of its own, and a Valkey over TCP"),
]
OWE = """
from datetime import UTC, datetime
from myhouse.documents.outbox import mail_put
mail_put(to="member@example.org", subject="Owed, data {data}", body="Hello", now=datetime.now(UTC))
"""
SYNCED_S = 1.5
# Nobody waits longer for an answer that does not need the broker.
ANSWER_S = 4.0


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A running installation with people."""
    with living(tmp_path_factory.mktemp("lost")) as running:
        yield running


def owed(one: Living) -> int:
    return len(one.broken.rows("SELECT 1 FROM myhouse_outboxmessage WHERE sent_at LIKE '9999%'"))


def goes_on_without(one: Living, data: str) -> None:
    """While the broker is away: what does not need it is done, what does is refused with the time to wait."""
    status, took = one.ingest(20.0)
    assert (status, took < ANSWER_S) == (200, True)
    status, took = one.page(f"/households/{one.known['home']}/")
    assert (status, took < ANSWER_S) == (200, True)
    assert one.stored() == set(one.sent)
    assert one.buy(100) == 201
    refused = one.token()
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    assert httpx.get(f"{one.base}/readyz").json()["failing"] == ["broker"]
    assert httpx.get(f"{one.base}/healthz").status_code == 200
    one.broken.manage("shell", "--no-imports", "-c", OWE.format(data=data))
    assert owed(one) >= 1


@pytest.mark.parametrize("data", ["kept", "lost"])
def test_nothing_is_lost_and_all_comes_back(one: Living, data: str):
    broken, valkey = one.broken, one.broken.valkey
    assert one.ingest(10.0)[0] == 200
    wait_for(lambda: owed(one) == 0)
    with broken.client() as client, one.market() as market, one.events() as listener:
        assert json.loads(market.recv(timeout=5))["kind"] == "ready"
        wait_for(lambda: client.zscore("devices:due", one.known["polled"]))
        time.sleep(SYNCED_S)

        valkey.kill()
        goes_on_without(one, data)
        if data == "lost":
            valkey.forget()
        valkey.start()
        back = time.monotonic()

        said = json.loads(market.recv(timeout=10))
        logger.info("%.2f s: market page reads again", time.monotonic() - back)
        assert said["kind"] in {"ready", "trade", "offer", "balance"}
        wait_for(lambda: listener.heard("gap"), seconds=10)
        logger.info("%.2f s: event stream tells its gap", time.monotonic() - back)
        assert one.token().status_code == 201
        assert one.ready()

        broken.app.send_task("odd.lines", args=[broken.notes, f"again-{data}", f"done-{data}", 0])
        wait_for(lambda: f"done-{data}" in broken.lines(), seconds=10)
        logger.info("%.2f s: worker works again", time.monotonic() - back)
        wait_for(lambda: client.zscore("devices:due", one.known["polled"]), seconds=10)
        ran = wait_for(lambda: time.time() - float(client.hget("beat:ran", "devices-polls-dispatch") or 0) < 2)
        logger.info("%.2f s: clock goes on", time.monotonic() - back)
        assert ran < 15
        wait_for(lambda: owed(one) == 0, seconds=60)
        logger.info("%.2f s: what was owed is sent", time.monotonic() - back)
        assert one.ingest(30.0)[0] == 200
        assert one.stored() == set(one.sent)


def test_readings_that_come_while_the_broker_dies_and_lives_are_all_there(one: Living):
    stop, faults = threading.Event(), []

    def send() -> None:
        while not stop.is_set():
            status, took = one.ingest(40.0)
            if status != 200 or took > ANSWER_S:
                faults.append((status, took))

    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(3):
        time.sleep(1.0)
        one.broken.valkey.kill()
        time.sleep(1.0)
        one.broken.valkey.start()
    stop.set()
    sender.join()

    assert faults == []
    assert one.stored() >= set(one.sent)
