"""Filters that write what is traded: prices per kWh, exact amounts, windows in local time."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django import template
from django.utils.formats import date_format
from django.utils.translation import get_language

from marketplace.models import Allocation, Trade
from marketplace.models.offers import TradeState
from marketplace.selectors.offers import OfferLine
from myhouse import formatting
from myhouse.tariffs.money import money_text

register = template.Library()


@register.filter
def price_kwh(micro_cents_per_kwh: int | None, currency: str = "EUR") -> str:
    """Write a price per kWh that is given in micro-cents per kWh."""
    per_wh = None if micro_cents_per_kwh is None else micro_cents_per_kwh / 1000
    return formatting.price(per_wh, currency, get_language())


@register.filter
def signed_money(micro_cents: int, currency: str = "EUR") -> str:
    """Write a change of an amount with its sign."""
    return _signed(formatting.money(micro_cents, currency, get_language()), micro_cents)


@register.filter
def signed_energy(watt_hours: int) -> str:
    """Write a change of energy with its sign."""
    return _signed(formatting.energy(watt_hours, get_language()), watt_hours)


@register.filter
def exact_money(micro_cents: int, currency: str = "EUR") -> str:
    """Write an amount with all of its decimals."""
    text = money_text(micro_cents) or ""
    marks = formatting.language_of(get_language())
    return f"{text.replace('.', marks.decimal).replace('-', formatting.MINUS)}{formatting.THIN}{currency}"


@register.simple_tag
def window(start: datetime, end: datetime, zone: str) -> str:
    """Write from when until when energy is delivered: Sat 21 Nov 2026, 11:00–13:30."""
    first, last = (moment.astimezone(ZoneInfo(zone)) for moment in (start, end))
    until = date_format(last, "TIME_FORMAT")
    if last.date() != first.date():
        midnight = last.date() == first.date() + timedelta(days=1) and (last.hour, last.minute) == (0, 0)
        until = "24:00" if midnight else f"{date_format(last, 'D')} {until}"
    day = f"{date_format(first, 'D')} {date_format(first, 'SHORT_DATE_FORMAT')}"
    return f"{day}, {date_format(first, 'TIME_FORMAT')}–{until}"


@register.filter
def part_of(part: int, whole: int) -> str:
    """Return a part as the width of a bar, in per cent."""
    rate = min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0
    return f"{100 * rate:.1f}%"


@register.filter
def trade_money(trade: Trade) -> int:
    """Return what a trade has moved: what was paid, and while that is not known what was agreed."""
    return trade.total_uct if trade.state == TradeState.RESERVED else trade.paid_uct


@register.filter
def earned_of(line: OfferLine) -> int:
    """Return what the sold part of an offer costs its buyers."""
    return line.offer.total_uct - line.left_total_uct


@register.filter
def gain_of(allocation: Allocation, side: str) -> int:
    """Return what one gained in a quarter-hour against one's supplier."""
    gain = allocation.alternative_uct - allocation.money_uct
    return gain if side == "bought" else -gain


def _signed(text: str, value: int) -> str:
    return f"+{text}" if value > 0 and any(c in "123456789" for c in text) else text
