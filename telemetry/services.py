"""Every write of the time-series store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from uuid import UUID

from telemetry.cold.archive import Archive, ArchiveResult
from telemetry.errors import StoreConfigurationError
from telemetry.live import live_forget
from telemetry.model import Batch, SealResult, Series, WriteResult
from telemetry.process import store_close, store_current

_EPOCH = date(1970, 1, 1)


def series_register(*, series: Series) -> Series:
    """Register a series; again with the same facts changes nothing, with others raises SeriesConflictError."""
    store_current().series_register([series])
    return series


def series_register_many(*, series: Iterable[Series]) -> None:
    """Register any number of series in one transaction."""
    store_current().series_register(list(series))


def readings_write(*, batch: Batch, now_ms: int) -> WriteResult:
    """Store readings, all or none; durable on return, power loss included. For callers that may wait."""
    return store_current().write(batch, now_ms)


async def readings_write_async(*, batch: Batch, now_ms: int) -> WriteResult:
    """Store readings as `readings_write` does; requests that wait together share one sync to disk."""
    return await store_current().write_async(batch, now_ms)


def history_write(*, batch: Batch, now_ms: int, progress: Callable[[int, int], None] | None = None) -> WriteResult:
    """Import past days in bulk: whole days are sealed directly. Safe to repeat; `progress(done, total)` per step."""
    return store_current().history_write(batch, now_ms, progress)


def days_seal(*, now_ms: int, limit: int | None = None) -> SealResult:
    """Move the hot readings of UTC days that have ended into sealed blocks; safe to interrupt anywhere."""
    return store_current().days_seal(now_ms, limit)


def hot_fold(*, now_ms: int) -> int:
    """Sort arrived batches into hot chunks per series and hour when enough have come; returns batches folded."""
    return store_current().hot_fold(now_ms, only_if_due=True)


def quarters_refresh(*, now_ms: int, limit: int | None = None) -> int:
    """Derive the quarters of changed days that have ended; returns how many. Reads never wait for it."""
    return store_current().quarters_refresh(now_ms, limit)


def series_forget(*, series_id: UUID, start_ms: int | None = None, end_ms: int | None = None) -> int:
    """Erase a series' readings of [start_ms, end_ms) and all that was derived; returns how many."""
    erased = store_current().forget(series_id, start_ms, end_ms)
    live_forget([series_id])
    return erased


def days_archive(
    *,
    before: date,
    dry_run: bool = False,
    seconds: float = float("inf"),
    progress: Callable[[float], None] | None = None,
) -> ArchiveResult:
    """Move sealed days before this one (UTC) to COLD_URL and tidy its files; safe to interrupt and to run twice."""
    return _archive().run((before - _EPOCH).days, dry=dry_run, seconds=seconds, progress=progress)


def days_thaw(*, series_id: UUID, start_ms: int = 0, end_ms: int = 1 << 52) -> int:
    """Bring a series' archived days of a range back into the store; returns how many."""
    _archive()
    return store_current().thaw(series_id, start_ms, end_ms)


def cold_leave() -> None:
    """Let another COLD_URL be begun with, once every day is back in the store."""
    _archive().leave()


def _archive() -> Archive:
    archive = store_current().archive
    if archive is None:
        raise StoreConfigurationError(
            "There is no cold storage: set COLD_URL to file:///folder or s3://bucket/prefix."
        )
    return archive


def archive_before(*, today: date, after_days: int) -> date:
    """The day before which everything is archived by the regular run: whole months older than so many days.

    A month is then one file per bucket of series, instead of thirty.
    """
    return (today - timedelta(days=after_days)).replace(day=1)


def store_release() -> None:
    """Write what waits and close what this process has open; the next use opens it again."""
    store_close()
