"""People, and what lets them in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from myhouse.admin.base import ReadOnlyAdmin
from myhouse.admin.decisions import DecidingAdmin, Decision
from myhouse.admin.filters import open_filter
from myhouse.documents.services import Actor
from myhouse.models import AccessToken, Notice, PrivacyJob, RecoveryCode, SecondFactor, User
from myhouse.services.accounts import user_rights_set


def _rights(user: User, *, actor: Actor, now: datetime, **changed: bool) -> None:
    rights = {"is_active": user.is_active, "is_staff": user.is_staff, "is_superuser": user.is_superuser, **changed}
    user_rights_set(user=user, actor=actor, now=now, **rights)


def _close(user: User, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    _rights(user, actor=actor, now=now, is_active=False)


def _open(user: User, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    _rights(user, actor=actor, now=now, is_active=True)


def _staff(user: User, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    _rights(user, actor=actor, now=now, is_staff=True)


def _no_staff(user: User, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    _rights(user, actor=actor, now=now, is_staff=False, is_superuser=False)


def _operator(user: User, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    _rights(user, actor=actor, now=now, is_superuser=True)


@admin.register(User)
class UserAdmin(DecidingAdmin):
    """People; the operator closes and opens accounts and appoints staff."""

    titles = (_("Person"), _("People"))
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login", "created_at")
    list_filter = ("is_staff", "is_superuser", "is_active", "language")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = (
        "email",
        "name",
        "language",
        "is_active",
        "is_staff",
        "is_superuser",
        "name_shown_to_neighbours",
        "told_on_page",
        "told_by_mail",
        "last_login",
        "created_at",
        "id",
    )
    scope = {"pk": "users"}
    decisions = (
        Decision(
            name="close",
            title=_("Close the account"),
            question=_("The person cannot sign in any more, and all tokens end. What belongs to the homes stays."),
            done=_("Closed"),
            run=_close,
            icon="person_off",
            danger=True,
            possible=lambda user: bool(user.is_active),
        ),
        Decision(
            name="open",
            title=_("Open the account"),
            question=_("The person can sign in again."),
            done=_("Opened"),
            run=_open,
            icon="person",
            possible=lambda user: not user.is_active,
        ),
        Decision(
            name="make_staff",
            title=_("Make staff"),
            question=_("The person may open these pages: as manager of a community, what belongs to it."),
            done=_("Made staff"),
            run=_staff,
            icon="badge",
            possible=lambda user: user.is_active and not user.is_staff,
        ),
        Decision(
            name="make_operator",
            title=_("Make operator"),
            question=_("An operator sees and decides everything here. Be sure that you know the person."),
            done=_("Made operator"),
            run=_operator,
            icon="shield_person",
            danger=True,
            many=False,
            possible=lambda user: user.is_active and not user.is_superuser,
        ),
        Decision(
            name="dismiss_staff",
            title=_("Take the rights of staff away"),
            question=_("The person cannot open these pages any more and keeps the own homes."),
            done=_("Dismissed"),
            run=_no_staff,
            icon="no_accounts",
            danger=True,
            possible=lambda user: bool(user.is_staff),
        ),
    )


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnlyAdmin):
    """Tokens of people and services, without their digests; for the operator."""

    titles = (_("Token"), _("Tokens"))
    list_display = ("name", "kind", "user", "household", "created_at", "last_used_at", "expires_at")
    list_filter = ("kind",)
    search_fields = ("name",)
    search_ids = ("user_id",)
    search_households = ("household_id",)
    related = ("user", "household")
    hidden = ("digest",)
    ordering = ("-created_at",)


@admin.register(SecondFactor)
class SecondFactorAdmin(ReadOnlyAdmin):
    """Who signs in with an authenticator; never with what would let somebody else do so."""

    titles = (_("Second factor"), _("Second factors"))
    list_display = ("user", "confirmed_at", "created_at")
    list_display_links = None
    search_ids = ("user_id",)
    related = ("user",)
    hidden = ("salt", "last_step")
    ordering = ("-created_at",)


@admin.register(RecoveryCode)
class RecoveryCodeAdmin(ReadOnlyAdmin):
    """Which recovery codes are used up; never the codes."""

    titles = (_("Recovery code"), _("Recovery codes"))
    list_display = ("user", "used_at")
    list_display_links = None
    search_ids = ("user_id",)
    related = ("user",)
    hidden = ("digest",)
    ordering = ("user_id",)


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """News that people were told on the pages; for the operator."""

    titles = (_("Notice"), _("Notices"))
    list_display = ("text", "user", "created_at", "read_at")
    list_filter = (open_filter("read_at", _("Read"), (_("Unread"), _("Read"))), "created_at")
    search_ids = ("user_id",)
    related = ("user",)
    ordering = ("-created_at",)


@admin.register(PrivacyJob)
class PrivacyJobAdmin(ReadOnlyAdmin):
    """Requests for all of a person's data, or to be forgotten; for the operator."""

    titles = (_("Privacy request"), _("Privacy requests"))
    list_display = ("kind", "user", "state", "parts_done", "parts_total", "requested_at", "finished_at", "error")
    list_filter = ("kind", "state")
    search_ids = ("user_id",)
    related = ("user",)
    hidden = ("stored_path",)
    ordering = ("-requested_at",)
