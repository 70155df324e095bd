"""What a test needs from the machine: skipped by name and reason where it is absent, but never silently in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def require(name: str, *, found: object, reason: str) -> None:
    """Skip the test if the service is absent; with REQUIRE_SERVICES=1 fail instead."""
    if found:
        return
    message = f"{name} is not available here: {reason}"
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(message)
    pytest.skip(message)


def chromium() -> str:
    """Return the path of Debian's browser, or skip."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    require("Chromium", found=path, reason="install it (Debian: apt install chromium)")
    assert path is not None
    return path


def mongod() -> Path:
    """Return the path of the MongoDB server, or skip."""
    # Only now: not every test that needs a service needs the cluster.
    from config.cluster.child import UnableToStart
    from config.cluster.mongod import mongod_program

    try:
        return mongod_program()
    except UnableToStart as error:
        require("MongoDB", found=False, reason=str(error))
        raise


def shared_data() -> Path:
    """Return the folder with the real files that lie beside the repository, or skip: they are data, not a service."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the folder ../shared/data with real household files is absent")
    return path
