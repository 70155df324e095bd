"""The base of the marketplace's API views: for the people of a household, with its community's currency."""

from __future__ import annotations

from functools import cached_property

from django.utils import timezone

from myhouse.api.gate import MemberView
from myhouse.models import Community
from myhouse.selectors.households import community_of


class MarketView(MemberView):
    """A view for members, of whom only owners trade."""

    @cached_property
    def community(self) -> Community | None:
        """The community the household belongs to now."""
        return community_of(household=self.access.household, now=timezone.now())

    @property
    def currency(self) -> str:
        """The currency that prices and balances are in."""
        return self.access.household.currency if self.community is None else self.community.currency
