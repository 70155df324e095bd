"""Poison: what cannot be read, what nobody knows and what kills its worker is set aside, and the rest goes on."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest

from config.consumer import DELIVERIES_AT_MOST
from config.tests.brokers.surroundings import Broken, installation, wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.xdist_group("poison"),
    pytest.mark.embedded("has files for documents and series of its own, and a Valkey over TCP"),
]


@pytest.fixture(scope="module")
def working(tmp_path_factory):
    """An installation with a worker."""
    with installation(tmp_path_factory.mktemp("poison")) as one:
        one.manage("migrate", "-v0")
        one.worker("worker", "--no-beat")
        yield one


def envelope(**changed: Any) -> dict[str, Any]:
    """Return a message as it stands in a queue."""
    task_id = str(uuid.uuid4())
    delivery = {"exchange": "", "routing_key": "market"}
    whole = {
        "body": base64.b64encode(b'[[], {}, {"callbacks": null}]').decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": "odd.raises", "id": task_id, "lang": "py", "root_id": task_id, "argsrepr": "()"},
        "properties": {
            "body_encoding": "base64",
            "delivery_info": delivery,
            "delivery_mode": 2,
            "delivery_tag": str(uuid.uuid4()),
            "correlation_id": task_id,
        },
    }
    return {**whole, **changed}


def set_aside(working: Broken, item: str, queue: str = "market") -> dict[str, Any]:
    """Put something into a queue, and return what was written down; the worker goes on, and nothing is left over."""
    before = len(working.failures())
    with working.client() as client:
        client.lpush(queue, item)
        wait_for(lambda: len(working.failures()) > before)
        wait_for(lambda: not client.hlen("unacked") and not client.llen(queue))
    goes_on = f"goes-on-{before}"
    working.app.send_task("odd.lines", args=[working.notes, goes_on, goes_on, 0], queue=queue)
    wait_for(lambda: goes_on in working.lines())
    assert len(working.failures()) == before + 1
    return working.failures()[-1]


def test_a_task_that_raises_is_written_down(working):
    found = set_aside(working, json.dumps(envelope()))

    assert (found["kind"], found["name"]) == ("raised", "odd.raises")
    assert found["error"] == "ValueError: this cannot be done"


@pytest.mark.parametrize(
    "item", ["no message at all", "[1, 2]", "{}", '{"body": "x", "properties": {}, "headers": {}}']
)
def test_what_is_no_message_is_set_aside_as_it_came(working, item):
    found = set_aside(working, item)

    assert (found["kind"], found["queue"], found["body"]) == ("unreadable", "market", item)
    assert found["repeatable"]


def test_a_message_whose_content_is_garbage_is_set_aside(working):
    garbage = base64.b64encode(b"\x80\x81 no JSON").decode()

    found = set_aside(working, json.dumps(envelope(body=garbage)))

    assert found["kind"] == "unreadable"
    assert json.loads(found["body"])["body"] == garbage


def test_a_message_of_a_form_that_is_not_taken_is_set_aside(working):
    found = set_aside(working, json.dumps(envelope(**{"content-type": "application/x-python-serialize"})))

    assert found["kind"] == "unreadable"


def test_a_message_that_names_no_task_is_set_aside(working):
    found = set_aside(working, json.dumps(envelope(headers={"some": "thing"})))

    assert found["kind"] == "unreadable"


def test_a_task_that_nobody_knows_is_set_aside_with_its_arguments(working):
    before = len(working.failures())
    working.app.send_task("nobody.knows", args=[7], kwargs={"n": 1}, queue="market")
    wait_for(lambda: len(working.failures()) > before)

    found = working.failures()[-1]
    assert (found["kind"], found["name"], found["queue"]) == ("unknown", "nobody.knows", "market")
    assert json.loads(found["arguments"]) == {"args": [7], "kwargs": {"n": 1}}
    assert json.loads(found["body"])["headers"]["task"] == "nobody.knows"


def test_a_task_whose_worker_dies_again_and_again_is_given_up(tmp_path):
    with installation(tmp_path) as one:
        one.manage("migrate", "-v0")
        one.app.send_task("odd.deadly", args=[one.notes])

        def given_up() -> bool:
            if not one.workers or not one.workers[-1].is_running:
                one.worker(f"worker-{len(one.workers)}", "--no-beat", wait=False)
            return bool(one.failures())

        wait_for(given_up, seconds=180)

        found = one.failures()[-1]
        assert (found["kind"], found["name"], found["queue"]) == ("deadly", "odd.deadly", "default")
        assert one.lines().count("deadly") == DELIVERIES_AT_MOST
        with one.client() as client:
            wait_for(lambda: not client.hlen("unacked"))
        one.app.send_task("odd.lines", args=[one.notes, "goes-on", "goes-on", 0])
        wait_for(lambda: "goes-on" in one.lines())
