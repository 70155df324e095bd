"""How the time-series store stands, on the operators' start page; nothing while it cannot be away."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from myhouse.admin.figures import count_text
from myhouse.panels import Figure, Overview
from myhouse.selectors.staff import StaffScope
from telemetry.selectors import store_state
from telemetry.state import StoreState, minutes_since

_MB = 1024 * 1024


def series_store_overview(*, scope: StaffScope, now: datetime) -> Overview | None:
    """Say whether the store answers and what waits for it; nothing to tell where it is one file with the rest."""
    state = store_state()
    if not scope.everything or not state.is_server:
        return None
    now_ms = round(now.timestamp() * 1000)
    return Overview(title=_("Time series"), figures=[_reached(state, now_ms), *_waiting(state, now_ms)], order=41)


def _reached(state: StoreState, now_ms: int) -> Figure:
    if state.reachable:
        return Figure(_("Time-series store"), _("answers"), tone="good")
    since = _("for %(minutes)s min") % {"minutes": count_text(minutes_since(state.since_ms, now_ms))}
    return Figure(_("Time-series store"), _("away"), note=since, tone="bad")


def _waiting(state: StoreState, now_ms: int) -> list[Figure]:
    note, tone = _("nothing waits"), "good"
    if state.spooled_readings:
        words = {
            "minutes": count_text(minutes_since(state.oldest_ms, now_ms)),
            "size": count_text(-(-state.spooled_bytes // _MB)),
        }
        note, tone = _("the oldest for %(minutes)s min; %(size)s MB") % words, "warn"
    if state.full:
        note, tone = _("The spool is full: new readings are refused."), "bad"
    figures = [Figure(_("Readings in the spool"), count_text(state.spooled_readings), note=note, tone=tone)]
    if state.refused:
        note = _("kept aside in the spool's folder")
        figures.append(Figure(_("Refused at replay"), count_text(state.refused), note=note, tone="bad"))
    return figures
