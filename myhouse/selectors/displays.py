"""Reading display links: which ones a household has given out."""

from __future__ import annotations

from datetime import datetime

from myhouse.models import DisplayLink, Household


def displays_of(*, household: Household, now: datetime) -> list[DisplayLink]:
    """List the household's display links that work, the newest first."""
    live = DisplayLink.objects.filter(household_id=household.pk, revoked_at__gt=now)
    return sorted(live, key=lambda display: display.created_at, reverse=True)[:100]
