"""What only the top floor can do regularly; one call each, safe to run twice."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

BEAT: dict[str, dict[str, Any]] = {
    "demo-references-extend": {
        "task": "config.demo_references_extend",
        "schedule": 3600.0,
        "options": {"expires": 3600.0},
    },
}


@shared_task(name="config.demo_references_extend")
def demo_references_extend() -> int:
    """Publish the demo's made-up prices and emission factors up to the end of tomorrow; nothing without a demo."""
    from config.demo import references_extend

    return references_extend(now=timezone.now())
