"""The Celery application; tasks live in each app's `tasks.py`, queues are named after resources."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
from traceback import format_tb
from typing import Any

from celery import Celery, signals

logger = logging.getLogger(__name__)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("myhouse")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

QUEUES = ("default", "polling", "market", "electricity", "water", "heat", "weather", "pv")
APPS_WITH_TASKS = ("config", "telemetry", "myhouse", "devices", "marketplace")


@signals.setup_logging.connect
def _leave_logging_alone(**_: Any) -> None:
    """Keep Django's LOGGING: with a receiver on this signal Celery installs no handlers of its own."""


@signals.task_failure.connect
def _failure_keep(
    sender: Any = None,
    exception: BaseException | None = None,
    args: Any = (),
    kwargs: Any = None,
    traceback: Any = None,
    **_: Any,
) -> None:
    """Write a failed task down where operators see it; a fault here must not hide the failure itself."""
    from django.utils import timezone

    from myhouse.services.failures import failure_record

    if sender is None or exception is None:
        return
    try:
        failure_record(
            name=sender.name,
            args=args or (),
            kwargs=kwargs or {},
            error=exception,
            traceback="".join(format_tb(traceback)),
            now=timezone.now(),
        )
    except Exception:
        logger.exception("The failure of %s could not be written down.", sender.name)


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Collect what each app wants done regularly: `BEAT` in its `tasks.py`, name → task, schedule, options."""
    schedule: dict[str, dict[str, Any]] = {}
    for name in APPS_WITH_TASKS:
        if importlib.util.find_spec(f"{name}.tasks") is None:
            continue
        for entry, what in getattr(importlib.import_module(f"{name}.tasks"), "BEAT", {}).items():
            if entry in schedule:
                raise ValueError(f"Two apps schedule {entry!r}: rename one of them.")
            schedule[entry] = dict(what)
    return schedule
