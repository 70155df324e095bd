"""Reading many slots' times at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def slots_ms(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return ms UTC of times as the databases write them as text, in UTC and with at least whole seconds."""
    # A year of quarter-hours is then read at once and not time by time.
    times: NDArray[np.int64] = np.array([text[:19] for text in texts], "datetime64[s]").astype(np.int64)
    return times * 1000
