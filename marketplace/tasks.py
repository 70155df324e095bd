"""The market's regular work: one service call each, bounded, safe to run twice or at the same time."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.schedules import crontab
from django.utils import timezone

from marketplace.services.claims import claims_use as claims_use_now
from marketplace.services.offers import offers_close as offers_close_now
from marketplace.services.proof import ledger_prove as ledger_prove_now
from marketplace.services.sellable import sellable_refresh_all
from marketplace.services.settlement import windows_settle as windows_settle_now

_EVERY_S = 60.0


@shared_task(name="marketplace.sellable_refresh")
def sellable_refresh() -> int:
    """Bring up to date what households can sell."""
    return sellable_refresh_all(now=timezone.now())


@shared_task(name="marketplace.offers_close")
def offers_close() -> int:
    """Close offers whose window has begun."""
    return offers_close_now(now=timezone.now())


@shared_task(name="marketplace.windows_settle")
def windows_settle() -> int:
    """Settle windows that are over and metered."""
    return windows_settle_now(now=timezone.now())


@shared_task(name="marketplace.claims_use")
def claims_use() -> int:
    """Use bought and sold energy up against the meters."""
    return claims_use_now(now=timezone.now())


# Taken from the queue when it begins: it may last longer than the queue waits, and comes again the next night.
@shared_task(name="marketplace.ledger_prove", acks_late=False, soft_time_limit=3_600, time_limit=3_700)
def ledger_prove() -> bool:
    """Check every invariant of the ledger and keep the outcome."""
    return ledger_prove_now(now=timezone.now()).sound


def _each_minute(task: str) -> dict[str, Any]:
    # A run that waited for its successor is not needed any more.
    return {"task": task, "schedule": _EVERY_S, "options": {"expires": _EVERY_S}}


BEAT: dict[str, dict[str, Any]] = {
    "marketplace-sellable-refresh": _each_minute("marketplace.sellable_refresh"),
    "marketplace-offers-close": _each_minute("marketplace.offers_close"),
    "marketplace-windows-settle": _each_minute("marketplace.windows_settle"),
    "marketplace-claims-use": _each_minute("marketplace.claims_use"),
    "marketplace-ledger-prove": {"task": "marketplace.ledger_prove", "schedule": crontab(hour=1, minute=30)},
}
