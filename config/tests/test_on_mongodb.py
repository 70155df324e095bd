"""What lies in `config/tests/mongodb`, and how documents are written: each file in a process that has a MongoDB."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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
ROOT = Path(__file__).resolve().parent.parent.parent
HERE = "config/tests/mongodb"
# The second half runs on SQLite too: the same results both ways.
FILES = [f"{HERE}/{name}.py" for name in ("guards", "plans", "lists", "values")]
FILES += [f"myhouse/tests/test_{name}.py" for name in ("rows", "documents_pages", "idempotency")]
LONGEST_S = 280


@pytest.fixture(scope="module")
def single() -> Iterator[MongoSet]:
    yield from servers(1)


@pytest.mark.parametrize("path", FILES)
def test_it_holds_on_mongodb_too(single, path):
    named = {"TELEMETRY_URL", "REDIS_URL", "MYHOUSE_VAR"}
    surroundings = {key: value for key, value in os.environ.items() if key not in named}
    surroundings |= {"DATABASE_URL": single.url(Path(path).stem), "SECRET_KEY": secrets.token_urlsafe(40)}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:randomly", path]

    done = subprocess.run(
        command, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )

    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
