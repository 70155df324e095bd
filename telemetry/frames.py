"""Pages of quarters: 32 UTC days of one series in one block."""

from __future__ import annotations

from telemetry.codec import grid_decode, grid_encode
from telemetry.derivation import Grid, amounts
from telemetry.model import DAY_MS, QUARTERS_PER_DAY, Series

PAGE_DAYS = 32
PAGE_MS = PAGE_DAYS * DAY_MS
PAGE_QUARTERS = PAGE_DAYS * QUARTERS_PER_DAY


def page_empty(series: Series) -> Grid:
    """A page of which nothing is known."""
    return Grid.empty(PAGE_QUARTERS, levels=not amounts(series))


def page_encode(series: Series, grid: Grid) -> bytes:
    """A page as a block; the rates of amounts follow from their energy and are left out."""
    return grid_encode(grid.flags, grid.energy, () if amounts(series) else grid.levels)


def page_decode(series: Series, data: bytes) -> Grid:
    """The page of a block."""
    if amounts(series):
        flags, energy, _none = grid_decode(data, 0)
        return Grid(flags, energy, None)
    flags, energy, (mean, low, high) = grid_decode(data, 3)
    return Grid(flags, energy, (mean, low, high))
