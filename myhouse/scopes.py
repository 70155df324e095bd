"""What a service token may do: scopes, and how an API view says which one each of its methods needs."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

# The scope each method needs; None: not for service tokens.
ScopesByMethod = Mapping[str, "Scope | None"]


class Scope(TextChoices):
    """One right of a service token; reading and writing are given apart."""

    READINGS_READ = "readings:read", _("Read readings, statistics and uploads")
    READINGS_WRITE = "readings:write", _("Hand in files of readings")
    HOUSEHOLD_READ = "household:read", _("Read the household, its meters, appliances and contracts")
    HOUSEHOLD_WRITE = "household:write", _("Change the household, its meters, appliances and contracts")
    MARKET_READ = "market:read", _("Read offers, trades and balances")
    MARKET_TRADE = "market:trade", _("Offer, buy and withdraw, ask for deposits and payouts")
    DEVICES_READ = "devices:read", _("Read devices")
    DEVICES_WRITE = "devices:write", _("Register and change devices and their keys")


def by_method(*, read: Scope | None = None, write: Scope | None = None) -> ScopesByMethod:
    """Say which scope reading and which one changing needs; what is left out is closed to service tokens."""
    return {
        "GET": read,
        "HEAD": read,
        "OPTIONS": read,
        "POST": write,
        "PUT": write,
        "PATCH": write,
        "DELETE": write,
    }


# What belongs to the person alone: tokens, the account, who else may enter.
CLOSED = by_method()
# What a view has that says nothing: as closed, but found by a test.
UNDECLARED = by_method()
