"""Real 15-minute loads of eight homes and two roofs, imported as means of their intervals."""

from __future__ import annotations

import csv
import itertools
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from telemetry.calendar import local_edges
from telemetry.model import Batch, Kind
from telemetry.rounding import whole
from telemetry.tests.conftest import NOW, series_of

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "households"
Q = 900_000
ROOF_WP = 5_000

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the real loads of ../shared/data are not here"),
]


def read(path: Path) -> dict[int, Fraction]:
    """Interval start in ms → mean power in W, as written, to the µW: the roofs' floats have noise below that."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    factor = ROOF_WP if path.name.startswith("pv") else 1
    return {int(float(row[0])) * 1000: round(Fraction(row[1]) * factor, 6) for row in rows if row[1].strip()}


@pytest.mark.parametrize("name", [path.name for path in sorted(FOLDER.glob("*.csv"))] if FOLDER.is_dir() else ["none"])
def test_totals_of_any_range_equal_the_files_own_sums_rounded_once(store, name):
    power = read(FOLDER / name)
    series = series_of(Kind.MEAN, interval_ms=Q)
    store.series_register([series])
    batch = Batch.of(series.id, list(power), [float(value) for value in power.values()])
    assert store.history_write(batch, NOW).accepted == len(power)
    store.quarters_refresh(NOW)
    for step in ("quarter", "hour", "day", "week", "month"):
        edges = local_edges(zone="Europe/Berlin", start=date(2021, 2, 10), end=date(2021, 4, 5), step=step)
        totals = store.totals([series.id], edges)
        assert totals.covered.sum() == len(power)
        parts = whole(totals.energy)[0]
        running, exact = 0, Fraction(0)
        for part, (start, end) in zip(parts.tolist(), itertools.pairwise(edges.tolist()), strict=True):
            running += part
            exact += sum((power.get(at, Fraction(0)) for at in range(start, end, Q)), Fraction(0)) / 4
            assert running == int((exact + Fraction(1, 2)) // 1), (step, start)
        assert np.array_equal(
            totals.covered[0],
            [sum(at in power for at in range(*pair, Q)) for pair in itertools.pairwise(edges.tolist())],
        )
