"""Bearer tokens: a person's own, alive while in use, and those of services, with a date and rights of their own."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic, guard
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import FieldError, Kind, NotFound, UnableTo
from myhouse.models import AccessToken, Household, Membership, User
from myhouse.models.accounts import TokenKind
from myhouse.models.households import Role
from myhouse.scopes import Scope
from myhouse.services.households import secret_digest

TOKEN_LASTS = timedelta(hours=1)
# A busy client renews its token at most once a minute, so a read does not cost a write each time.
TOKEN_RENEWED_AFTER = timedelta(minutes=1)
SERVICE_TOKEN_LASTS_AT_MOST = timedelta(days=731)
# Tells people and secret scanners what was found, should one ever lie about.
SERVICE_TOKEN_PREFIX = "mhs_"  # noqa: S105 the public part
_TOKENS_AT_MOST = 50
_NAME_AT_MOST = 80


class UnableToIssueToken(UnableTo):
    """No further token can be given out."""

    kind = Kind.CONFLICT


class UnableToIssueServiceToken(UnableTo):
    """A service token cannot be so."""


@atomic
def token_issue(*, user: User, name: str, now: datetime) -> tuple[AccessToken, str]:
    """Give out a person's bearer token; returns it with its secret, which is kept nowhere."""
    guard("tokens", user.pk)
    name = " ".join(name.split()) or "API"
    if len(name) > _NAME_AT_MOST:
        raise UnableToIssueToken(_("Choose a name of at most 80 characters."), field="name")
    AccessToken.objects.filter(user=user, expires_at__lte=now).delete()
    if AccessToken.objects.filter(user=user, kind=TokenKind.USER).count() >= _TOKENS_AT_MOST:
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


@atomic
def service_token_issue(
    *,
    user: User,
    household: Household,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime,
    actor: Actor,
    now: datetime,
) -> tuple[AccessToken, str]:
    """Let a service into one household with some rights, until a day; returns the token with its secret, once."""
    guard("service tokens", household.pk)
    name, wanted = " ".join(name.split()), set(scopes)
    errors = _service_errors(name=name, scopes=wanted, expires_at=expires_at, now=now)
    if errors:
        raise UnableToIssueServiceToken(_("The service token was not made."), errors=errors)
    if not _owns(user.pk, household.pk, now):
        raise NotFound(_("There is no such household, or it is not yours."))
    live = AccessToken.objects.filter(household=household, kind=TokenKind.SERVICE, expires_at__gt=now)
    if live.count() >= _TOKENS_AT_MOST:
        raise UnableToIssueToken(
            _("There are %(count)s live tokens. Revoke one, or wait until one expires.") % {"count": _TOKENS_AT_MOST}
        )
    secret = SERVICE_TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = AccessToken.objects.create(
        user=user,
        kind=TokenKind.SERVICE,
        household=household,
        scopes=[scope.value for scope in Scope if scope.value in wanted],
        name=name,
        digest=secret_digest(secret),
        created_at=now,
        expires_at=expires_at,
    )
    details = {"name": name, "scopes": token.scopes, "household": str(household.pk)}
    audit_record(actor=actor, action="service_token.issue", now=now, subject=token, details=details)
    return token, secret


def token_use(*, secret: str, now: datetime) -> AccessToken | None:
    """Return the live token with this secret, its user filled in and kept to what the token reaches.

    A person's token ends an hour later from here on. A service's keeps its date, and is worth nothing once the
    owner who made it is none any more.
    """
    token = AccessToken.objects.filter(digest=secret_digest(secret)).first()
    if token is None or token.expires_at <= now:
        return None
    user = User.objects.filter(pk=token.user_id, is_active=True).first()
    if user is None:
        return None
    if token.kind == TokenKind.SERVICE:
        if token.household_id is None or not _owns(user.pk, token.household_id, now):
            return None
        user.only_household_id = token.household_id
    token.user = user
    if token.last_used_at is None or now - token.last_used_at >= TOKEN_RENEWED_AFTER:
        token.last_used_at = now
        if token.kind == TokenKind.USER:
            token.expires_at = now + TOKEN_LASTS
        # Conditional: a token that was revoked meanwhile does not come back.
        AccessToken.objects.filter(pk=token.pk, expires_at__gt=now).update(
            last_used_at=token.last_used_at, expires_at=token.expires_at
        )
    return token


@atomic
def token_revoke(*, user: User, token_id: uuid.UUID, actor: Actor, now: datetime) -> None:
    """End one of the user's own tokens at once."""
    deleted, _rows = AccessToken.objects.filter(pk=token_id, user_id=user.pk, kind=TokenKind.USER).delete()
    if not deleted:
        raise NotFound(_("There is no such token."))
    audit_record(actor=actor, action="token.revoke", now=now, subject=user)


@atomic
def service_token_revoke(*, household: Household, token_id: uuid.UUID, actor: Actor, now: datetime) -> None:
    """End a service token of the household at once, whichever owner made it."""
    token = AccessToken.objects.filter(pk=token_id, household_id=household.pk, kind=TokenKind.SERVICE).first()
    if token is None:
        raise NotFound(_("There is no such token."))
    details = {"name": token.name, "household": str(household.pk)}
    audit_record(actor=actor, action="service_token.revoke", now=now, subject=token, details=details)
    token.delete()


def tokens_tidy(*, now: datetime) -> int:
    """Delete the tokens that have expired."""
    return AccessToken.objects.filter(expires_at__lte=now).delete()[0]


def _owns(user_id: uuid.UUID, household_id: uuid.UUID, now: datetime) -> bool:
    return Membership.objects.filter(
        user_id=user_id, household_id=household_id, role=Role.OWNER, starts_at__lte=now, ends_at__gt=now
    ).exists()


def _service_errors(*, name: str, scopes: set[str], expires_at: datetime, now: datetime) -> list[FieldError]:
    errors = []
    if not 1 <= len(name) <= _NAME_AT_MOST:
        errors.append(FieldError("name", _("Say what the service is, in at most 80 characters.")))
    unknown = scopes - set(Scope.values)
    if unknown or not scopes:
        listed = ", ".join(Scope.values)
        errors.append(FieldError("scopes", _("Choose one or more of these: %(list)s.") % {"list": listed}))
    if not now < expires_at <= now + SERVICE_TOKEN_LASTS_AT_MOST:
        errors.append(FieldError("expires_at", _("Give a time to come, within the next two years.")))
    return errors
