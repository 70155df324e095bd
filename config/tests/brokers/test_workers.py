"""Workers that die, queues that are full, and two clocks, all with real processes."""

from __future__ import annotations

import os
import signal
import time

import pytest

from config.tests.brokers.surroundings import VISIBILITY_S, Broken, installation, wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.xdist_group("workers"),
    pytest.mark.embedded("has files for documents and series of its own, and a Valkey over TCP"),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """An installation whose documents are made once; each test has a folder of its own besides."""
    with installation(tmp_path_factory.mktemp("workers")) as one:
        one.manage("migrate", "-v0")
        yield one


@pytest.fixture
def broken(prepared: Broken, tmp_path):
    prepared.folder, before = tmp_path, prepared.folder
    (tmp_path / "var").symlink_to(before / "var")
    yield prepared
    for child in prepared.workers:
        child.kill()
    prepared.workers.clear()
    prepared.folder = before
    with prepared.client() as client:
        client.flushall()


def test_a_task_whose_worker_is_killed_in_the_middle_is_done_by_another_one(broken):
    first = broken.worker("first", "--no-beat")
    broken.app.send_task("odd.lines", args=[broken.notes, "begun", "ended", 1.5])
    wait_for(lambda: "begun" in broken.lines())
    first.kill()
    died = time.monotonic()
    second = broken.worker("second", "--no-beat")

    wait_for(lambda: "ended" in broken.lines())

    assert broken.doers("ended") == [second.process.pid]
    assert time.monotonic() - died > VISIBILITY_S - 1.5
    with broken.client() as client:
        wait_for(lambda: not client.hlen("unacked"))


def test_a_task_that_outlasts_the_patience_is_not_given_out_while_its_worker_lives(broken):
    broken.worker("first", "--no-beat")
    broken.worker("second", "--no-beat")

    broken.app.send_task("odd.lines", args=[broken.notes, "begun", "ended", 3.5 * VISIBILITY_S])
    wait_for(lambda: "ended" in broken.lines())

    assert broken.lines() == ["begun", "ended"]


def test_a_full_queue_does_not_starve_another_one(broken):
    broken.worker("general", "--no-beat", "--queues", "default", "--threads", "2")
    broken.worker("market", "--no-beat", "--queues", "market,polling")
    app = broken.app
    for _ in range(20):
        app.send_task("odd.lines", args=[broken.notes, "slow", "slow-ended", 2.0])
    wait_for(lambda: "slow" in broken.lines())

    started = time.monotonic()
    app.send_task("odd.lines", args=[broken.notes, "quick", "quick-ended", 0], queue="market")
    wait_for(lambda: "quick-ended" in broken.lines())

    assert time.monotonic() - started < 2.0
    assert broken.lines().count("slow") <= 4


def test_one_worker_of_all_queues_takes_from_each_in_turn(broken):
    app = broken.app
    for _ in range(200):
        app.send_task("odd.lines", args=[broken.notes, "many", "many-ended", 0])
    app.send_task("odd.lines", args=[broken.notes, "one", "one-ended", 0], queue="market")

    broken.worker("all", "--no-beat", "--threads", "1")
    wait_for(lambda: broken.lines().count("many-ended") == 200)

    assert broken.lines().index("one") < 20


def test_two_clocks_never_both_start_what_is_due_and_the_other_takes_over(broken):
    first, second = broken.worker("first", "--queues", "pv"), broken.worker("second", "--queues", "pv")
    with broken.client() as client:
        wait_for(lambda: client.llen("polling") > 4)
        holder = {str(one.process.pid): one for one in (first, second)}[client.get("beat:lease").decode().split()[1]]
        # Each second one task is due; two clocks would leave twice as many.
        seen, began = client.llen("polling"), time.monotonic()
        time.sleep(6)
        more, passed = client.llen("polling") - seen, time.monotonic() - began
        assert more <= passed * 1.1 + 2

        holder.kill()
        seen = client.llen("polling")
        took = wait_for(lambda: client.llen("polling") > seen)

    assert took < 8


def test_a_clock_that_was_held_up_leaves_the_others_alone(broken):
    first = broken.worker("first", "--queues", "pv")
    with broken.client() as client:
        wait_for(lambda: client.llen("polling") > 1)
        broken.worker("second", "--queues", "pv")
        os.kill(first.process.pid, signal.SIGSTOP)
        seen = client.llen("polling")
        wait_for(lambda: client.llen("polling") > seen)
        os.kill(first.process.pid, signal.SIGCONT)
        began, seen = time.monotonic(), client.llen("polling")
        time.sleep(5)
        more, passed = client.llen("polling") - seen, time.monotonic() - began

    assert more <= passed * 1.1 + 2
