"""What tests of the whole product share."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def uncounted() -> Iterator[None]:
    """Leave out of the coverage what goes over the same pages again and again: counting takes as long as the tests.

    The marker `no_cover` does nothing in workers of xdist: there a second count goes on below the one it stops.
    """
    counts = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    yield
    threading.settrace(counts[1])
    sys.settrace(counts[0])
