"""The mails we write: sign-up, an address that has an account, password reset, invitation."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from myhouse.documents.outbox import mail_put


def letter_sign_up(*, to: str, name: str, token: str, language: str, now: datetime) -> None:
    """Send the link that finishes a sign-up."""
    url = link("sign-up-finish", token)
    with translation.override(language):
        _post(to=to, subject=_("Finish your sign-up"), name="sign_up", now=now, values={"name": name, "url": url})


def letter_known(*, to: str, name: str, language: str, now: datetime) -> None:
    """Tell the holder of an account that somebody tried to sign up with the address."""
    values = {"name": name, "url": link("sign-in"), "reset_url": link("password-reset")}
    with translation.override(language):
        _post(to=to, subject=_("You have an account already"), name="known", now=now, values=values)


def letter_reset(*, to: str, name: str, path: str, language: str, now: datetime) -> None:
    """Send the link that sets a new password."""
    with translation.override(language):
        _post(
            to=to,
            subject=_("Set a new password"),
            name="reset",
            now=now,
            values={"name": name, "url": settings.PUBLIC_URL + path},
        )


def letter_invitation(*, to: str, inviting: str, household: str, secret: str, language: str, now: datetime) -> None:
    """Send the link that lets somebody join a household."""
    values = {"inviting": inviting, "household": household, "url": link("join", secret)}
    with translation.override(language):
        subject = _("%(name)s invites you to a household") % {"name": inviting}
        _post(to=to, subject=subject, name="invitation", now=now, values=values)


def link(name: str, *args: object) -> str:
    """Return the full address of one of our pages."""
    return settings.PUBLIC_URL + reverse(name, args=args)


def _post(*, to: str, subject: str, name: str, values: dict[str, str], now: datetime) -> None:
    body = render_to_string(f"accounts/mail/{name}.txt", values)
    mail_put(to=to, subject=subject, body=body.strip() + "\n", now=now)
