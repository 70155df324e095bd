"""Who may see which household, in which role, and which part of its history."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from myhouse.documents.base import FOREVER
from myhouse.errors import Kind, NotAllowed, NotFound, UnableTo
from myhouse.models import Community, CommunityMembership, Household, Invitation, Membership, User
from myhouse.models.households import Role


class UnableWhileSuspended(UnableTo):
    """The household is suspended: it may look, but not trade."""

    kind = Kind.CONFLICT


@dataclass(frozen=True)
class Access:
    """What one user may do with one household; every read is clipped to [since, until)."""

    household: Household
    role: Role
    since: datetime
    until: datetime
    membership_id: uuid.UUID
    curves_agreed: bool = False

    @property
    def may_change(self) -> bool:
        """Whether the user may change the household: owners only."""
        return self.role == Role.OWNER

    @property
    def sums_only(self) -> bool:
        """Whether only sums may be shown, as to a supplier without the household's consent to curves."""
        return self.role == Role.SUPPLIER and not self.curves_agreed

    def require_change(self) -> None:
        """Refuse what only an owner may do."""
        if not self.may_change:
            raise NotAllowed(_("Only an owner of this household may change it. Ask an owner to do it."))

    def require_member(self) -> None:
        """Refuse what is for the people of the household only, not for its supplier."""
        if self.role == Role.SUPPLIER:
            raise NotAllowed(_("This page is for the members of the household. As its supplier you see its sums."))

    def require_curves(self) -> None:
        """Refuse curves to a supplier to whom the household has not agreed to show them."""
        if self.sums_only:
            raise NotAllowed(_("As supplier you see sums only. Ask the household to agree to share its curves."))

    def clip(self, *, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """Cut a period to what this user may see; an empty result has both ends alike."""
        clipped_start = min(max(start, self.since), self.until)
        return clipped_start, max(clipped_start, min(end, self.until))


@dataclass(frozen=True)
class Member:
    """A person in a household as shown to its other members."""

    id: uuid.UUID
    user_id: uuid.UUID
    name: str
    email: str
    role: Role
    starts_at: datetime
    curves_agreed: bool


def household_for(*, user: User, household_id: uuid.UUID, now: datetime) -> Access:
    """Open a household for a user, or refuse as if it did not exist. THE gate of all pages and the API."""
    membership = None
    if user.only_household_id in {None, household_id}:
        membership = (
            Membership.objects.filter(user_id=user.pk, household_id=household_id, starts_at__lte=now, ends_at__gt=now)
            .order_by("starts_at")
            .first()
        )
    household = Household.objects.filter(pk=household_id).first() if membership else None
    if membership is None or household is None:
        raise NotFound(_("There is no such household, or it is not yours."))
    return _access(membership, household)


def households_of(*, user: User, now: datetime) -> list[Household]:
    """List the households the user belongs to now, by name."""
    return [access.household for access in accesses_of(user=user, now=now)]


def accesses_of(*, user: User, now: datetime) -> list[Access]:
    """List what the user may open now, by the households' names; two queries."""
    memberships = {
        m.household_id: m
        for m in Membership.objects.filter(user_id=user.pk, starts_at__lte=now, ends_at__gt=now)
        if user.only_household_id in {None, m.household_id}
    }
    households = Household.objects.filter(pk__in=list(memberships)) if memberships else []
    ordered = sorted(households, key=lambda h: (h.name.casefold(), h.pk))
    return [_access(memberships[h.pk], h) for h in ordered]


def household_require_active(household: Household) -> None:
    """Refuse what a suspended household may not do; asked of the database, so that a stale object does not pass."""
    suspended = Household.objects.filter(pk=household.pk, suspended_at__isnull=False).first()
    if suspended is not None:
        raise UnableWhileSuspended(
            _("This household is suspended (%(reason)s): it can look, but not trade. Ask the operator to resume it.")
            % {"reason": suspended.suspended_reason or _("no reason was given")}
        )


def members_of(*, household: Household, now: datetime) -> list[Member]:
    """List who belongs to the household now, owners first; two queries."""
    memberships = list(Membership.objects.filter(household_id=household.pk, starts_at__lte=now, ends_at__gt=now))
    users = User.objects.in_bulk([m.user_id for m in memberships])
    order = list(Role)
    members = [
        Member(
            id=m.pk,
            user_id=m.user_id,
            name=users[m.user_id].name,
            email=users[m.user_id].email,
            role=Role(m.role),
            starts_at=m.starts_at,
            curves_agreed=m.curves_agreed,
        )
        for m in memberships
    ]
    return sorted(members, key=lambda m: (order.index(m.role), m.name.casefold(), m.id))


def invitations_of(*, household: Household, now: datetime) -> list[Invitation]:
    """List the household's invitations that can still be used, the newest first."""
    return list(
        Invitation.objects.filter(
            household_id=household.pk, expires_at__gt=now, used_at__isnull=True, revoked_at__isnull=True
        ).order_by("-created_at")[:100]
    )


def community_of(*, household: Household, now: datetime) -> Community | None:
    """Return the community the household belongs to now, if any."""
    membership = (
        CommunityMembership.objects.filter(household_id=household.pk, starts_at__lte=now, ends_at__gt=now)
        .order_by("-starts_at")
        .first()
    )
    return Community.objects.filter(pk=membership.community_id).first() if membership else None


def household_ids_of_community(*, community: Community, start: datetime, end: datetime) -> list[uuid.UUID]:
    """List the households that belonged to the community at any time of [start, end)."""
    return list(
        CommunityMembership.objects.filter(community_id=community.pk, starts_at__lt=end, ends_at__gt=start)
        .values_list("household_id", flat=True)
        .distinct()
    )


def neighbour_name(*, household: Household, now: datetime) -> str:
    """Return the name neighbours may see: of the first owner who agreed, else a neutral one."""
    return neighbour_names(household_ids=[household.pk], now=now)[household.pk]


def neighbour_names(*, household_ids: list[uuid.UUID], now: datetime) -> dict[uuid.UUID, str]:
    """Return for each household the name neighbours may see; two queries for all."""
    memberships = sorted(
        Membership.objects.filter(
            household_id__in=household_ids, role=Role.OWNER, starts_at__lte=now, ends_at__gt=now
        ),
        key=lambda membership: (membership.starts_at, membership.pk),
    )
    users = User.objects.filter(pk__in=[m.user_id for m in memberships], name_shown_to_neighbours=True)
    shown = {user.pk: user.name for user in users}
    names: dict[uuid.UUID, str] = {}
    for membership in memberships:
        if membership.user_id in shown:
            names.setdefault(membership.household_id, shown[membership.user_id])
    # Without consent: a short, stable mark that says nothing about the person.
    return {pk: names.get(pk) or _("Neighbour %(mark)s") % {"mark": pk.hex[-4:].upper()} for pk in household_ids}


def is_open(moment: datetime) -> bool:
    """Tell whether a period's end stands for 'still going on'."""
    return moment >= FOREVER


def _access(membership: Membership, household: Household) -> Access:
    return Access(
        household=household,
        role=Role(membership.role),
        since=membership.starts_at,
        until=membership.ends_at,
        membership_id=membership.pk,
        curves_agreed=membership.curves_agreed,
    )
