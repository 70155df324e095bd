"""Every read of the time-series store; a page may tolerate that it is away (`telemetry.missing`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from telemetry.missing import read_or
from telemetry.model import Columns, Curve, Int64s, Quarters, Reading, Series, Totals
from telemetry.nothing import curve_nothing, quarters_nothing, totals_nothing
from telemetry.process import store_current
from telemetry.state import StoreState, is_spooling_to, state_of


def series_get(*, series_id: UUID) -> Series | None:
    """The registered series, or None."""
    return store_current().series_get([series_id]).get(series_id)


def series_get_many(*, series_ids: Iterable[UUID]) -> dict[UUID, Series]:
    """The registered ones among these ids."""
    ids = list(series_ids)
    return read_or(dict, lambda: store_current().series_get(ids))


def series_all() -> Iterator[Series]:
    """Every registered series, in no particular order."""
    return store_current().series_all()


def scan(*, series_id: UUID, start_ms: int, end_ms: int, limit: int | None = None) -> Columns:
    """Readings of [start_ms, end_ms), all layers merged, the last write of a time counts."""
    return read_or(Columns.empty, lambda: store_current().scan(series_id, start_ms, end_ms, limit))


def latest(*, series_ids: Iterable[UUID]) -> dict[UUID, Reading]:
    """The newest reading of each series that has one."""
    ids = list(series_ids)
    return read_or(dict, lambda: store_current().latest(ids))


def curve(*, series_ids: Sequence[UUID], start_ms: int, end_ms: int, step_ms: int) -> Curve:
    """Buckets of 1 s to 1 day from readings, at most 20,000 of them.

    Gauges and means: mean, min and max of the values. Counters and interval energies: mean rate per hour (Wh → W).
    """
    return read_or(
        lambda: curve_nothing(len(series_ids), start_ms, end_ms, step_ms),
        lambda: store_current().curve(series_ids, start_ms, end_ms, step_ms),
    )


def quarters(*, series_ids: Sequence[UUID], start_ms: int, end_ms: int) -> Quarters:
    """The 15-minute grid of [start_ms, end_ms), both on a quarter's edge; never stale."""
    return read_or(
        lambda: quarters_nothing(len(series_ids), start_ms, end_ms),
        lambda: store_current().quarters(series_ids, start_ms, end_ms),
    )


def totals(*, series_ids: Sequence[UUID], edges_ms: Int64s) -> Totals:
    """Sums between consecutive edges (rising, each on a quarter's edge); never stale."""
    return read_or(
        lambda: totals_nothing(len(series_ids), len(edges_ms) - 1),
        lambda: store_current().totals(series_ids, edges_ms),
    )


def bounds(*, series_id: UUID) -> tuple[int, int] | None:
    """Times of the first and the last reading, or None."""
    return read_or(lambda: None, lambda: store_current().bounds(series_id))


def store_state() -> StoreState:
    """Whether the store answers, and what waits to be written to it; asks nobody, so pages may ask it."""
    return state_of(store_current())


def is_spooling() -> bool:
    """Whether readings taken now are durable but wait before they can be read; costs next to nothing."""
    return is_spooling_to(store_current())
