"""What the market does when a household's life changes (settings.HOUSEHOLD_LIFECYCLE)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from marketplace.services.offers import offers_withdraw_of

if TYPE_CHECKING:
    from myhouse.documents.services import Actor
    from myhouse.models import Household


def household_suspended(*, household: Household, actor: Actor, now: datetime) -> None:
    """Withdraw what it offers; what it sold is delivered and what it bought is used as before."""
    offers_withdraw_of(household=household, actor=actor, now=now)
