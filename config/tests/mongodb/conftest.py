"""These tests ask MongoDB itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers import on_servers

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave them out by name and reason where there is none."""
    if not on_servers():
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="asks MongoDB itself: part of `make test-servers`"))
