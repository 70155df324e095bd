"""A folder of its own for every test process, named before anything reads the settings.

Loaded by `-p` in pyproject.toml: a conftest would come too late, because pytest-django reads the settings first.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# `-p` may name it as a plugin later, which pytest wants to import itself.
pytest.register_assert_rewrite("tests.servers")

from tests.servers import on_servers, servers_begin  # noqa: E402 only now

_worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
VAR = Path(tempfile.mkdtemp(prefix=f"myhouse-test-{_worker}-"))
atexit.register(shutil.rmtree, VAR, ignore_errors=True)
os.environ["MYHOUSE_VAR"] = str(VAR)

# The children of a run on servers; the first process begins when it is told to by `-p tests.servers`.
if on_servers():
    servers_begin()


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory where the machine has one: hundreds of syncs to a busy disk would take minutes."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
