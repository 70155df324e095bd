"""The household's page and its drill-down from year to day: one question, one answer, one template."""

from __future__ import annotations

import uuid
from datetime import date
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from myhouse.charts.flow import Powers, flows, headline
from myhouse.context import page_frame
from myhouse.errors import NotAllowed
from myhouse.feeds import community_shared
from myhouse.panels import panels_of
from myhouse.selectors.appliances import expected
from myhouse.selectors.day import day_curve
from myhouse.selectors.flow import flow_now
from myhouse.selectors.home import home_load
from myhouse.selectors.statistics import span_has_next, span_of_day, statistics
from myhouse.statistics.model import Span, UnableToReadSpan
from myhouse.templatetags.frame import url_or_nothing
from myhouse.views import drawing, figures, parts
from myhouse.views.gate import household_open
from telemetry.missing import is_missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from myhouse.selectors.home import Home
    from myhouse.selectors.households import Access
    from myhouse.statistics.model import FlowNow

SPAN_UNITS = ("day", "week", "month", "year")
SUMMED_UNITS = ("month", "year")  # what a supplier may see
GHOSTS = ("previous", "year", "none")
SOC_WIDTH = 68  # the battery's inside in the picture, in its own units


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Open the household last seen; without one the operator's page, or where one creates or joins the first."""
    one = page_frame(request)["household"]
    if one:
        return redirect("household", one.pk)
    return redirect("operator" if request.user.is_staff else "households")


@login_required
def household(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Show what happens now, what today brought and cost, and whether anything is wrong."""
    access = household_open(request, household_id)
    if access.sums_only:
        return redirect("energy", household_id)
    one, now = access.household, timezone.now()
    place = home_load(household=one, now=now)
    flow = flow_now(household=one, now=now, home=place, community=community_shared(place.community, now))
    powers = powers_of(flow)
    day = span_of_day(household=one, now=now)
    today = statistics(household=one, span=day, now=now, compare=("previous",), home=place, **_own_time(access))
    curve = day_curve(household=one, day=day.start, now=now, home=place, **_own_time(access))
    lines = flows(powers)
    words = figures.flow_words()
    context: dict[str, Any] = {
        "household": one,
        "access": access,
        "flow": flow,
        "lines": lines,
        "has_sun": flow.sun_w is not None or (today.has_production and flow.wind_w is None),
        "has_wind": flow.wind_w is not None,
        "has_battery": today.has_battery,
        "soc_width": f"{SOC_WIDTH * min(100.0, max(0.0, flow.soc_pct or 0.0)) / 100:.1f}",
        "age_text": "" if flow.age_s is None else f"{flow.age_s:.0f}",
        "headline": words[headline(powers)],
        "money_word": figures.money_word(flow.cost_rate_uct_h),
        "words": words,
        "today": today,
        "money_today": figures.money_today(today),
        "curve": drawing.day_chart(curve=curve, totals=today),
        "soc": drawing.soc_chart(curve=curve),
        "stats": figures.day_figures(today),
        "rates": figures.rates(today),
        "used": parts.used_parts(today),
        "given": parts.given_parts(today),
        "troubles": figures.troubles(today, one),
        "live": bool(flow.points),
        "reports": figures.reports(len(flow.stale_points)),
        "simulated": place.community is not None and place.community.simulated,
        "curve_sources": curve.sources,
        "no_data": today.empty and curve.empty and flow.age_s is None and not place.has_readings,
        "expected": expected(
            household=one,
            now=now,
            since=access.since,
            points=place.points,
            measurements=place.measurements,
            appliances=place.appliances,
        ),
        "panels": panels_of(household=one, community=place.community, now=now),
        "day_url": reverse("energy-span", args=(one.pk, "day", day.key)),
        **_links(one.pk),
    }
    return render(request, "myhouse/household.html", context | {"missing": is_missing()})


def powers_of(flow: FlowNow) -> Powers:
    """Return the signed powers the picture is drawn from."""
    return Powers(sun=flow.sun_w, wind=flow.wind_w, battery=flow.battery_w, grid=flow.grid_w, home=flow.home_w)


def _links(household_id: uuid.UUID) -> dict[str, str]:
    """Return where neighbouring pages stand, as far as they exist."""
    names = ("appliances", "contracts", "uploads", "devices")
    return {f"{name}_url": url_or_nothing(name, household_id) for name in names}


def _own_time(access: Access) -> dict[str, Any]:
    return {"since": access.since, "until": access.until}


@login_required
def energy(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Lead to a span: the one asked for with ?unit= and ?day=, else the household's today."""
    access = household_open(request, household_id)
    unit = request.GET.get("unit", "month" if access.sums_only else "day")
    day = request.GET.get("day") or span_of_day(household=access.household, now=timezone.now()).key
    try:
        span = Span.of(unit if unit in SPAN_UNITS else "day", day)
    except UnableToReadSpan as refusal:
        raise Http404(refusal.message) from refusal
    return redirect("energy-span", household_id, span.unit, span.key)


@login_required
def energy_span(request: HttpRequest, household_id: uuid.UUID, unit: str, start: str) -> HttpResponse:
    """Show a day, week, month or year: energy, money, CO2, compared with others, and one step deeper."""
    access = household_open(request, household_id)
    one, now = access.household, timezone.now()
    span = _span(unit, start)
    if access.sums_only and unit not in SUMMED_UNITS:
        raise NotAllowed(_("As supplier you see sums only: ask for a month or a year."))
    step = "month" if access.sums_only else None
    if span.key != start:
        return redirect("energy-span", household_id, unit, span.key)
    ghost_name = request.GET.get("beside", "previous")
    ghost_name = ghost_name if ghost_name in GHOSTS else "previous"
    place = home_load(household=one, now=now)
    answer = statistics(household=one, span=span, now=now, step=step, home=place, **_own_time(access))
    ghost = None
    if ghost_name != "none":
        other = span.previous() if ghost_name == "previous" else span.year_before()
        ghost = statistics(household=one, span=other, now=now, step=step, compare=(), home=place, **_own_time(access))
    context: dict[str, Any] = {
        "household": one,
        "access": access,
        "span": span,
        "answer": answer,
        "chart": drawing.span_chart(
            statistics=answer,
            ghost=ghost,
            ghost_label=_ghost_label(ghost_name),
            # A supplier has no days to open.
            link=None if access.sums_only and unit == "month" else _opener(one.pk),
        ),
        "curve": _curve(access, span, answer, place),
        "navigation": _navigation(access, span),
        "beside": _beside(ghost_name, span),
        "stats": figures.span_figures(answer),
        "rates": figures.rates(answer),
        "used": parts.used_parts(answer),
        "given": parts.given_parts(answer),
        "money": figures.money_rows(answer),
        "comparison": figures.comparison_rows(answer),
        "comparison_heads": figures.comparison_heads(answer),
        "partly": figures.partly_measured(answer),
        "troubles": figures.troubles(answer, one),
        "exports": _exports(one.pk, span, answer.step),
    }
    return render(request, "myhouse/energy.html", context | {"missing": is_missing()})


def _opener(household_id: uuid.UUID) -> Callable[[Span], str]:
    """Return what leads from a bucket to its own page."""
    return lambda inside: reverse("energy-span", args=(household_id, inside.unit, inside.key))


def _span(unit: str, start: str) -> Span:
    if unit not in SPAN_UNITS:
        raise Http404
    try:
        return Span.of(unit, date.fromisoformat(start))
    except (UnableToReadSpan, ValueError) as refusal:
        raise Http404(str(refusal)) from refusal


def _curve(access: Access, span: Span, answer: Any, place: Home) -> Any:
    if span.unit != "day" or access.sums_only:
        return None
    curve = day_curve(household=access.household, day=span.start, now=timezone.now(), home=place, **_own_time(access))
    return None if curve.empty else drawing.day_chart(curve=curve, totals=answer)


def _navigation(access: Access, span: Span) -> dict[str, Any]:
    """Return where previous, next and the other units of the same time stand."""
    one = access.household
    now = timezone.now()

    def url(other: Span) -> str:
        return reverse("energy-span", args=(one.pk, other.unit, other.key))

    today = span_of_day(household=one, now=now)
    # The day one looks at stays in sight when the unit changes: today if it lies in the span.
    anchor = today.start if span.start <= today.start < span.end else span.start
    words = {"day": _("Day"), "week": _("Week"), "month": _("Month"), "year": _("Year")}
    return {
        "previous": url(span.previous()),
        "next": url(span.next()) if span_has_next(household=one, span=span, now=now) else "",
        "units": [
            {"label": words[unit], "url": url(Span.of(unit, anchor)), "current": unit == span.unit}
            for unit in (SUMMED_UNITS if access.sums_only else SPAN_UNITS)
        ],
        "picker_url": reverse("energy", args=(one.pk,)),
        "today": today.key,
    }


def _ghost_label(name: str) -> str:
    return {"previous": _("Period before"), "year": _("A year before"), "none": ""}[name]


def _beside(chosen: str, span: Span) -> list[dict[str, Any]]:
    """Return the choices of what stands beside; of a year, the period before is the year before."""
    words = {"previous": _("Period before"), "year": _("A year before"), "none": _("Nothing")}
    return [
        {"label": words[name], "value": name, "current": name == chosen}
        for name in GHOSTS
        if (name, span.unit) != ("year", "year")
    ]


def _exports(household_id: uuid.UUID, span: Span, step: str) -> list[dict[str, str]]:
    """Return the links that hand out what is shown as a file."""
    links = []
    for form, label in (("csv", "CSV"), ("xlsx", "Excel")):
        url = url_or_nothing("export", household_id, form)
        if url:
            query = f"unit={span.unit}&start={span.key}&end={span.end.isoformat()}&step={step}"
            links.append({"label": label, "url": f"{url}?{query}"})
    return links


urlpatterns = [
    path("home/", home, name="home"),
    path("households/<uuid:household_id>/", household, name="household"),
    path("households/<uuid:household_id>/energy/", energy, name="energy"),
    path("households/<uuid:household_id>/energy/<str:unit>/<str:start>/", energy_span, name="energy-span"),
]
