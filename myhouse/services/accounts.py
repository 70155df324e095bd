"""Accounts: signing up, changing them, their rights."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import FieldError, UnableTo
from myhouse.models import AccessToken, User

THEMES = ("auto", "light", "dark")


class UnableToSignUp(UnableTo):
    """No account can be made from this."""


class UnableToChangeAccount(UnableTo):
    """The account cannot be changed so."""


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
    told_on_page: bool | None = None,
    told_by_mail: bool | None = None,
) -> User:
    """Change name, language, theme, whether neighbours see the name, and (unless left out) how news are told."""
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
    user.told_on_page = user.told_on_page if told_on_page is None else told_on_page
    user.told_by_mail = user.told_by_mail if told_by_mail is None else told_by_mail
    user.save(update_fields=["name", "language", "theme", "name_shown_to_neighbours", "told_on_page", "told_by_mail"])
    return user


@atomic
def user_password_set(*, user: User, password: str, actor: Actor, now: datetime) -> User:
    """Give an account a new password; every token it made ends, services' too, and so do its other sessions."""
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
