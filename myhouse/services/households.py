"""Founding households, inviting people, changing and ending memberships."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import UTC, datetime, timedelta

from django.db.models import F
from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic, guard
from myhouse.documents.base import FOREVER
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import FieldError, Kind, NotFound, UnableTo
from myhouse.models import Community, Household, Invitation, Membership, User
from myhouse.models.households import Role
from myhouse.place import place_check
from myhouse.services.communities import household_join_community

# A founder's history reaches back as far as readings may: he may upload files from before he signed up.
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
INVITATION_LASTS = timedelta(days=7)
_MEMBERS_AT_MOST = 50
_INVITATIONS_AT_MOST = 20


class UnableToSaveHousehold(UnableTo):
    """The household's name or place cannot be so."""


class UnableToInvite(UnableTo):
    """No invitation can be made from this."""


class UnableToJoin(UnableTo):
    """The invitation cannot be accepted."""

    kind = Kind.CONFLICT


class UnableToChangeMember(UnableTo):
    """A household keeps an owner; the change would leave it without one."""

    kind = Kind.CONFLICT


@atomic
def household_create(
    *,
    owner: User,
    name: str,
    time_zone: str,
    currency: str,
    community: Community | None,
    actor: Actor,
    now: datetime,
    since: datetime | None = None,
) -> Household:
    """Found a household; its owner sees the data from `since` on (by default all there ever is)."""
    name = _checked_name(name, time_zone=time_zone, currency=currency)
    household = Household.objects.create(name=name, time_zone=time_zone, currency=currency, created_at=now)
    Membership.objects.create(user=owner, household=household, role=Role.OWNER, starts_at=since or BEGINNING)
    audit_record(
        actor=actor,
        action="household.create",
        now=now,
        subject=household,
        community_id=community.pk if community else None,
    )
    if community is not None:
        household_join_community(household=household, community=community, starts_at=now, actor=actor, now=now)
    return household


@atomic
def household_change(
    *,
    household: Household,
    name: str,
    time_zone: str,
    currency: str,
    connection_limit_w: int,
    actor: Actor,
    now: datetime,
) -> Household:
    """Change what the household is called and where it stands."""
    name = _checked_name(name, time_zone=time_zone, currency=currency)
    if not 1_000 <= connection_limit_w <= 10_000_000:
        raise UnableToSaveHousehold(
            _("Give what the grid connection can carry in W, from 1000 to 10000000."), field="connection_limit_w"
        )
    before = {"name": household.name, "time_zone": household.time_zone, "currency": household.currency}
    household.name, household.time_zone, household.currency = name, time_zone, currency
    household.connection_limit_w = connection_limit_w
    household.save(update_fields=["name", "time_zone", "currency", "connection_limit_w"])
    audit_record(actor=actor, action="household.change", now=now, subject=household, details={"before": before})
    return household


@atomic
def household_rename(*, household: Household, name: str, actor: Actor, now: datetime) -> Household:
    """Change what the household is called."""
    return household_change(
        household=household,
        name=name,
        time_zone=household.time_zone,
        currency=household.currency,
        connection_limit_w=household.connection_limit_w,
        actor=actor,
        now=now,
    )


@atomic
def invitation_create(
    *,
    household: Household,
    role: str,
    email: str,
    actor: Actor,
    now: datetime,
    history_shared: bool = False,
) -> tuple[Invitation, str]:
    """Make a link that lets one person join; returns it with its secret, which is kept nowhere."""
    guard("invitations", household.pk)
    if role not in Role.values:
        raise UnableToInvite(_("Choose a role: owner, viewer or supplier."), field="role")
    if actor.user_id is None:
        raise UnableToInvite(_("Only a member can invite."))
    open_ones = Invitation.objects.filter(
        household=household, expires_at__gt=now, used_at__isnull=True, revoked_at__isnull=True
    ).count()
    if open_ones >= _INVITATIONS_AT_MOST:
        raise UnableToInvite(_("There are %(count)s open invitations. Revoke one first.") % {"count": open_ones})
    secret = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        household=household,
        role=role,
        email=email.strip().lower(),
        digest=secret_digest(secret),
        history_shared=history_shared,
        invited_by_id=actor.user_id,
        created_at=now,
        expires_at=now + INVITATION_LASTS,
    )
    audit_record(actor=actor, action="invitation.create", now=now, subject=household, details={"role": role})
    return invitation, secret


@atomic
def invitation_revoke(*, household: Household, invitation_id: uuid.UUID, actor: Actor, now: datetime) -> None:
    """Make a link useless; a used or revoked one is not found."""
    changed = Invitation.objects.filter(
        pk=invitation_id, household_id=household.pk, used_at__isnull=True, revoked_at__isnull=True
    ).update(revoked_at=now)
    if not changed:
        raise NotFound(_("There is no open invitation like this in the household."))
    audit_record(actor=actor, action="invitation.revoke", now=now, subject=household)


def invitation_find(*, secret: str, now: datetime) -> Invitation:
    """Return the invitation a link belongs to while it can be used; its household is filled in."""
    invitation = Invitation.objects.filter(digest=secret_digest(secret)).first()
    if invitation is None:
        raise NotFound(_("This invitation is not known. Ask for a new link."))
    if invitation.revoked_at is not None:
        raise UnableToJoin(_("This invitation was withdrawn. Ask the household for a new link."))
    if invitation.used_at is not None:
        raise UnableToJoin(_("This invitation was used already. Ask the household for a new link."))
    if invitation.expires_at <= now:
        raise UnableToJoin(_("This invitation has expired. Ask the household for a new link."))
    return invitation


@atomic
def invitation_accept(*, secret: str, user: User, now: datetime) -> Membership:
    """Let the user join by a link: once, before it expires, in the role it names."""
    invitation = invitation_find(secret=secret, now=now)
    household_id = invitation.household_id
    _members_touch(household_id)
    current = Membership.objects.filter(household_id=household_id, starts_at__lte=now, ends_at__gt=now)
    if current.filter(user=user).exists():
        raise UnableToJoin(_("You belong to this household already."))
    if current.count() >= _MEMBERS_AT_MOST:
        raise UnableToJoin(_("This household is full. Ask an owner to remove a member first."))
    used = Invitation.objects.filter(pk=invitation.pk, used_at__isnull=True, revoked_at__isnull=True).update(
        used_at=now
    )
    if used != 1:
        raise UnableToJoin(_("This invitation was used already. Ask the household for a new link."))
    membership = Membership.objects.create(
        user=user, household_id=household_id, role=invitation.role, starts_at=_history_start(invitation, user, now)
    )
    audit_record(
        actor=Actor(user_id=user.pk, label=user.email),
        action="household.join",
        now=now,
        subject=membership,
        details={"household": str(household_id), "role": invitation.role},
    )
    return membership


@atomic
def member_role_set(
    *, household: Household, membership_id: uuid.UUID, role: str, actor: Actor, now: datetime
) -> Membership:
    """Give a member another role; the last owner stays one."""
    if role not in Role.values:
        raise UnableToChangeMember(_("Choose a role: owner, viewer or supplier."), field="role")
    _members_touch(household.pk)
    membership = _member(household, membership_id, now)
    if role != Role.OWNER:
        _require_other_owner(household, membership, now)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    if role != Role.OWNER:
        _invitations_withdraw(membership, now)
    audit_record(
        actor=actor, action="member.role", now=now, subject=membership, details={"before": before, "after": role}
    )
    return membership


@atomic
def member_curves_set(
    *, household: Household, membership_id: uuid.UUID, agreed: bool, actor: Actor, now: datetime
) -> Membership:
    """Agree that a supplier sees curves, or take the consent back."""
    membership = _member(household, membership_id, now)
    membership.curves_agreed = agreed
    membership.save(update_fields=["curves_agreed"])
    audit_record(actor=actor, action="member.curves", now=now, subject=membership, details={"agreed": agreed})
    return membership


@atomic
def member_remove(*, household: Household, membership_id: uuid.UUID, actor: Actor, now: datetime) -> None:
    """End a membership (moving out, or being removed); never that of the last owner."""
    _members_touch(household.pk)
    membership = _member(household, membership_id, now)
    _require_other_owner(household, membership, now)
    membership.ends_at = now
    membership.save(update_fields=["ends_at"])
    _invitations_withdraw(membership, now)
    audit_record(
        actor=actor,
        action="member.remove",
        now=now,
        subject=membership,
        details={"household": str(household.pk), "own_wish": actor.user_id == membership.user_id},
    )


def secret_digest(secret: str) -> str:
    """Return what is kept of a random secret; 256 bits of chance need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checked_name(name: str, *, time_zone: str, currency: str) -> str:
    name = " ".join(name.split())
    errors = place_check(time_zone=time_zone, currency=currency)
    if not name:
        errors.insert(0, FieldError("name", _("Give the household a name, such as your street and number.")))
    elif len(name) > 80:
        errors.insert(0, FieldError("name", _("Choose a name of at most 80 characters.")))
    if errors:
        raise UnableToSaveHousehold(_("The household was not saved."), errors=errors)
    return name


def _members_touch(household_id: uuid.UUID) -> None:
    """Write the household first, so that two changes of its members at once wait or conflict."""
    guard("members", household_id)
    Household.objects.filter(pk=household_id).update(members_version=F("members_version") + 1)


def _member(household: Household, membership_id: uuid.UUID, now: datetime) -> Membership:
    membership = Membership.objects.filter(
        pk=membership_id, household_id=household.pk, starts_at__lte=now, ends_at__gt=now
    ).first()
    if membership is None:
        raise NotFound(_("There is no such member in this household."))
    return membership


def _require_other_owner(household: Household, membership: Membership, now: datetime) -> None:
    """Refuse to take away the last owner."""
    if membership.role != Role.OWNER:
        return
    others = Membership.objects.filter(
        household_id=household.pk, role=Role.OWNER, starts_at__lte=now, ends_at__gt=now
    ).exclude(pk=membership.pk)
    if not others.exists():
        raise UnableToChangeMember(
            _("A household needs an owner. Make somebody else an owner first, or invite one."), field="role"
        )


def _invitations_withdraw(membership: Membership, now: datetime) -> None:
    """Make the open links of one who is no owner any more useless, or he could let himself in again."""
    Invitation.objects.filter(
        household_id=membership.household_id,
        invited_by_id=membership.user_id,
        used_at__isnull=True,
        revoked_at__isnull=True,
    ).update(revoked_at=now)


def _history_start(invitation: Invitation, user: User, now: datetime) -> datetime:
    """From when on the new member sees data: from now, or as far back as the one who invited."""
    if not invitation.history_shared:
        return now
    inviting = Membership.objects.filter(
        user_id=invitation.invited_by_id, household_id=invitation.household_id, starts_at__lte=now, ends_at__gt=now
    ).first()
    if inviting is None:
        return now
    # A former stay keeps its own period; the new one begins after it.
    former = (
        Membership.objects.filter(user=user, household_id=invitation.household_id, ends_at__lt=FOREVER)
        .order_by("-ends_at")
        .first()
    )
    return max(inviting.starts_at, former.ends_at) if former else inviting.starts_at
