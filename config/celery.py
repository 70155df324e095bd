"""The Celery application; tasks live in each app's `tasks.py`, queues are named after resources."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("myhouse")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

QUEUES = ("default", "polling", "market", "electricity", "water", "heat", "weather", "pv")
APPS_WITH_TASKS = ("config", "telemetry", "myhouse", "devices", "marketplace")


@signals.setup_logging.connect
def _leave_logging_alone(**_: Any) -> None:
    """Keep Django's LOGGING: with a receiver on this signal Celery installs no handlers of its own."""


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
