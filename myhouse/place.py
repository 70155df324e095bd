"""Which time zones and currencies can be chosen."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from django.utils.translation import gettext as _

from myhouse.errors import FieldError

# Two decimals each: cents are what statements round to.
CURRENCIES = ("EUR", "CHF", "CZK", "DKK", "GBP", "NOK", "PLN", "RON", "SEK", "USD")
_AREAS = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


@cache
def time_zones() -> tuple[str, ...]:
    """List the zones of places (not offsets or abbreviations), by name, and UTC."""
    return (*sorted(z for z in available_timezones() if z.startswith(_AREAS)), "UTC")


def place_check(*, time_zone: str, currency: str) -> list[FieldError]:
    """Say what is wrong with a zone or currency; empty when nothing is."""
    errors = []
    if time_zone not in time_zones():
        errors.append(FieldError("time_zone", _("Choose a time zone from the list, such as Europe/Berlin.")))
    if currency not in CURRENCIES:
        errors.append(
            FieldError("currency", _("Choose one of these currencies: %(list)s.") % {"list": ", ".join(CURRENCIES)})
        )
    return errors
