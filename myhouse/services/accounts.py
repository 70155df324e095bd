"""Accounts and the tokens that act for them."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import FieldError, Kind, NotFound, UnableTo
from myhouse.models import AccessToken, User
from myhouse.services.households import secret_digest

TOKEN_LASTS = timedelta(hours=1)
# A busy client renews its token at most once a minute, so a read does not cost a write each time.
TOKEN_RENEWED_AFTER = timedelta(minutes=1)
_TOKENS_AT_MOST = 50
THEMES = ("auto", "light", "dark")


class UnableToSignUp(UnableTo):
    """No account can be made from this."""


class UnableToChangeAccount(UnableTo):
    """The account cannot be changed so."""


class UnableToIssueToken(UnableTo):
    """No further token can be given out."""

    kind = Kind.CONFLICT


@atomic
def user_sign_up(*, email: str, password: str, name: str, language: str, now: datetime) -> User:
    """Create an account; the address is unique whatever its case."""
    email, name = email.strip().lower(), " ".join(name.split())
    errors = _account_errors(email=email, name=name, language=language)
    if not errors and User.objects.filter(email=email).exists():
        errors.append(FieldError("email", _("There is an account with this address. Sign in, or reset the password.")))
    if not errors:
        errors = password_errors(password=password, user=User(email=email, name=name))
    if errors:
        raise UnableToSignUp(_("The account was not created."), errors=errors)
    user = User.objects.create_user(email, password, name=name, language=language, created_at=now)
    audit_record(actor=Actor(user.pk, user.email), action="user.sign_up", now=now, subject=user)
    return user


@atomic
def user_change(
    *,
    user: User,
    name: str,
    language: str,
    theme: str,
    name_shown_to_neighbours: bool,
    actor: Actor,
    now: datetime,
) -> User:
    """Change name, language, theme and whether neighbours see the name."""
    name = " ".join(name.split())
    errors = _account_errors(email=user.email, name=name, language=language)
    if theme not in THEMES:
        errors.append(FieldError("theme", _("Choose one of these: %(list)s.") % {"list": ", ".join(THEMES)}))
    if errors:
        raise UnableToChangeAccount(_("The account was not changed."), errors=errors)
    if user.name_shown_to_neighbours != name_shown_to_neighbours:
        audit_record(
            actor=actor, action="user.consent", now=now, subject=user, details={"shown": name_shown_to_neighbours}
        )
    user.name, user.language, user.theme = name, language, theme
    user.name_shown_to_neighbours = name_shown_to_neighbours
    user.save(update_fields=["name", "language", "theme", "name_shown_to_neighbours"])
    return user


@atomic
def user_password_set(*, user: User, password: str, actor: Actor, now: datetime) -> User:
    """Give an account a new password; every token of it ends, and so do its other sessions."""
    errors = password_errors(password=password, user=user)
    if errors:
        raise UnableToChangeAccount(_("The password was not changed."), errors=errors)
    user.set_password(password)
    user.save(update_fields=["password"])
    AccessToken.objects.filter(user=user).delete()
    audit_record(actor=actor, action="user.password", now=now, subject=user)
    return user


@atomic
def user_rights_set(
    *, user: User, is_active: bool, is_staff: bool, is_superuser: bool, actor: Actor, now: datetime
) -> User:
    """Close or open an account, appoint or dismiss staff; a closed account loses its tokens."""
    if actor.user_id == user.pk and not (is_active and is_superuser):
        raise UnableToChangeAccount(_("You cannot take your own rights away. Ask another operator to do it."))
    user.is_active, user.is_staff, user.is_superuser = is_active, is_staff or is_superuser, is_superuser
    user.save(update_fields=["is_active", "is_staff", "is_superuser"])
    if not is_active:
        AccessToken.objects.filter(user=user).delete()
    details = {"active": user.is_active, "staff": user.is_staff, "operator": user.is_superuser}
    audit_record(actor=actor, action="user.rights", now=now, subject=user, details=details)
    return user


@atomic
def token_issue(*, user: User, name: str, now: datetime) -> tuple[AccessToken, str]:
    """Give out a bearer token; returns it with its secret, which is kept nowhere."""
    name = " ".join(name.split()) or "API"
    if len(name) > 80:
        raise UnableToIssueToken(_("Choose a name of at most 80 characters."), field="name")
    AccessToken.objects.filter(user=user, expires_at__lte=now).delete()
    if AccessToken.objects.filter(user=user).count() >= _TOKENS_AT_MOST:
        raise UnableToIssueToken(
            _("There are %(count)s live tokens. Revoke one, or wait until one expires.") % {"count": _TOKENS_AT_MOST}
        )
    secret = secrets.token_urlsafe(32)
    token = AccessToken.objects.create(
        user=user,
        name=name,
        digest=secret_digest(secret),
        created_at=now,
        last_used_at=now,
        expires_at=now + TOKEN_LASTS,
    )
    audit_record(actor=Actor(user.pk, user.email), action="token.issue", now=now, subject=token)
    return token, secret


def token_use(*, secret: str, now: datetime) -> AccessToken | None:
    """Return the live token with this secret, its user filled in, and push its end one hour ahead."""
    token = AccessToken.objects.filter(digest=secret_digest(secret)).first()
    if token is None or token.expires_at <= now:
        return None
    user = User.objects.filter(pk=token.user_id, is_active=True).first()
    if user is None:
        return None
    token.user = user
    if token.last_used_at is None or now - token.last_used_at >= TOKEN_RENEWED_AFTER:
        # Conditional: a token that was revoked meanwhile does not come back.
        AccessToken.objects.filter(pk=token.pk, expires_at__gt=now).update(
            last_used_at=now, expires_at=now + TOKEN_LASTS
        )
        token.last_used_at, token.expires_at = now, now + TOKEN_LASTS
    return token


@atomic
def token_revoke(*, user: User, token_id: uuid.UUID, actor: Actor, now: datetime) -> None:
    """End one of the user's tokens at once."""
    deleted, _rows = AccessToken.objects.filter(pk=token_id, user_id=user.pk).delete()
    if not deleted:
        raise NotFound(_("There is no such token."))
    audit_record(actor=actor, action="token.revoke", now=now, subject=user)


def tokens_tidy(*, now: datetime) -> int:
    """Delete the tokens that have expired."""
    return AccessToken.objects.filter(expires_at__lte=now).delete()[0]


def password_errors(*, password: str, user: User) -> list[FieldError]:
    """Say what is wrong with a password for this user; empty when nothing is."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        return [FieldError("password", message) for message in error.messages]
    return []


def _account_errors(*, email: str, name: str, language: str) -> list[FieldError]:
    errors = []
    try:
        validate_email(email)
    except ValidationError:
        errors.append(FieldError("email", _("Give a complete e-mail address, such as name@example.org.")))
    if len(email) > 254:
        errors.append(FieldError("email", _("Give an address of at most 254 characters.")))
    if not 1 <= len(name) <= 80:
        errors.append(FieldError("name", _("Give your name, of at most 80 characters.")))
    if language not in dict(settings.LANGUAGES):
        errors.append(FieldError("language", _("Choose one of the offered languages.")))
    return errors
