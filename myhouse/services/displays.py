"""Display links: a household's page on a wall tablet, to look at only, without an account."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic, guard
from myhouse.documents.base import FOREVER
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import Kind, NotFound, UnableTo
from myhouse.models import DisplayLink, Household, User
from myhouse.models.households import Role
from myhouse.selectors.households import Access, household_for
from myhouse.services.households import secret_digest

DISPLAYS_AT_MOST = 20
# A tablet asks all day: its last use is written down now and then only.
NOTED_EVERY = timedelta(minutes=5)


class UnableToCreateDisplay(UnableTo):
    """No further display link can be given out, or not by this name."""

    kind = Kind.CONFLICT


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


@atomic
def display_create(
    *, household: Household, name: str, owner: User, actor: Actor, now: datetime
) -> tuple[DisplayLink, str]:
    """Give out a link that shows what its owner sees; returns it with its secret, which is kept nowhere.

    It works while this owner is one: who moves out takes no view into the home along.
    """
    guard("displays", household.pk)
    name = " ".join(name.split())
    if not 1 <= len(name) <= 80:
        raise UnableToCreateDisplay(_("Say where the display hangs, in at most 80 characters."), field="name")
    if DisplayLink.objects.filter(household_id=household.pk, revoked_at__gt=now).count() >= DISPLAYS_AT_MOST:
        raise UnableToCreateDisplay(
            _("There are %(count)s display links. Revoke one first.") % {"count": DISPLAYS_AT_MOST}, field="name"
        )
    secret = secrets.token_urlsafe(32)
    link = DisplayLink.objects.create(
        household=household, name=name, digest=secret_digest(secret), created_by=owner, created_at=now
    )
    audit_record(actor=actor, action="display.create", now=now, subject=link, details={"name": name})
    return link, secret


@atomic
def display_revoke(*, household: Household, display_id: uuid.UUID, actor: Actor, now: datetime) -> None:
    """End a display link; open displays go dark within half a minute."""
    live = DisplayLink.objects.filter(pk=display_id, household_id=household.pk, revoked_at__gt=now)
    if live.update(revoked_at=now) != 1:
        raise NotFound(_("There is no such display link."))
    link = DisplayLink.objects.get(pk=display_id)
    audit_record(actor=actor, action="display.revoke", now=now, subject=link, details={"name": link.name})


def display_used(*, link: DisplayLink, now: datetime) -> None:
    """Note that the link was used, at most every few minutes."""
    if link.last_used_at is None or now - link.last_used_at >= NOTED_EVERY:
        DisplayLink.objects.filter(pk=link.pk, revoked_at=FOREVER).update(last_used_at=now)
