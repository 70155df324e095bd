"""What every market page stands in: the household through the gate, its community, who may trade and why not."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.utils import timezone

from myhouse.errors import NotFound
from myhouse.selectors.households import Access, community_of, household_require_active
from myhouse.views.gate import household_open

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from myhouse.models import Community, Household


@dataclass(frozen=True)
class Place:
    """Who looks at the market, when, and from which home."""

    request: HttpRequest
    access: Access
    community: Community | None
    now: datetime

    @property
    def household(self) -> Household:
        """The home the page is about."""
        return self.access.household

    @property
    def currency(self) -> str:
        """The money of the community, else the household's own."""
        return self.community.currency if self.community else self.household.currency

    @property
    def may_trade(self) -> bool:
        """Whether trading controls are shown: to owners of a home that is not suspended, in a community."""
        return self.access.may_change and self.household.suspended_at is None and self.community is not None

    def require_trading(self) -> None:
        """Refuse what only an owner of a home that is not suspended may do."""
        self.access.require_change()
        household_require_active(self.household)

    def show(self, template: str, context: dict[str, Any], *, section: str = "", status: int = 200) -> HttpResponse:
        """Answer with a page of the market; without a community it says what that would take."""
        shared = {
            "household": self.household,
            "access": self.access,
            "community": self.community,
            "currency": self.currency,
            "zone": self.household.time_zone,
            "may_trade": self.may_trade,
            "section": section,
            "now": self.now,
        }
        chosen = template if self.community else "marketplace/no_community.html"
        return render(self.request, chosen, shared | context, status=status)


def place_open(request: HttpRequest, household_id: uuid.UUID) -> Place:
    """Open the market of a household for one of its people, or answer 404; its supplier is refused."""
    access = household_open(request, household_id)
    access.require_member()
    now = timezone.now()
    return Place(request, access, community_of(household=access.household, now=now), now)


def community_require(place: Place) -> Community:
    """Return the community, or answer 404 where only a member of one has business."""
    if place.community is None:
        raise NotFound
    return place.community


def is_part(request: HttpRequest, name: str) -> bool:
    """Whether the page asks for one part of itself again, which has this id."""
    asked: Any = getattr(request, "htmx", None)
    return bool(asked) and not asked.history_restore_request and bool(asked.target == name)
