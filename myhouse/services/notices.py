"""Telling people news: on the pages and by mail, each as the person chose, in the person's language."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from myhouse.documents.base import FOREVER
from myhouse.documents.outbox import mail_message, mails_put
from myhouse.documents.rows import rows_find, rows_insert
from myhouse.models import Household, Membership, Notice, User
from myhouse.models.households import Role

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# A lazy string, or what writes the text for a language code while that language is active.
Text = Callable[[str], object] | str
KEPT = timedelta(days=180)
_TEXT_LENGTH = 300


def notice_tell(
    *,
    text: Text | _StrPromise,
    now: datetime,
    household: Household | None = None,
    users: Iterable[User] = (),
    url: str = "",
    mail_subject: Text | _StrPromise = "",
    mail_body: Text | _StrPromise = "",
) -> list[Notice]:
    """Tell the people of a household (not its supplier) and these users; call it inside the change's transaction.

    `url` is a path of ours. Without a subject or body of its own the mail says the text of the notice.
    """
    people = {user.pk: user for user in (*users, *people_of(household=household, now=now)) if user.is_active}
    notices, mails = [], []
    for person in people.values():
        with translation.override(person.language):
            words = _written(text, person.language)[:_TEXT_LENGTH]
            if person.told_on_page:
                notices.append(Notice(user=person, text=words, url=url, created_at=now))
            if person.told_by_mail:
                subject = _written(mail_subject, person.language) or words
                body = _written(mail_body, person.language) or words
                # A subject is one line, whatever names are in it.
                subject = " ".join(subject.split())[:200]
                mails.append(mail_message(to=person.email, subject=subject, body=_letter(body, url), now=now))
    rows_insert(notices)
    mails_put(messages=mails)
    return notices


def people_of(*, household: Household | None, now: datetime) -> list[User]:
    """List the people of a household, not its supplier; asked first where a transaction holds others up."""
    if household is None:
        return []
    members = rows_find(
        Membership, household_id=household.pk, starts_at__lte=now, ends_at__gt=now, role__in=[Role.OWNER, Role.VIEWER]
    )
    users = rows_find(User, pk__in={member.user_id for member in members})
    return sorted(users, key=lambda user: user.pk)


def notices_read(*, user: User, now: datetime, notice_ids: Sequence[uuid.UUID] | None = None) -> int:
    """Mark the user's notices as read: these, or all that are not."""
    unread = Notice.objects.filter(user_id=user.pk, read_at=FOREVER)
    if notice_ids is not None:
        unread = unread.filter(pk__in=list(notice_ids))
    return unread.update(read_at=now)


def notices_tidy(*, now: datetime) -> int:
    """Delete the notices of long ago."""
    return Notice.objects.filter(created_at__lt=now - KEPT).delete()[0]


def _written(text: Text | _StrPromise, language: str) -> str:
    return str(text(language) if callable(text) else text)


def _letter(body: str, url: str) -> str:
    parts = [body.strip()]
    if url:
        parts.append(settings.PUBLIC_URL + url)
    parts.append(_("You choose on your account page whether such news come by mail."))
    return "\n\n".join(parts) + "\n"
