"""Micro-cents as decimal strings of the currency, for machines; people's formats are in `myhouse.formatting`."""

from __future__ import annotations

from decimal import Decimal

MICRO_CENTS_PER_UNIT = 100_000_000


def money_decimal(micro_cents: int) -> Decimal:
    """Return the exact amount in the currency's unit: 123456789 µct is 1.23456789."""
    return Decimal(micro_cents).scaleb(-8)


def money_text(micro_cents: int | None) -> str | None:
    """Write the exact amount with at least two decimals and none that say nothing."""
    if micro_cents is None:
        return None
    whole, _point, part = f"{money_decimal(micro_cents):.8f}".partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"
