"""How values stand in the operators' lists: money and energy with their unit, times in UTC, open ends as a dash."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Any

from django.contrib.admin import display
from django.db.models import DateField, DateTimeField, Field, ForeignKey, Model
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import get_language

from myhouse import formatting
from myhouse.documents.base import FOREVER, FOREVER_DATE

Column = Callable[[Any], object]
_WH_PER_KWH = 1000
_UCT_PER_UNIT = 100_000_000
_DETAILS_LENGTH = 120
_ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")
# Slots and windows that stand for "none" begin here.
_BEGINNING_YEAR = 1970


def columns_of(model: type[Model], amounts: tuple[str, ...]) -> dict[str, Column]:
    """Return how each field of a model that needs more than its bare value is shown, by field name."""
    shown = {}
    for field in model._meta.get_fields():
        if isinstance(field, Field):
            read = _reader(field, amounts)
            if read is not None:
                shown[field.name] = display(description=field.verbose_name, ordering=field.name)(read)
    return shown


def name_of(row: Model) -> str:
    """Name a row: by what it calls itself, else by what it is and the end of its id."""
    if type(row).__str__ is not Model.__str__:
        return str(row)
    return f"{capfirst(row._meta.verbose_name)} …{str(row.pk)[-6:]}"


def linked(row: Model | None) -> str:
    """Write a row's name, leading to its page."""
    if row is None:
        return formatting.MISSING
    meta = row._meta
    try:
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return name_of(row)
    return format_html('<a class="row-link" href="{}">{}</a>', url, name_of(row))


def money_text(amount: int | None, currency: str) -> str:
    """Write an amount in the reader's language."""
    return formatting.money(amount, currency, get_language())


def energy_text(watt_hours: float | None) -> str:
    """Write an energy in the reader's language."""
    return formatting.energy(watt_hours, get_language())


def moment_text(moment: datetime | None) -> str:
    """Write a time, saying that it is UTC; a dash where there is none."""
    if moment is None or moment >= FOREVER or moment.year == _BEGINNING_YEAR:
        return formatting.MISSING
    return f"{date_format(localtime(moment), 'SHORT_DATETIME_FORMAT')}{formatting.THIN}UTC".replace(" ", "\u00a0")


def details_text(details: dict[str, Any]) -> str:
    """Write in a line what an entry of the audit log says besides: amounts with their unit, ids left to its page."""
    parts = [_detail(name, value) for name, value in details.items() if not _ID.fullmatch(str(value))]
    text = ", ".join(parts)
    return (text[: _DETAILS_LENGTH - 1] + "…") if len(text) > _DETAILS_LENGTH else text or formatting.MISSING


def _detail(name: str, value: Any) -> str:
    if name.endswith("_uct") and isinstance(value, int):
        # The log does not say the currency; it is the community's.
        name, value = name.removesuffix("_uct"), formatting.number(value / _UCT_PER_UNIT, 2, get_language())
    elif name.endswith("_wh") and isinstance(value, int):
        name, value = name.removesuffix("_wh"), energy_text(value)
    elif str(value) == FOREVER_DATE.isoformat():
        value = formatting.MISSING
    return f"{name.replace('_', ' ')}: {value}"


def currency_of(row: Any) -> str:
    """Return the currency a row counts in: its own, or that of what it belongs to."""
    for owner in ("", "account", "debit", "community", "household"):
        held = getattr(row, owner, None) if owner else row
        currency = getattr(held, "currency", "")
        if currency:
            return str(currency)
    return "EUR"


def _reader(field: Field[Any, Any], amounts: tuple[str, ...]) -> Column | None:
    name = field.name
    if name in amounts:
        return lambda row: _amount(row, getattr(row, name))
    for suffix, write in _BY_SUFFIX.items():
        if name.endswith(suffix):
            return partial(_written, name=name, write=write)
    for kind, write_value in _BY_KIND.items():
        if isinstance(field, kind):
            return partial(_written_value, name=name, write=write_value)
    return None


def _written(row: Any, *, name: str, write: Callable[[Any, Any], str]) -> str:
    return write(getattr(row, name), row)


def _written_value(row: Any, *, name: str, write: Callable[[Any], str]) -> str:
    return write(getattr(row, name))


def _day_text(day: date | None) -> str:
    return formatting.MISSING if day is None or day >= FOREVER_DATE else date_format(day, "SHORT_DATE_FORMAT")


def _amount(row: Any, amount: int) -> str:
    """Write what is money on a money account and energy on an energy account."""
    asset = getattr(row, "asset", "") or row.account.asset
    return money_text(amount, currency_of(row)) if asset == "money" else energy_text(amount)


# Whole numbers carry their unit in their name, everywhere in the product; the longer ending comes first.
_BY_SUFFIX: dict[str, Callable[[Any, Any], str]] = {
    "_uct_kwh": lambda value, row: formatting.price(value / _WH_PER_KWH, currency_of(row), get_language()),
    "_uct": lambda value, row: money_text(value, currency_of(row)),
    "_wh": lambda value, _row: energy_text(value),
    "_w": lambda value, _row: formatting.power(value, get_language()),
}
_BY_KIND: dict[type[Field[Any, Any]], Callable[[Any], str]] = {
    DateTimeField: moment_text,
    DateField: _day_text,
    ForeignKey: linked,
}
