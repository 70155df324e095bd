"""Founding communities, joining them and appointing who runs them."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic, guard
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import FieldError, Kind, UnableTo
from myhouse.models import Community, CommunityMembership, CommunityRole, Household, User
from myhouse.place import place_check


class UnableToChangeCommunity(UnableTo):
    """The community's name, place or managers cannot be so."""


class UnableToJoinCommunity(UnableTo):
    """The household cannot belong to this community from then on."""

    kind = Kind.CONFLICT


@atomic
def community_create(
    *,
    name: str,
    currency: str,
    time_zone: str,
    country: str,
    manager: User | None,
    actor: Actor,
    now: datetime,
    simulated: bool = False,
) -> Community:
    """Found a community with its first manager."""
    name = name.strip()
    errors = place_check(time_zone=time_zone, currency=currency)
    if not name:
        errors.append(FieldError("name", _("Give the community a name.")))
    elif Community.objects.filter(name=name).exists():
        errors.append(FieldError("name", _("There is a community of this name already. Choose another name.")))
    if errors:
        raise UnableToChangeCommunity(_("The community was not founded."), errors=errors)
    community = Community.objects.create(
        name=name, currency=currency, time_zone=time_zone, country=country, simulated=simulated, created_at=now
    )
    audit_record(actor=actor, action="community.create", now=now, subject=community, community_id=community.pk)
    if manager is not None:
        community_manager_add(community=community, user=manager, actor=actor, now=now)
    return community


@atomic
def community_manager_add(*, community: Community, user: User, actor: Actor, now: datetime) -> CommunityRole:
    """Appoint a manager; appointing the same one again changes nothing."""
    role, made = CommunityRole.objects.get_or_create(user=user, community=community, role="manager")
    if made:
        audit_record(actor=actor, action="community.manager_add", now=now, subject=user, community_id=community.pk)
    return role


@atomic
def community_manager_remove(*, community: Community, user: User, actor: Actor, now: datetime) -> None:
    """Dismiss a manager, but never the last one."""
    # Or two dismissals at once would both find the other one left.
    guard("managers", community.pk)
    roles = CommunityRole.objects.filter(community=community, role="manager")
    if not roles.filter(user=user).exists():
        raise UnableToChangeCommunity(_("This person does not manage the community."), field="user")
    if roles.count() == 1:
        raise UnableToChangeCommunity(
            _("A community needs a manager. Appoint another one before you dismiss the last."), field="user"
        )
    roles.filter(user=user).delete()
    audit_record(actor=actor, action="community.manager_remove", now=now, subject=user, community_id=community.pk)


@atomic
def household_join_community(
    *, household: Household, community: Community, starts_at: datetime, actor: Actor, now: datetime
) -> CommunityMembership:
    """Let a household belong to a community from `starts_at` on; it leaves its former one at that moment."""
    guard("community of", household.pk)
    if household.currency != community.currency:
        raise UnableToJoinCommunity(
            _("The community counts in %(theirs)s and the household in %(ours)s. Change the household's currency.")
            % {"theirs": community.currency, "ours": household.currency},
            field="currency",
        )
    last = (
        CommunityMembership.objects.filter(household=household, ends_at__gt=starts_at).order_by("-starts_at").first()
    )
    if last is not None:
        if last.community_id == community.pk:
            raise UnableToJoinCommunity(_("The household belongs to this community already."), field="community")
        if last.starts_at >= starts_at:
            raise UnableToJoinCommunity(
                _("The household joins another community at that time or later. Choose a later date."),
                field="starts_at",
            )
        CommunityMembership.objects.filter(pk=last.pk).update(ends_at=starts_at)
    membership = CommunityMembership.objects.create(household=household, community=community, starts_at=starts_at)
    audit_record(
        actor=actor,
        action="community.join",
        now=now,
        subject=household,
        community_id=community.pk,
        details={"starts_at": starts_at.isoformat()},
    )
    return membership
