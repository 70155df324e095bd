"""Handing out invitations: mailed, or as a link shown once."""

from __future__ import annotations

from datetime import datetime

from myhouse.documents.atomic import atomic
from myhouse.documents.services import Actor
from myhouse.models import Household, Invitation, User
from myhouse.services.households import invitation_create
from myhouse.services.letters import letter_invitation, link


@atomic
def invitation_issue(
    *,
    household: Household,
    role: str,
    email: str,
    history_shared: bool,
    inviting: User,
    language: str,
    actor: Actor,
    now: datetime,
) -> tuple[Invitation, str]:
    """Invite somebody; returns the invitation and its link, which is empty when it was mailed instead.

    A mailed link is shown to nobody else, because holding it proves the address.
    """
    invitation, secret = invitation_create(
        household=household, role=role, email=email, history_shared=history_shared, actor=actor, now=now
    )
    if not invitation.email:
        return invitation, link("join", secret)
    letter_invitation(
        to=invitation.email,
        inviting=inviting.name,
        household=household.name,
        secret=secret,
        language=language,
        now=now,
    )
    return invitation, ""
