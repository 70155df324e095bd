"""Dated figures with a named source: market prices and emission factors at any quarter-hour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from myhouse.errors import NotFound
from myhouse.models import ReferenceSeries
from myhouse.models.tariffs import ReferenceKind
from myhouse.statistics.ledger import NO_FACTOR
from myhouse.statistics.model import Source
from myhouse.tariffs.pricing import UNKNOWN
from telemetry import selectors as telemetry
from telemetry.model import HOUR_MS, PRESENT, QUARTER_MS

Ints = NDArray[np.int64]


def references(*, kind: str | None = None) -> list[ReferenceSeries]:
    """List the reference series by name."""
    found = list(ReferenceSeries.objects.order_by("name"))
    return [series for series in found if kind is None or series.kind == kind]


def reference_for(*, name: str) -> ReferenceSeries:
    """Return a reference series by its name, or refuse."""
    series = ReferenceSeries.objects.filter(name=name).first()
    if series is None:
        raise NotFound(_("There is no reference series “%(name)s”.") % {"name": name[:80]})
    return series


def reference_quarters(*, series: ReferenceSeries, start_ms: int, end_ms: int) -> tuple[NDArray[np.float64], Ints]:
    """Return the value and whether it is there (1, 0) per quarter-hour; an hourly figure holds for its four."""
    if end_ms <= start_ms:
        return np.zeros(0), np.zeros(0, np.int64)
    found = telemetry.quarters(series_ids=[series.series_id], start_ms=start_ms, end_ms=end_ms)
    present = ((found.flags[0] & PRESENT) != 0) & np.isfinite(found.mean[0])
    return np.where(present, found.mean[0], 0.0), present.astype(np.int64)


@dataclass
class Figures:
    """Looks up prices and factors for one answer and remembers which sources it used."""

    known: dict[str, ReferenceSeries] = field(default_factory=dict)
    used: dict[str, ReferenceSeries] = field(default_factory=dict)
    _found: dict[tuple[str, str, int, int], Ints] = field(default_factory=dict)

    @classmethod
    def load(cls) -> Figures:
        """Read which reference series there are (one query)."""
        return cls({series.name: series for series in references()})

    def market(self, name: str, starts_ms: Ints, resolution: Literal["quarter", "hour"]) -> Ints:
        """Return whole µct per Wh at each start of an unbroken run; by hour the mean of its quarters, half up."""
        series = self.known.get(name)
        if series is None or not len(starts_ms):
            return np.full(len(starts_ms), UNKNOWN, np.int64)
        self.used[name] = series
        start, end = int(starts_ms[0]), int(starts_ms[-1]) + QUARTER_MS
        # Cost, income and saving ask for the same prices.
        key = (name, resolution, start, end)
        if key not in self._found:
            read = _by_quarter if resolution == "quarter" else _by_hour
            self._found[key] = read(series, start, end)
        return self._found[key]

    def emission(self, country: str, starts_ms: Ints) -> Ints:
        """Return the grid's mg CO2 per kWh at each start of an unbroken run, NO_FACTOR where none is known."""
        candidates = [s for s in self.known.values() if s.kind == ReferenceKind.EMISSION and s.country == country]
        if not candidates or not len(starts_ms):
            return np.full(len(starts_ms), NO_FACTOR, np.int64)
        series = min(candidates, key=lambda s: (s.demo, s.name))
        self.used[series.name] = series
        start, end = int(starts_ms[0]), int(starts_ms[-1]) + QUARTER_MS
        values, present = reference_quarters(series=series, start_ms=start, end_ms=end)
        return np.where(present, np.floor(values * 1000 + 0.5), NO_FACTOR).astype(np.int64)

    def sources(self) -> list[Source]:
        """Name what was used."""
        return sources_of(self.used.values())


def _by_quarter(series: ReferenceSeries, start_ms: int, end_ms: int) -> Ints:
    values, present = reference_quarters(series=series, start_ms=start_ms, end_ms=end_ms)
    return np.where(present, np.floor(values + 0.5), UNKNOWN).astype(np.int64)


def _by_hour(series: ReferenceSeries, start_ms: int, end_ms: int) -> Ints:
    """Return for each quarter-hour the mean of its hour's known quarters, rounded half up."""
    first, last = start_ms // HOUR_MS * HOUR_MS, -(-end_ms // HOUR_MS) * HOUR_MS
    values, present = reference_quarters(series=series, start_ms=first, end_ms=last)
    count = present.reshape(-1, 4).sum(axis=1)
    total = np.floor(values + 0.5).astype(np.int64).reshape(-1, 4).sum(axis=1)
    mean = np.where(count, (2 * total + count) // np.maximum(2 * count, 1), UNKNOWN)
    offset = (start_ms - first) // QUARTER_MS
    return np.repeat(mean, 4)[offset : offset + (end_ms - start_ms) // QUARTER_MS]


def sources_of(series: Iterable[ReferenceSeries]) -> list[Source]:
    """Name reference series for a reader."""
    return [Source(name=s.name, kind=s.kind, source=s.source, demo=s.demo) for s in series]
