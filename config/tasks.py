"""What only the top floor can do regularly; one call each, safe to run twice."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

BEAT: dict[str, dict[str, Any]] = {
    "demo-references-extend": {
        "task": "config.demo_references_extend",
        "schedule": 3600.0,
        "options": {"expires": 3600.0},
    },
    "demo-market-step": {
        "task": "config.demo_market_step",
        "schedule": 60.0,
        "options": {"expires": 50.0},
    },
}


@shared_task(name="config.demo_references_extend")
def demo_references_extend() -> int:
    """Publish the demo's made-up prices and emission factors up to the end of tomorrow; nothing without a demo."""
    from config.demo import references_extend

    return references_extend(now=timezone.now())


@shared_task(name="config.demo_market_step")
def demo_market_step() -> int:
    """Let the demo's neighbours trade, once a minute; returns how many things they did, nothing without a demo."""
    from config.demo import market_step

    now = timezone.now()
    # The same minute twice would be the same ideas twice.
    if not cache.add(f"demo-market-{int(now.timestamp()) // 60}", 1, 120):
        return 0
    step = market_step(now=now)
    return step.offered + step.bought + step.withdrawn
