"""The store's housekeeping as Celery tasks: one service call each, safe to run twice or at the same time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from celery import shared_task
from celery.schedules import crontab
from django.conf import settings

from telemetry import services
from telemetry.errors import StoreUnavailableError

logger = logging.getLogger(__name__)

SEAL_AT_ONCE = 20_000
REFRESH_AT_ONCE = 10_000
ARCHIVE_SECONDS = 30.0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _or_later(work: Callable[[], int]) -> int:
    """Housekeeping of a store that is away waits for the next turn: it is no failure of the task."""
    try:
        return work()
    except StoreUnavailableError as error:
        logger.warning("Housekeeping of the time series waits: %s", error)
        return 0


@shared_task(name="telemetry.days_seal")
def days_seal() -> int:
    """Seal the days that ended."""
    return _or_later(lambda: services.days_seal(now_ms=_now_ms(), limit=SEAL_AT_ONCE).days)


@shared_task(name="telemetry.hot_fold")
def hot_fold() -> int:
    """Fold the inbox when enough has come."""
    return _or_later(lambda: services.hot_fold(now_ms=_now_ms()))


@shared_task(name="telemetry.quarters_refresh")
def quarters_refresh() -> int:
    """Store the quarters of changed days that ended."""
    return _or_later(lambda: services.quarters_refresh(now_ms=_now_ms(), limit=REFRESH_AT_ONCE))


@shared_task(name="telemetry.days_archive", soft_time_limit=900, time_limit=960)
def days_archive() -> int:
    """Move old days to cold storage, some at a time; nothing where there is none."""
    if not settings.COLD_URL:
        return 0
    today = datetime.fromtimestamp(_now_ms() / 1000, UTC).date()
    before = services.archive_before(today=today, after_days=settings.COLD_AFTER_DAYS)
    return _or_later(lambda: services.days_archive(before=before, seconds=ARCHIVE_SECONDS).days)


BEAT: dict[str, dict[str, Any]] = {
    "telemetry-hot-fold": {"task": "telemetry.hot_fold", "schedule": 10.0, "options": {"expires": 10}},
    "telemetry-quarters-refresh": {"task": "telemetry.quarters_refresh", "schedule": 10.0, "options": {"expires": 10}},
    "telemetry-days-seal": {
        "task": "telemetry.days_seal",
        "schedule": crontab(minute="7"),
        "options": {"expires": 3000},
    },
    "telemetry-days-archive": {
        "task": "telemetry.days_archive",
        "schedule": crontab(hour="1-4", minute="*/5"),
        "options": {"expires": 240},
    },
}
