"""Whether a store is away is found out in the background: nobody waits for it twice."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from telemetry import circuit as circuits
from telemetry.circuit import Circuit, StoreAwayError
from telemetry.errors import StoreUnavailableError


class Server:
    """What is asked: answers, refuses or hangs as told."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.hangs = False
        self.asked = 0

    def probe(self) -> None:
        self.asked += 1
        if self.hangs:
            self.answers.wait(20)
        if not self.answers.is_set():
            raise StoreUnavailableError("nobody is there")


@pytest.fixture
def server():
    one = Server()
    yield one
    one.answers.set()


@pytest.fixture
def open_circuit(server, monkeypatch):
    monkeypatch.setattr(circuits, "FIRST_S", 0.3)
    opened = []

    def open_one(**options) -> Circuit:
        opened.append(Circuit(server.probe, every_s=0.02, **options))
        opened[-1].begin()
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def wait_until(is_so) -> None:
    until = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_refuses_at_once_while_it_is_away_and_lets_pass_once_it_is_back(server, open_circuit, caplog):
    one = open_circuit()
    back = []
    one.on_back = lambda: back.append(one.is_away)
    with pytest.raises(StoreAwayError, match="nobody is there"):
        one.check()
    assert one.away_since_ms <= time.time() * 1000
    with caplog.at_level(logging.WARNING):
        server.answers.set()
        wait_until(lambda: not one.is_away)
    one.check()
    assert back == [True]
    wait_until(lambda: "The time-series store is back after" in caplog.text)


def test_the_first_who_ask_a_server_that_hangs_wait_a_moment_and_the_next_not_at_all(server, open_circuit):
    server.hangs = True
    one = open_circuit()
    begun = time.monotonic()
    with pytest.raises(StoreAwayError):
        one.check()
    first = time.monotonic() - begun
    with pytest.raises(StoreAwayError):
        one.check()
    assert 0.25 < first < 5
    assert time.monotonic() - begun - first < 0.2


def test_a_store_that_is_being_made_is_waited_for(server, open_circuit):
    server.hangs = True
    one = open_circuit(is_preparing=lambda: True)
    threading.Timer(1.0, server.answers.set).start()
    one.check()
    assert not one.is_away


def test_a_request_that_failed_lets_it_look_but_opens_nothing_by_itself(server, open_circuit):
    server.answers.set()
    one = open_circuit()
    one.check()
    asked = server.asked
    one.failed(StoreUnavailableError("one partition"))
    assert not one.is_away
    wait_until(lambda: server.asked > asked + 1)
    one.check()


def test_what_breaks_while_asking_counts_as_away_and_asking_goes_on(server, open_circuit):
    def broken() -> None:
        raise ValueError("a fault of ours")

    server.answers.set()
    probe, server.probe = server.probe, broken
    one = open_circuit()
    with pytest.raises(StoreAwayError):
        one.check()
    one._probe = probe
    wait_until(lambda: not one.is_away)
