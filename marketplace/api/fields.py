"""How amounts look in the marketplace's JSON: money as decimal strings, energy as whole Wh."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketplace.models import Account, Offer, Trade
from marketplace.models.ledger import Asset
from marketplace.models.offers import OfferKind
from myhouse.api.fields import Moment, moment
from myhouse.errors import FieldError, UnableTo
from myhouse.tariffs.money import MICRO_CENTS_PER_UNIT, money_text

_MONEY = re.compile(r"(\d{1,9})(?:\.(\d{1,8}))?", re.ASCII)
_PATTERN = r"^-?\d+\.\d{2,8}$"
# What clients may send: without a sign, with or without decimals.
_PATTERN_IN = r"^\d{1,9}(\.\d{1,8})?$"

VERSION_MAX = 2**31 - 1


class UnableToReadCurrency(UnableTo):
    """The amount is in another currency than the community's."""


@extend_schema_field({"type": "string", "pattern": _PATTERN})
class Money(serializers.Field[int, Any, "str | None", Any]):
    """An exact amount in an answer; inside it is whole micro-cents."""

    def to_representation(self, value: int) -> str | None:
        """Write the amount."""
        return money_text(value)


@extend_schema_field({"type": "string", "pattern": _PATTERN_IN})
class MoneyAsked(serializers.Field[int, Any, "str | None", Any]):
    """An amount that a client sends as a decimal string: never as a number, which has no exact cents."""

    def to_internal_value(self, data: Any) -> int:
        """Read whole micro-cents."""
        found = _MONEY.fullmatch(data) if isinstance(data, str) else None
        if found is None:
            raise serializers.ValidationError(_("Write the amount as text with at most 8 decimals, such as “12.50”."))
        whole, part = found.groups()
        return int(whole) * MICRO_CENTS_PER_UNIT + int((part or "").ljust(8, "0"))

    def to_representation(self, value: int) -> str | None:
        """Write the amount."""
        return money_text(value)


@extend_schema_field({"oneOf": [{"type": "string", "pattern": _PATTERN}, {"type": "integer"}]})
class Amount(serializers.Field[Any, Any, Any, Any]):
    """Of a money account a decimal string, of an energy account whole Wh."""


def amount(account: Account, value: int) -> str | int | None:
    """Write an amount as its account's asset is written."""
    return money_text(value) if account.asset == Asset.MONEY else value


class DeliveryWindow(serializers.Serializer[Any]):
    """The quarter-hours [start, end) in which surplus is expected, or delivered."""

    start = Moment()
    end = Moment()


def window_json(of: Offer | Trade) -> dict[str, str | None] | None:
    """Write the window of an offer or trade; stored energy has none."""
    if of.kind != OfferKind.WINDOW:
        return None
    return {"start": moment(of.window_start), "end": moment(of.window_end)}


class CurrencyAsked(serializers.Serializer[Any]):
    """Says in which currency an amount is meant; left out it is the community's."""

    currency = serializers.CharField(min_length=3, max_length=3, required=False)


def currency_check(asked: str | None, own: str) -> None:
    """Refuse an amount that was meant in another currency."""
    if asked is not None and asked != own:
        message = _("Prices here are in %(own)s. Leave the currency out, or name that one.")
        raise UnableToReadCurrency(message % {"own": own}, field="currency")


@contextmanager
def told_by_our_names() -> Iterator[None]:
    """Let a refusal name the fields as clients know them: `total`, where a service counts in `total_uct`."""
    try:
        yield
    except UnableTo as refusal:
        refusal.errors = tuple(FieldError(one.field.removesuffix("_uct"), one.message) for one in refusal.errors)
        raise
