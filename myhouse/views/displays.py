"""The display of a wall tablet, and where an owner gives out and revokes its links."""

from __future__ import annotations

import uuid
from functools import wraps
from typing import TYPE_CHECKING, Any

import segno
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from myhouse.charts.flow import flows, headline
from myhouse.errors import NotFound, UnableTo
from myhouse.feeds import community_shared
from myhouse.limits import Limit, limit_hit
from myhouse.selectors.day import day_curve
from myhouse.selectors.flow import flow_now
from myhouse.selectors.home import home_load
from myhouse.selectors.statistics import span_of_day, statistics
from myhouse.services.displays import Display, display_create, display_for, display_revoke, display_used
from myhouse.services.letters import link
from myhouse.views import drawing, figures
from myhouse.views.gate import actor_from, address_of, form_refuse, household_open, user_of
from myhouse.views.household import SOC_WIDTH, powers_of
from myhouse.views.household_forms import DisplayForm
from myhouse.views.household_settings import settings_page
from telemetry.missing import is_missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from myhouse.statistics.model import DayCurve

# Only secrets that open nothing are counted: a tablet asks all day.
WRONG_SECRETS = Limit("display-wrong", tries=60, window_s=600)
CHART_HEIGHT = 150
# How soon a display without script asks again, and one that has nothing to show.
REFRESH_S, REST_S = 60, 300


def _private(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Keep the address, which is the secret, out of caches, referrers and search engines."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> HttpResponse:
        response = view(*args, **kwargs)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return never_cache(guarded)


@_private
@require_safe
def display(request: HttpRequest, secret: str) -> HttpResponse:
    """Show a household's flow, today's curve and prices to whoever holds the link, and nothing else."""
    now = timezone.now()
    try:
        shown = display_for(secret=secret, now=now)
    except NotFound:
        limit_hit(limit=WRONG_SECRETS, subject=address_of(request), now=now)
        return render(request, "displays/rest.html", {"gone": True}, status=404)
    display_used(link=shown.link, now=now)
    if shown.resting:
        return render(request, "displays/rest.html", {"gone": False, "refresh_s": REST_S}, status=403)
    context = _shown(shown, now) | {"secret": secret, "refresh_s": REFRESH_S}
    return render(request, "displays/display.html", context | {"missing": is_missing()})


def _shown(shown: Display, now: datetime) -> dict[str, Any]:
    one = shown.household
    own_time: dict[str, Any] = {"since": shown.access.since, "until": shown.access.until}
    place = home_load(household=one, now=now)
    flow = flow_now(household=one, now=now, home=place, community=community_shared(place.community, now))
    day = span_of_day(household=one, now=now)
    today = statistics(household=one, span=day, now=now, compare=(), home=place, **own_time)
    curve = day_curve(household=one, day=day.start, now=now, home=place, **own_time)
    powers, words = powers_of(flow), figures.flow_words()
    words["signed-out"] = _("This display has ended")
    return {
        "household": one,
        "flow": flow,
        "lines": flows(powers),
        "has_sun": flow.sun_w is not None or (today.has_production and flow.wind_w is None),
        "has_wind": flow.wind_w is not None,
        "has_battery": today.has_battery,
        "soc_width": f"{SOC_WIDTH * min(100.0, max(0.0, flow.soc_pct or 0.0)) / 100:.1f}",
        "age_text": "" if flow.age_s is None else f"{flow.age_s:.0f}",
        "headline": words[headline(powers)],
        "money_word": figures.money_word(flow.cost_rate_uct_h),
        "words": words,
        "money_today": figures.money_today(today),
        "cheapest": cheapest_ahead(curve),
        "curve": drawing.day_chart(curve=curve, totals=today, height=CHART_HEIGHT),
        "curve_empty": curve.empty,
        "live": bool(flow.points),
    }


def cheapest_ahead(curve: DayCurve) -> dict[str, Any] | None:
    """Return when the price is lowest in the rest of the day; nothing where it does not vary."""
    ahead = [
        (price, moment)
        for price, moment in zip(curve.price_uct_wh, curve.starts_ms, strict=True)
        if price is not None and moment + curve.step_s * 1000 > curve.now_ms
    ]
    if len({price for price, _moment in ahead}) < 2:
        return None
    price, moment = min(ahead)
    return {"price": price, "at": f"{drawing.local_moment(moment, curve.zone):%H:%M}"}


@login_required
@require_POST
@never_cache
def display_new(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Give out a display link and show it, this once."""
    access = household_open(request, household_id)
    access.require_change()
    form = DisplayForm(request.POST, auto_id="display_%s")
    if form.is_valid():
        try:
            _link, secret = display_create(
                household=access.household,
                name=form.cleaned_data["name"],
                owner=user_of(request),
                actor=actor_from(request),
                now=timezone.now(),
            )
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            url = link("display", secret)
            picture = segno.make(url, error="m").svg_inline(scale=4, border=4, light="#fff", omitsize=True)
            return settings_page(request, access, display_url=url, display_picture=picture)
    return settings_page(request, access, display_form=form)


@login_required
@require_POST
def display_end(request: HttpRequest, household_id: uuid.UUID, display_id: uuid.UUID) -> HttpResponse:
    """Revoke a display link."""
    access = household_open(request, household_id)
    access.require_change()
    display_revoke(household=access.household, display_id=display_id, actor=actor_from(request), now=timezone.now())
    messages.success(request, _("The display link was revoked. Displays that show it go dark within half a minute."))
    return redirect(reverse("settings", args=(household_id,)) + "#displays")


urlpatterns = [
    path("display/<str:secret>/", display, name="display"),
    path("households/<uuid:household_id>/displays/", display_new, name="settings-display-new"),
    path(
        "households/<uuid:household_id>/displays/<uuid:display_id>/revoke/",
        display_end,
        name="settings-display-revoke",
    ),
]
