"""What the installation itself keeps: the audit log, messages owed, failed tasks, requests answered."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.paginator import InfinitePaginator

from myhouse.admin.base import ReadOnlyAdmin
from myhouse.admin.columns import details_text
from myhouse.admin.decisions import DecidingAdmin, Decision
from myhouse.admin.filters import open_filter
from myhouse.admin.scope import scope_of
from myhouse.documents.base import FOREVER
from myhouse.documents.services import Actor
from myhouse.formatting import MISSING
from myhouse.models import AuditEntry, FailedTask, IdempotencyRecord, OutboxMessage
from myhouse.services.failures import failure_dismiss, failure_retry
from myhouse.services.outbox import message_give_up, message_resend


class ActionFilter(admin.SimpleListFilter):
    """What kind of thing was changed: the part of the action before the dot."""

    title = _("Action")
    parameter_name = "about"
    KINDS = (
        ("appliance", _("Appliances")),
        ("battery.", _("Batteries")),
        ("community.", _("Communities")),
        ("contract.", _("Contracts")),
        ("deposit.", _("Deposits")),
        ("device.", _("Devices")),
        ("display.", _("Display links")),
        ("household.", _("Households")),
        ("invitation.", _("Invitations")),
        ("member.", _("Members")),
        ("metering_point.", _("Metering points")),
        ("offer.", _("Offers")),
        ("outbox.", _("Messages")),
        ("payout.", _("Payouts")),
        ("privacy.", _("Privacy")),
        ("reference.", _("Market prices and emission factors")),
        ("service_token.", _("Tokens of services")),
        ("task.", _("Tasks")),
        ("token.", _("Tokens")),
        ("trade.", _("Trades")),
        ("upload.", _("Imports")),
        ("user.", _("Accounts")),
    )

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the subjects."""
        return list(self.KINDS)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the entries of the chosen subject."""
        if self.value() not in dict(self.KINDS):
            return queryset
        return queryset.filter(action__startswith=self.value())


class ActorFilter(admin.SimpleListFilter):
    """Changes by people, or by the system itself."""

    title = _("Who")
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer both, and the visitor himself."""
        return [("me", _("Me")), ("people", _("People")), ("system", _("The system"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what they did."""
        if self.value() == "me":
            return queryset.filter(actor_id=request.user.pk)
        if self.value() in {"people", "system"}:
            return queryset.filter(actor_id__isnull=self.value() == "system")
        return queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who changed what, from where; never edited by anybody."""

    titles = (_("Entry of the audit log"), _("Audit log"))
    list_display = ("at", "actor_label", "action", "subject", "address", "said")
    list_filter = (ActionFilter, ActorFilter, "at")
    search_fields = ("action", "actor_label")
    search_ids = ("subject_id", "actor_id", "community_id")
    fields = ("at", "actor_label", "actor_id", "address", "action", "subject", "subject_id", "community_id", "details")
    paginator = InfinitePaginator
    ordering = ("-at",)
    scope = {"community_id": "communities"}

    def in_scope(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Show a manager what names his community, and what names none but is about one of its homes."""
        scope = scope_of(request)
        of_homes = Q(community_id__isnull=True, subject_id__in=scope.households)
        return rows.filter(Q(community_id__in=scope.communities) | of_homes)

    @admin.display(description=_("What was changed"))
    def subject(self, entry: AuditEntry) -> str:
        """Name what was changed, leading to its page."""
        model = _subjects().get(entry.subject_type)
        if model is None or entry.subject_id is None:
            return entry.subject_type or MISSING
        meta = model._meta
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[entry.subject_id])
        return format_html('<a class="row-link" href="{}">{}</a>', url, capfirst(meta.verbose_name))

    @admin.display(description=_("Details"))
    def said(self, entry: AuditEntry) -> str:
        """Write what the entry says besides."""
        return details_text(entry.details)


@cache
def _subjects() -> dict[str, type[Model]]:
    """The documents with a list, by the name entries call them by."""
    return {model.__name__: model for model in apps.get_models() if admin.site.is_registered(model)}


def _resend(message: OutboxMessage, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    message_resend(message=message, actor=actor, now=now)


def _give_up(message: OutboxMessage, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    message_give_up(message=message, actor=actor, now=now)


class MessageStateFilter(admin.SimpleListFilter):
    """Where a message stands."""

    title = _("State")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the states."""
        return [
            ("waiting", _("Waiting")),
            ("failed", _("Failed")),
            ("given_up", _("Given up")),
            ("sent", _("Sent")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the messages in the chosen state."""
        if self.value() == "sent":
            return queryset.filter(sent_at__lt=FOREVER)
        owed = queryset.filter(sent_at=FOREVER)
        if self.value() == "waiting":
            return owed.filter(due_at__lt=FOREVER)
        if self.value() == "failed":
            return owed.filter(due_at__lt=FOREVER, tries__gt=0).exclude(last_error="")
        if self.value() == "given_up":
            return owed.filter(due_at=FOREVER)
        return queryset


@admin.register(OutboxMessage)
class OutboxMessageAdmin(DecidingAdmin):
    """What is owed to the outside; for the operator, without the content, which may open accounts."""

    titles = (_("Message"), _("Messages"))
    list_display = ("created_at", "topic", "due_at", "sent_at", "tries", "last_error")
    list_filter = (MessageStateFilter, "topic", "created_at")
    hidden = ("payload",)
    ordering = ("-created_at",)
    decisions = (
        Decision(
            name="resend",
            title=_("Send again"),
            question=_("The message goes out now, even if it was sent or given up before."),
            done=_("On its way"),
            run=_resend,
            icon="forward_to_inbox",
        ),
        Decision(
            name="give_up",
            title=_("Give up"),
            question=_("The message is not tried any more. It can be sent again later."),
            done=_("Given up"),
            run=_give_up,
            icon="cancel_schedule_send",
            danger=True,
            possible=lambda message: message.sent_at == FOREVER and message.due_at < FOREVER,
        ),
    )

    def name_of(self, row: OutboxMessage) -> str:
        """Say which message it is without telling what is in it."""
        return f"{row.topic} {row.pk}"


def _retry(failure: FailedTask, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    failure_retry(failure=failure, actor=actor, now=now)


def _dismiss(failure: FailedTask, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    failure_dismiss(failure=failure, actor=actor, now=now)


def _is_open(failure: FailedTask) -> bool:
    return failure.settled_at == FOREVER


@admin.register(FailedTask)
class FailedTaskAdmin(DecidingAdmin):
    """Background work that broke and messages that were set aside; for the operator."""

    titles = (_("Failed task"), _("Failed tasks"))
    list_display = ("name", "kind", "queue", "error", "times", "first_at", "at", "outcome", "settled_at")
    list_filter = (open_filter("settled_at", _("State"), (_("Open"), _("Settled"))), "kind", "at")
    search_fields = ("name",)
    hidden = ("fingerprint",)
    ordering = ("-at",)
    decisions = (
        Decision(
            name="retry",
            title=_("Start again"),
            question=_("The task is given to a worker once more, with the arguments it had."),
            done=_("Started again"),
            run=_retry,
            icon="replay",
            possible=lambda failure: _is_open(failure) and failure.repeatable,
        ),
        Decision(
            name="dismiss",
            title=_("Dismiss"),
            question=_("The failure is marked as seen. Should the task fail again, it shows up again."),
            done=_("Dismissed"),
            run=_dismiss,
            icon="done_all",
            possible=_is_open,
        ),
    )


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    """Requests that were answered, without the answers; for the operator."""

    titles = (_("Request answered"), _("Requests answered"))
    list_display = ("key", "scope_text", "status", "created_at")
    list_filter = ("created_at",)
    search_fields = ("scope", "key")
    hidden = ("body_digest", "answer")
    paginator = InfinitePaginator
    ordering = ("-created_at",)

    @admin.display(description=_("Scope"))
    def scope_text(self, record: IdempotencyRecord) -> str:
        """Say whose key it is, for which route."""
        return record.scope
