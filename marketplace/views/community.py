"""What trading with neighbours did for a community: energy and money, by the days of a month or months of a year."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.selectors.community import Savings, market_state, savings_by_step
from marketplace.views.drawing import Drawn, saved_chart, traded_chart
from marketplace.views.frame import is_part
from myhouse.context import current_access, frame_accesses
from myhouse.models import Community, CommunityMembership, CommunityRole
from myhouse.models.households import Role
from myhouse.statistics.span import Span, UnableToReadSpan
from myhouse.views.gate import user_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from marketplace.selectors.community import SavingsBucket
    from myhouse.models import Household

UNITS = ("month", "year")


@login_required
def community(request: HttpRequest, community_id: uuid.UUID) -> HttpResponse:
    """Show its members and managers what the community saved together, and what is on offer now."""
    now = timezone.now()
    one, household = community_open(request, community_id, now)
    state = market_state(community=one, now=now)
    if is_part(request, "community-now"):
        context = {"community": one, "state": state, "household": household}
        return render(request, "marketplace/community_now.html", context)
    span = _span(request, one, now)
    buckets = savings_by_step(community=one, start=span.start, end=span.end, step=_step(span))
    reached = [bucket for bucket in buckets if bucket.start_ms <= now.timestamp() * 1000]
    context = {
        "community": one,
        "household": household,
        "currency": one.currency,
        "section": "community",
        "state": state,
        **_saved(one, span, reached),
        **_navigation(one, span, now),
    }
    return render(request, "marketplace/community.html", context)


def community_open(request: HttpRequest, community_id: uuid.UUID, now: datetime) -> tuple[Community, Household | None]:
    """Open a community for one of its members or managers, with the home he looks from, or answer 404."""
    accesses = [access for access in frame_accesses(request, now) if access.role != Role.SUPPLIER]
    homes = {access.household.pk: access.household for access in accesses}
    members = CommunityMembership.objects.filter(
        household_id__in=list(homes), community_id=community_id, starts_at__lte=now, ends_at__gt=now
    )
    inside = [homes[pk] for pk in members.values_list("household_id", flat=True)]
    if (
        not inside
        and not CommunityRole.objects.filter(user_id=user_of(request).pk, community_id=community_id).exists()
    ):
        raise Http404
    one = Community.objects.filter(pk=community_id).first()
    if one is None:
        raise Http404
    current = current_access(request, accesses)
    here = current.household if current and current.household in inside else None
    return one, here or next(iter(inside), None)


def _span(request: HttpRequest, one: Community, now: datetime) -> Span:
    """Return the month or year asked for, else the running month."""
    unit = request.GET.get("unit", "month")
    today = now.astimezone(ZoneInfo(one.time_zone)).date()
    try:
        return Span.of(unit if unit in UNITS else "month", request.GET.get("day") or today)
    except UnableToReadSpan as refusal:
        raise Http404(refusal.message) from refusal


def _step(span: Span) -> Any:
    return "day" if span.unit == "month" else "month"


def _url(one: Community, unit: str, day: date) -> str:
    return f"{reverse('market-community', args=(one.pk,))}?unit={unit}&day={day.isoformat()}"


def _saved(one: Community, span: Span, buckets: list[SavingsBucket]) -> dict[str, Any]:
    """Return the sums of a span and its charts; a month of a year opens to its days."""
    zone = ZoneInfo(one.time_zone)
    savings = [bucket.savings for bucket in buckets]
    total = _total(savings)
    drawn = Drawn(
        title=_("%(name)s, %(span)s") % {"name": one.name, "span": span.label},
        days=[datetime.fromtimestamp(bucket.start_ms / 1000, zone).date() for bucket in buckets],
        savings=savings,
        currency=one.currency,
        link=(lambda day: _url(one, "month", day)) if span.unit == "year" else None,
    )
    return {
        "span": span,
        "total": total,
        "traded": traded_chart(drawn) if total.traded_wh else None,
        "saved": saved_chart(drawn) if total.saved_uct > 0 else None,
    }


def _navigation(one: Community, span: Span, now: datetime) -> dict[str, Any]:
    today = now.astimezone(ZoneInfo(one.time_zone)).date()
    # The month one looks at stays in sight when the unit changes: the running one if it lies in the span.
    anchor = today if span.start <= today < span.end else span.start
    words = {"month": _("Month"), "year": _("Year")}
    return {
        "previous_url": _url(one, span.unit, span.previous().start),
        "next_url": _url(one, span.unit, span.next().start) if span.end <= today else "",
        "units": [(unit, words[unit], _url(one, unit, anchor)) for unit in UNITS],
    }


def _total(savings: list[Savings]) -> Savings:
    return Savings(
        traded_wh=sum(one.traded_wh for one in savings),
        paid_uct=sum(one.paid_uct for one in savings),
        buyers_saved_uct=sum(one.buyers_saved_uct for one in savings),
        sellers_gained_uct=sum(one.sellers_gained_uct for one in savings),
    )


urlpatterns = [path("community/<uuid:community_id>/", community, name="market-community")]
