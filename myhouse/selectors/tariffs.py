"""A household's supplier contracts: which held when, and the price of each quarter-hour."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, cast
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from myhouse.documents.base import FOREVER_DATE
from myhouse.errors import NotFound
from myhouse.models import Household, SupplierContract
from myhouse.statistics.ledger import Contract
from myhouse.tariffs.pricing import UNKNOWN, Market, gross_price, price_per_quarter
from myhouse.tariffs.terms import Terms, Tiers, terms_read
from telemetry.calendar import day_start_ms

Ints = NDArray[np.int64]
_FOREVER_MS = 253_370_764_800_000


@dataclass(frozen=True)
class ContractLine:
    """A contract on the time line of its direction: what it is now, and the days before it without any."""

    contract: SupplierContract
    terms: Terms
    state: Literal["past", "current", "future"]
    gap_before: tuple[date, date] | None

    @property
    def last_day(self) -> date | None:
        """The last day it holds; nothing while it is open-ended."""
        return None if self.contract.ends_on >= FOREVER_DATE else self.contract.ends_on - timedelta(days=1)


def contracts_of(*, household: Household) -> list[SupplierContract]:
    """List all contracts of a household, import first, the oldest first (one query)."""
    found = SupplierContract.objects.filter(household_id=household.pk)
    return sorted(found, key=lambda c: (c.direction != "import", c.starts_on, c.pk))


def contract_for(*, household: Household, contract_id: uuid.UUID) -> SupplierContract:
    """Return a contract of this household, or refuse as if it did not exist."""
    contract = SupplierContract.objects.filter(pk=contract_id, household_id=household.pk).first()
    if contract is None:
        raise NotFound(_("There is no such contract in this household."))
    return contract


def contract_timeline(*, household: Household, now: datetime) -> dict[str, list[ContractLine]]:
    """Return the contracts of each direction, the newest first, with the gaps between them."""
    today = now.astimezone(ZoneInfo(household.time_zone)).date()
    result: dict[str, list[ContractLine]] = {"import": [], "export": []}
    for contract in contracts_of(household=household):
        lines = result[contract.direction]
        before = lines[-1].contract.ends_on if lines else contract.starts_on
        state: Literal["past", "current", "future"] = "current"
        if contract.ends_on <= today:
            state = "past"
        elif contract.starts_on > today:
            state = "future"
        gap = (before, contract.starts_on) if before < contract.starts_on else None
        terms = terms_read(contract.terms, direction=contract.direction)
        lines.append(ContractLine(contract, terms, state, gap))
    return {direction: lines[::-1] for direction, lines in result.items()}


def contract_rules(*, contracts: Sequence[SupplierContract], zone: str) -> list[Contract]:
    """Turn documents into what the rules price with."""
    return [
        Contract(
            direction=cast("Literal['import', 'export']", contract.direction),
            starts_ms=_day_ms(contract.starts_on, zone),
            ends_ms=_day_ms(contract.ends_on, zone),
            terms=terms_read(contract.terms, direction=contract.direction),
        )
        for contract in contracts
    ]


def prices_shown(
    *,
    contracts: Sequence[Contract],
    direction: str,
    starts: Ints,
    zone: str,
    market: Market,
    used: Callable[[Contract, Ints], Ints] | None = None,
) -> Ints:
    """Return the gross price at each start in µct per Wh, UNKNOWN where no contract or market price is there.

    `used` tells for a contract with tiers how much was used in its period before each start.
    """
    result = np.full(len(starts), UNKNOWN, np.int64)
    for contract in contracts:
        first, end = np.searchsorted(starts, (contract.starts_ms, contract.ends_ms)).tolist()
        if contract.direction == direction and first < end:
            part = starts[first:end]
            tiered = used is not None and isinstance(contract.terms.price, Tiers)
            before = used(contract, part) if used is not None and tiered else None
            net = price_per_quarter(contract.terms, part, zone, market, used_micro_wh=before)
            result[first:end] = gross_price(contract.terms, net)
    return result


def _day_ms(day: date, zone: str) -> int:
    return _FOREVER_MS if day >= FOREVER_DATE else day_start_ms(zone, day)
