"""What every market page stands in: the household through the gate, its community, who may trade and why not."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.utils import timezone

from myhouse.selectors.households import Access, community_of, household_require_active
from myhouse.views.gate import household_open

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from myhouse.models import Community, Household


@dataclass(eq=False)
class Place:
    """Who looks at the market, when, and from which home."""

    request: HttpRequest
    access: Access
    now: datetime

    @cached_property
    def community(self) -> Community | None:
        """The community the home belongs to now; read when it is first asked for."""
        return community_of(household=self.household, now=self.now)

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

    def show(
        self,
        template: str,
        context: dict[str, Any],
        *,
        section: str = "",
        status: int = 200,
        anywhere: bool = False,
    ) -> HttpResponse:
        """Answer with a page of the market; without a community it says what that would take.

        `anywhere`: a page that is there also for a home that has left its community; it gives its own currency.
        """
        shared = {
            "household": self.household,
            "access": self.access,
            "zone": self.household.time_zone,
            "now": self.now,
        }
        if not anywhere:
            shared |= {"community": self.community, "currency": self.currency, "may_trade": self.may_trade}
        chosen = template if anywhere or self.community else "marketplace/no_community.html"
        return render(self.request, chosen, shared | {"section": section} | context, status=status)


def place_open(request: HttpRequest, household_id: uuid.UUID) -> Place:
    """Open the market of a household for one of its people, or answer 404; its supplier is refused."""
    access = household_open(request, household_id)
    access.require_member()
    return Place(request, access, timezone.now())


def is_part(request: HttpRequest, name: str) -> bool:
    """Whether the page asks for one part of itself again, which has this id."""
    asked: Any = getattr(request, "htmx", None)
    return bool(asked) and not asked.history_restore_request and bool(asked.target == name)
