"""Suspending a household: it may still look, but neither offer nor buy nor pay out until it is resumed."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import Kind, UnableTo
from myhouse.lifecycle import Event, lifecycle_tell
from myhouse.models import CommunityMembership, Household
from myhouse.services.notices import notice_tell

REASON_LENGTH = 200


class UnableToSuspend(UnableTo):
    """The household cannot be suspended or resumed so."""

    kind = Kind.CONFLICT


@atomic
def household_suspend(*, household: Household, reason: str, actor: Actor, now: datetime) -> Household:
    """Suspend a household, say why, and let the upper floors end what it has running."""
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= REASON_LENGTH:
        raise UnableToSuspend(
            _("Give the reason, in at most %(most)d characters: the household reads it.") % {"most": REASON_LENGTH},
            field="reason",
        )
    # Conditional: of two operators at once one suspends it, and the other one's reason does not replace his.
    changed = Household.objects.filter(pk=household.pk, suspended_at__isnull=True).update(
        suspended_at=now, suspended_reason=reason
    )
    if changed != 1:
        raise UnableToSuspend(_("This household is suspended already."))
    household.suspended_at, household.suspended_reason = now, reason
    _note(household=household, event=Event.SUSPENDED, action="household.suspend", actor=actor, now=now, reason=reason)
    return household


@atomic
def household_resume(*, household: Household, actor: Actor, now: datetime) -> Household:
    """Let a suspended household trade again; what was ended by the suspension stays ended."""
    changed = Household.objects.filter(pk=household.pk, suspended_at__isnull=False).update(
        suspended_at=None, suspended_reason=""
    )
    if changed != 1:
        raise UnableToSuspend(_("This household is not suspended."))
    household.suspended_at, household.suspended_reason = None, ""
    _note(household=household, event=Event.RESUMED, action="household.resume", actor=actor, now=now)
    return household


def _note(*, household: Household, event: Event, action: str, actor: Actor, now: datetime, reason: str = "") -> None:
    membership = CommunityMembership.objects.filter(
        household_id=household.pk, starts_at__lte=now, ends_at__gt=now
    ).first()
    audit_record(
        actor=actor,
        action=action,
        now=now,
        subject=household,
        community_id=membership.community_id if membership else None,
        details={"reason": reason} if reason else {},
    )
    lifecycle_tell(event=event, household=household, actor=actor, now=now)
    notice_tell(
        text=lambda _language: _news(household, reason),
        now=now,
        household=household,
        url=reverse("household", args=[household.pk]),
    )


def _news(household: Household, reason: str) -> str:
    """Say what happened, in the language in force."""
    if reason:
        return _("%(name)s is suspended: %(reason)s. You can look at everything, but not trade.") % {
            "name": household.name,
            "reason": reason.rstrip("."),
        }
    return _("%(name)s may trade again.") % {"name": household.name}
