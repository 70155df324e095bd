"""What this app shows on the operators' start page: homes and people, and how the installation itself stands."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from myhouse.documents.base import FOREVER
from myhouse.formatting import number
from myhouse.models import FailedTask, Household, Membership, OutboxMessage, PrivacyJob, Upload
from myhouse.models.failures import FailureKind
from myhouse.panels import Figure, Overview
from myhouse.selectors.staff import StaffScope

_DAY = timedelta(days=1)


def homes_overview(*, scope: StaffScope, now: datetime) -> Overview:
    """Count homes, people and imports in sight."""
    homes = scope.limit(Household.objects.all(), pk="households").aggregate(
        all=Count("pk"), suspended=Count("pk", filter=Q(suspended_at__isnull=False))
    )
    members = (
        scope.limit(Membership.objects.all(), household_id="households")
        .filter(starts_at__lte=now, ends_at__gt=now)
        .values("user_id")
        .distinct()
        .count()
    )
    uploads = scope.limit(Upload.objects.all(), household_id="households").aggregate(
        running=Count("pk", filter=Q(state__in=["received", "running"])),
        failed=Count("pk", filter=Q(state="failed", finished_at__gt=now - _DAY)),
    )
    communities = scope.communities_seen()
    figures = [
        Figure(
            _("Homes"),
            count_text(homes["all"]),
            list_url("myhouse_household"),
            note=communities[0].name
            if len(communities) == 1
            else _("in %(n)s communities") % {"n": count_text(len(communities))},
        ),
        Figure(_("Members"), count_text(members), list_url("myhouse_membership", open="yes")),
        Figure(
            _("Suspended homes"),
            count_text(homes["suspended"]),
            list_url("myhouse_household", suspended="yes"),
            tone="warn" if homes["suspended"] else "",
        ),
        Figure(
            _("Imports running"),
            count_text(uploads["running"]),
            list_url("myhouse_upload"),
            note=_("%(n)s failed in 24 h") % {"n": count_text(uploads["failed"])} if uploads["failed"] else "",
            tone="warn" if uploads["failed"] else "",
        ),
    ]
    return Overview(title=_("Homes and people"), figures=figures, order=30)


def system_overview(*, scope: StaffScope, now: datetime) -> Overview | None:
    """Count what is owed, what failed and what was asked for; for the operator."""
    if not scope.everything:
        return None
    mail = OutboxMessage.objects.aggregate(
        waiting=Count("pk", filter=Q(sent_at=FOREVER, due_at__lt=FOREVER)),
        failed=Count("pk", filter=Q(sent_at=FOREVER, due_at__lt=FOREVER, tries__gt=0) & ~Q(last_error="")),
        given_up=Count("pk", filter=Q(sent_at=FOREVER, due_at=FOREVER)),
        sent=Count("pk", filter=Q(sent_at__gt=now - _DAY, sent_at__lt=FOREVER)),
    )
    failed = FailedTask.objects.filter(settled_at=FOREVER).aggregate(
        all=Count("pk"), aside=Count("pk", filter=~Q(kind=FailureKind.RAISED))
    )
    tasks, aside = failed["all"], failed["aside"]
    privacy = PrivacyJob.objects.filter(state__in=["requested", "running"]).count()
    stuck = mail["failed"] + mail["given_up"]
    figures = [
        Figure(
            _("Failed tasks"),
            count_text(tasks),
            list_url("myhouse_failedtask", open="yes"),
            tone="bad" if tasks else "good",
            note=_("%(count)s set aside as poison") % {"count": count_text(aside)}
            if aside
            else ("" if tasks else _("nothing failed")),
        ),
        Figure(
            _("Unsent messages"),
            count_text(mail["waiting"] + mail["given_up"]),
            list_url("myhouse_outboxmessage", state="failed" if mail["failed"] else "waiting"),
            note=_("%(failed)s failed, %(given_up)s given up")
            % {"failed": count_text(mail["failed"]), "given_up": count_text(mail["given_up"])}
            if stuck
            else "",
            tone="warn" if stuck else "",
        ),
        Figure(_("Messages sent in 24 h"), count_text(mail["sent"]), list_url("myhouse_outboxmessage", state="sent")),
        Figure(_("Privacy requests open"), count_text(privacy), list_url("myhouse_privacyjob")),
    ]
    return Overview(title=_("System"), figures=figures, order=40)


def count_text(count: int) -> str:
    """Write a count with its groups of three."""
    return number(count, 0, get_language())


def list_url(name: str, **chosen: str) -> str:
    """Return the address of a list with its filters set."""
    query = "&".join(f"{key}={value}" for key, value in chosen.items())
    return reverse(f"admin:{name}_changelist") + (f"?{query}" if query else "")
