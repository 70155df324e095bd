"""Reading the mails an embedded installation keeps in its folder."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from myhouse.models import CommunityMembership, CommunityRole, Membership, User

_FILES_AT_MOST = 200
# What Django's file backend writes between two mails of one file.
_RULER = "\n" + "-" * 79 + "\n"


@dataclass(frozen=True)
class Mail:
    """A kept mail."""

    to: str
    subject: str
    date: str
    body: str


def mail_is_kept() -> bool:
    """Whether mail goes to a folder here instead of to a server."""
    return settings.EMAIL_BACKEND == "django.core.mail.backends.filebased.EmailBackend"


def mails_for(*, user: User, now: datetime) -> list[Mail]:
    """List the newest mails: all for the operator, for a manager those to members of his communities.

    Mails hold links that open accounts, so a manager sees none that are addressed to other staff.
    """
    mails = _newest()
    if user.is_superuser:
        return mails
    readable = _addresses(user, now)
    return [mail for mail in mails if mail.to.lower() in readable]


def _addresses(user: User, now: datetime) -> set[str]:
    communities = list(CommunityRole.objects.filter(user=user).values_list("community_id", flat=True))
    households = list(
        CommunityMembership.objects.filter(
            community_id__in=communities, starts_at__lte=now, ends_at__gt=now
        ).values_list("household_id", flat=True)
    )
    members = list(
        Membership.objects.filter(household_id__in=households, starts_at__lte=now, ends_at__gt=now).values_list(
            "user_id", flat=True
        )
    )
    addresses = User.objects.filter(pk__in=members, is_staff=False).values_list("email", flat=True)
    return {*addresses, user.email}


def _newest() -> list[Mail]:
    folder = Path(settings.EMAIL_FILE_PATH)
    if not folder.is_dir():
        return []
    files = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)[:_FILES_AT_MOST]
    return [mail for path in files for mail in _read(path)]


def _read(path: Path) -> list[Mail]:
    """Read one file of the backend, which may hold several mails; the newest first."""
    parts = path.read_text(encoding="utf-8", errors="replace").split(_RULER)
    return [_mail(part) for part in reversed(parts) if part.strip()]


def _mail(text: str) -> Mail:
    message = email.message_from_string(text, policy=email.policy.default)
    body = message.get_body(("plain",))
    return Mail(
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        date=str(message["Date"] or ""),
        body=body.get_content() if body is not None else "",
    )
