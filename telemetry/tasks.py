"""The store's housekeeping as Celery tasks: one service call each, safe to run twice or at the same time."""

from __future__ import annotations

import time
from typing import Any

from celery import shared_task
from celery.schedules import crontab

from telemetry import services

SEAL_AT_ONCE = 20_000
REFRESH_AT_ONCE = 10_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@shared_task(name="telemetry.days_seal")
def days_seal() -> int:
    """Seal the days that ended."""
    return services.days_seal(now_ms=_now_ms(), limit=SEAL_AT_ONCE).days


@shared_task(name="telemetry.hot_fold")
def hot_fold() -> int:
    """Fold the inbox when enough has come."""
    return services.hot_fold(now_ms=_now_ms())


@shared_task(name="telemetry.quarters_refresh")
def quarters_refresh() -> int:
    """Store the quarters of changed days that ended."""
    return services.quarters_refresh(now_ms=_now_ms(), limit=REFRESH_AT_ONCE)


BEAT: dict[str, dict[str, Any]] = {
    "telemetry-hot-fold": {"task": "telemetry.hot_fold", "schedule": 10.0, "options": {"expires": 10}},
    "telemetry-quarters-refresh": {"task": "telemetry.quarters_refresh", "schedule": 10.0, "options": {"expires": 10}},
    "telemetry-days-seal": {
        "task": "telemetry.days_seal",
        "schedule": crontab(minute="7"),
        "options": {"expires": 3000},
    },
}
