"""Reading display links: what a secret opens, and which links a household has given out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from myhouse.errors import NotFound
from myhouse.models import DisplayLink, Household, User
from myhouse.models.households import Role
from myhouse.selectors.households import Access, household_for
from myhouse.services.households import secret_digest


@dataclass(frozen=True)
class Display:
    """A display link that works, and the part of the household's history it may show."""

    link: DisplayLink
    access: Access

    @property
    def household(self) -> Household:
        """The household it shows."""
        return self.access.household

    @property
    def resting(self) -> bool:
        """Whether the household is suspended, so that the display has nothing to show for now."""
        return self.household.suspended_at is not None


def display_for(*, secret: str, now: datetime) -> Display:
    """Open a display by its secret, or refuse as if it did not exist: revoked, its owner gone, household erased."""
    link = DisplayLink.objects.filter(digest=secret_digest(secret)).first()
    owner = None
    if link is not None and link.revoked_at > now:
        owner = User.objects.filter(pk=link.created_by_id, is_active=True).first()
    if link is None or owner is None:
        raise NotFound(_("This display link does not work."))
    access = household_for(user=owner, household_id=link.household_id, now=now)
    if access.role != Role.OWNER or access.household.erased_at is not None:
        raise NotFound(_("This display link does not work."))
    return Display(link=link, access=access)


def displays_of(*, household: Household, now: datetime) -> list[DisplayLink]:
    """List the household's display links that work, the newest first."""
    return list(
        DisplayLink.objects.filter(household_id=household.pk, revoked_at__gt=now).order_by("-created_at")[:100]
    )
