"""Filters that write quantities in the reader's language; see `myhouse.formatting`."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime

from django import template
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext

from myhouse import formatting

register = template.Library()


@register.filter
def power(watts: float | None) -> str:
    """Write a power in W, kW or MW."""
    return formatting.power(watts, get_language())


@register.filter
def energy(watt_hours: float | None) -> str:
    """Write an energy in Wh, kWh or MWh."""
    return formatting.energy(watt_hours, get_language())


@register.filter
def co2(grams: float | None) -> str:
    """Write a mass of CO2 in g, kg or t."""
    return formatting.mass(grams, get_language())


@register.filter
def money(micro_cents: int | None, currency: str = "EUR") -> str:
    """Write an amount of micro-cents in the household's currency."""
    return formatting.money(micro_cents, currency, get_language())


@register.filter
def money_rate(micro_cents_per_hour: int | None, currency: str = "EUR") -> str:
    """Write what one hour like this costs."""
    return formatting.money_rate(micro_cents_per_hour, currency, get_language())


@register.filter
def price(micro_cents_per_wh: float | None, currency: str = "EUR") -> str:
    """Write a price of energy per kWh."""
    return formatting.price(micro_cents_per_wh, currency, get_language())


@register.filter
def share(rate: float | None) -> str:
    """Write a rate 0…1 in per cent."""
    return formatting.share(rate, get_language())


@register.filter
def percent(value: float | None) -> str:
    """Write a figure that is in per cent already, such as a state of charge."""
    return formatting.share(None if value is None else value / 100, get_language())


@register.filter
def change(rate: float | None) -> str:
    """Write a change with its sign: +12 %."""
    return formatting.share(rate, get_language(), signed=True)


@register.filter
def about(text: str) -> str:
    """Mark a figure as estimated."""
    return f"{formatting.ABOUT}{formatting.THIN}{text}"


@register.filter
def magnitude(value: float | None) -> float | None:
    """Return the size of a signed figure, where a word already says the direction."""
    return None if value is None else abs(value)


@register.filter
def ago(moment: datetime, now: datetime) -> str:
    """Say how long ago a moment was."""
    return ago_words((now - moment).total_seconds())


@register.filter
def ago_words(seconds: float | None) -> str:
    """Say how old something is: 10 s ago."""
    if seconds is None:
        return gettext("never")
    count, unit = formatting.age(seconds)
    if unit == "d":
        return ngettext("%(n)d day ago", "%(n)d days ago", count) % {"n": count}
    return {"s": gettext("%(n)d s ago"), "min": gettext("%(n)d min ago"), "h": gettext("%(n)d h ago")}[unit] % {
        "n": count
    }


@register.filter
def clock(moment: datetime, zone: str) -> str:
    """Write the time of day in a zone."""
    return date_format(moment.astimezone(zoneinfo.ZoneInfo(zone)), "TIME_FORMAT")


@register.filter
def moment_in(moment: datetime, zone: str) -> SafeString:
    """Write date and time in a zone, marked up so that machines can read it too."""
    local = moment.astimezone(zoneinfo.ZoneInfo(zone))
    return format_html(
        '<time datetime="{}">{}</time>',
        moment.astimezone(UTC).isoformat(timespec="seconds"),
        date_format(local, "SHORT_DATETIME_FORMAT"),
    )
