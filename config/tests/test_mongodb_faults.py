"""Purchases go on, exactly, while the primary steps down, is killed, or loses the answers of commits."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from config.cluster.mongod import MongoSet
from config.tests.test_mongodb import servers
from tests.servers import on_servers

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.xdist_group("mongodb"),
    pytest.mark.skipif(not on_servers(), reason="takes minutes on a MongoDB of its own: part of `make test-servers`"),
]
MORE = 6
# An election takes two seconds, and until then nobody is answered; but a machine can be busy with other things.
LONGEST_S = 60.0


@pytest.fixture(scope="module")
def three() -> Iterator[MongoSet]:
    yield from servers(3)


class Buying:
    """A process in which households buy."""

    def __init__(self, three: MongoSet, folder: Any) -> None:
        named = {"TELEMETRY_URL", "REDIS_URL"}
        surroundings = {key: value for key, value in os.environ.items() if key not in named}
        surroundings |= {"DATABASE_URL": three.url("faults"), "MYHOUSE_VAR": str(folder)}
        surroundings["SECRET_KEY"] = secrets.token_urlsafe(40)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "config.tests.mongodb.buying"],
            env=surroundings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.read() == "ready"

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def answered(self) -> int:
        """Return how many purchases were answered so far."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.read())

    def goes_on(self) -> None:
        """Wait until some more were answered."""
        wanted, until = self.answered() + MORE, time.monotonic() + LONGEST_S
        while self.answered() < wanted:
            assert time.monotonic() < until, "no purchase is answered any more"
            time.sleep(0.1)

    def end(self) -> dict[str, Any]:
        """Let everybody get the last answer, and look at what is kept."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        told: dict[str, Any] = json.loads(self.read())
        self.process.wait(timeout=20)
        return told


def commits_fail(three: MongoSet, times: int, **how: Any) -> None:
    number = three.primary()
    assert number is not None
    with three._client(number) as client:
        client.admin.command(
            "configureFailPoint",
            "failCommand",
            mode={"times": times},
            data={"failCommands": ["commitTransaction"], **how},
        )


def test_every_answered_purchase_is_there_once_whatever_the_servers_do(three, tmp_path):
    buying = Buying(three, tmp_path)
    try:
        buying.goes_on()
        commits_fail(three, 6, errorCode=50, errorLabels=["UnknownTransactionCommitResult"])
        buying.goes_on()
        commits_fail(three, 3, closeConnection=True)
        buying.goes_on()
        # Once: a server that refuses ends the transaction too, but this one only says so.
        commits_fail(three, 1, errorCode=112, errorLabels=["TransientTransactionError"])
        buying.goes_on()
        three.step_down()
        buying.goes_on()
        killed = three.primary()
        assert killed is not None
        three.kill(killed)
        buying.goes_on()
        three.start_node(killed)
        buying.goes_on()
        told = buying.end()
    finally:
        buying.process.kill()

    refused = told.pop("refused")
    answered = told.pop("answered")
    assert told == {"without_answer": 0, "told_twice_the_same": True, "same": True, "paid": True, "finding": ""}, (
        refused
    )
    assert answered > 6 * MORE
