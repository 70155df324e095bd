"""Which task waits in which queue: decided here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Named after resources, so that a flood of one does not hold up another; `polling` keeps time, `market` keeps
# promises, `default` tidies and sends.
RESOURCES = ("electricity", "water", "heat", "weather", "pv")
QUEUES = ("default", "polling", "market", *RESOURCES)
DEFAULT = "default"

# Tasks by name; of several entries that fit the longest holds. What is not named waits in `default`.
ROUTES = {
    "devices.tasks.": "polling",
    "marketplace.": "market",
    "config.demo_market_step": "market",
    # Files bring the readings of electricity meters, and take minutes: mails must not wait behind them.
    "myhouse.upload_import": "electricity",
}


def queue_of(name: str, kwargs: Mapping[str, Any] | None = None) -> str:
    """Return a task's queue: that of the resource it is about if it says so (`resource=…`), else by its name."""
    resource = (kwargs or {}).get("resource")
    if resource in RESOURCES:
        return str(resource)
    fitting = [prefix for prefix in ROUTES if name.startswith(prefix)]
    return ROUTES[max(fitting, key=len)] if fitting else DEFAULT


def route(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **_: Any) -> dict[str, str]:
    """Tell Celery where a task goes; the arguments are those it hands to every router."""
    return {"queue": queue_of(name, kwargs)}
