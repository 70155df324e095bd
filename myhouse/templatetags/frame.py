"""The frame of every page: navigation, brightness, links that exist only when their page does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from myhouse.selectors.notices import notices_unread
from telemetry.missing import is_missing
from telemetry.selectors import store_state
from telemetry.state import minutes_since

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.template.context import Context
    from django.utils.functional import _StrPromise

register = template.Library()

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "myhouse_theme"


@dataclass(frozen=True)
class Entry:
    """One line of the navigation: the URL's name, its label, whether it belongs to a household."""

    name: str
    label: _StrPromise
    of_household: bool = False


HOUSEHOLD_ENTRIES = (
    Entry("household", _("Now"), of_household=True),
    Entry("energy", _("Energy"), of_household=True),
    Entry("market", _("Market"), of_household=True),
    Entry("appliances", _("Appliances"), of_household=True),
    Entry("contracts", _("Tariffs"), of_household=True),
    Entry("uploads", _("Files"), of_household=True),
    Entry("devices", _("Devices"), of_household=True),
    Entry("members", _("Members"), of_household=True),
    Entry("settings", _("Settings"), of_household=True),
)
MEMBER_ENTRIES = (Entry("account", _("Account")),)
STAFF_ENTRIES = (Entry("operator", _("Operator")),)
GUEST_ENTRIES = (Entry("sign-in", _("Sign in")), Entry("sign-up", _("Sign up")))


@register.simple_tag
def frame_url(name: str, *args: Any) -> str:
    """Return the URL of this name, or an empty link while no page has it."""
    return url_or_nothing(name, *args) or "#"


def url_or_nothing(name: str, *args: Any) -> str:
    """Return the URL of this name, or "" where this installation has no such page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@register.simple_tag(takes_context=True)
def theme_chosen(context: Context) -> str:
    """Return the brightness chosen: the member's own, else this browser's, else auto."""
    request: HttpRequest | None = context.get("request")
    if request is None:
        return "auto"
    user = getattr(request, "user", None)
    chosen = getattr(user, "theme", "") or request.COOKIES.get(THEME_COOKIE, "auto")
    return chosen if chosen in THEMES else "auto"


@register.inclusion_tag("components/bell.html", takes_context=True)
def bell(context: Context) -> dict[str, Any]:
    """Show how many news the visitor has not read; nothing to a guest."""
    user = getattr(context.get("request"), "user", None)
    url = url_or_nothing("notices")
    if user is None or not user.is_authenticated or not url:
        return {}
    return {"url": url, "unread": notices_unread(user=user)}


@register.inclusion_tag("components/readings.html", takes_context=True)
def readings_notice(context: Context, *, entitled: bool = False) -> dict[str, Any]:
    """Say to those signed in or with a link what of the readings cannot be shown yet; nothing while all can."""
    user = getattr(context.get("request"), "user", None)
    if not entitled and (user is None or not user.is_authenticated):
        return {}
    state = store_state()
    if state.is_whole and not is_missing():
        return {}
    moments = [moment for moment in (state.oldest_ms, state.since_ms) if moment is not None]
    minutes = minutes_since(min(moments, default=None), round(time.time() * 1000))
    return {"told": True, "away": not state.reachable, "full": state.full, "minutes": minutes, "missing": is_missing()}


@register.inclusion_tag("components/navigation.html", takes_context=True)
def navigation(context: Context) -> dict[str, Any]:
    """Show the pages this visitor can open, the present one marked."""
    request: HttpRequest | None = context.get("request")
    household = context.get("household")
    signed_in = bool(request and getattr(request, "user", None) and request.user.is_authenticated)
    match = getattr(request, "resolver_match", None)
    here = match.url_name if match else ""
    entries: list[tuple[Entry, str]] = []
    if signed_in and household is not None:
        entries += [(entry, url_or_nothing(entry.name, household.id)) for entry in HOUSEHOLD_ENTRIES]
    side: tuple[Entry, ...] = MEMBER_ENTRIES if signed_in else GUEST_ENTRIES
    if signed_in and getattr(getattr(request, "user", None), "is_staff", False):
        side = STAFF_ENTRIES + side
    return {
        "main": _lines(entries, here),
        "side": _lines([(entry, url_or_nothing(entry.name)) for entry in side], here),
        "sign_out_url": url_or_nothing("sign-out") if signed_in else "",
        "csrf_token": context.get("csrf_token"),
    }


def _lines(entries: list[tuple[Entry, str]], here: str | None) -> list[dict[str, Any]]:
    return [
        {"url": url, "label": entry.label, "current": _is_part(str(here), entry.name)} for entry, url in entries if url
    ]


def _is_part(here: str, name: str) -> bool:
    """Whether the page shown belongs to an entry: `contracts`, `contracts-…`, `contract` and `contract-…` do."""
    one = name.removesuffix("s")
    return here in {name, one} or here.startswith((f"{name}-", f"{one}-"))
