"""The Celery application; tasks live in each app's `tasks.py`, queues are named after resources."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
from traceback import format_tb
from typing import Any

from celery import Celery, signals

from config.queues import QUEUES

__all__ = ["APPS_WITH_TASKS", "QUEUES", "app", "beat_schedule"]

logger = logging.getLogger(__name__)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("myhouse")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

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


@signals.task_unknown.connect
def _unknown_keep(message: Any = None, exc: BaseException | None = None, name: str = "", **_: Any) -> None:
    """Write a task down that this version does not know; a newer one may, when it is started again."""
    from config.consumer import poison_record, queue_of, raw_text

    args, kwargs, _embedded = message.payload
    error = f"no task of this name is known here: {exc}"
    poison_record(
        kind="unknown",
        name=name,
        queue=queue_of(message),
        error=error,
        body=raw_text(message),
        args=args,
        kwargs=kwargs,
    )


@signals.task_rejected.connect
def _rejected_keep(message: Any = None, exc: BaseException | None = None, **_: Any) -> None:
    """Write a message down that is none of a task."""
    from config.consumer import poison_record, queue_of, raw_text

    error = exc or "it is not a task"
    poison_record(kind="unreadable", name="?", queue=queue_of(message), error=error, body=raw_text(message))


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
