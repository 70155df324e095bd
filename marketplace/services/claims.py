"""Using up what was bought and sold: lots meet the meter, the oldest first, in whole Wh per quarter-hour."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import numpy as np
from numpy.typing import NDArray

from marketplace.models import Allocation, Lot, Trade
from marketplace.models.ledger import Asset, TransferKind
from marketplace.models.offers import OfferKind, Side, TradeState
from marketplace.news import market_changed
from marketplace.rules.lots import Stock, Use, lots_use
from marketplace.selectors.alternatives import Alternatives
from marketplace.services.ledger import Movement, accounts_of_household, issuing_account, ledger_write
from marketplace.services.sellable import stored_deliver
from marketplace.services.turns import all_served, turn_of, waits_for_readings
from myhouse.documents.atomic import after_commit, atomic
from myhouse.documents.base import uuid7
from myhouse.models import Community, Household
from myhouse.selectors.grid import GridQuarters, grid_quarters
from telemetry.calendar import utc_datetime, utc_ms
from telemetry.model import QUARTER_MS

# How far back quarter-hours are looked at again: longer than any window waits for its meter. A lot that meets no
# meter within it is not lost, it meets a later one.
LOOK_BACK = timedelta(days=7)
HOUSEHOLDS_PER_RUN = 200
_HOUSEHOLDS_AT_ONCE = 20
CAUSE = "use"

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Plan:
    """The lots of one side and what of them meets which quarter-hour."""

    side: Side
    lots: list[Lot]
    uses: list[Use]


@dataclass(frozen=True, eq=False)
class _Meter:
    """A household's quarter-hours, and what its supplier would have charged and paid in them."""

    household_id: uuid.UUID
    quarters: GridQuarters
    alternatives: dict[Side, Alternatives]

    def metered(self, side: Side) -> Ints:
        """Return the whole Wh of each known quarter-hour; one that is not known yet counts nothing."""
        energy = self.quarters.import_wh if side == Side.IMPORT else self.quarters.export_wh
        return np.where(self.quarters.known, energy, 0)

    def place(self, moment: datetime) -> int:
        """Return the first quarter of the run that does not begin before this moment."""
        return -(-(utc_ms(moment) - int(self.quarters.starts_ms[0])) // QUARTER_MS)


@waits_for_readings
def claims_use(*, now: datetime, households: Iterable[uuid.UUID] | None = None) -> int:
    """Use lots up against what the meters have counted since; returns how many allocations were written.

    Each run serves some households, the next one the next; `households` names them instead. Safe to run twice or at
    the same time: what a quarter-hour has left is worked out in the transaction that takes it.
    """
    if households is None:
        waiting = Lot.objects.filter(open=True).values_list("household_id", flat=True).distinct()
        households = turn_of(waiting, now=now, at_most=HOUSEHOLDS_PER_RUN)
    ids = list(households)
    end_ms = utc_ms(now) // QUARTER_MS * QUARTER_MS
    start_ms = utc_ms(now - LOOK_BACK) // QUARTER_MS * QUARTER_MS
    written = 0

    def serve(household_id: uuid.UUID) -> None:
        nonlocal written
        written += _serve(household_id, read[household_id], now)

    for first in range(0, len(ids), _HOUSEHOLDS_AT_ONCE):
        batch = ids[first : first + _HOUSEHOLDS_AT_ONCE]
        read = grid_quarters(household_ids=batch, start_ms=start_ms, end_ms=end_ms)
        all_served(batch, serve)
    return written


def _serve(household_id: uuid.UUID, quarters: GridQuarters, now: datetime) -> int:
    meter = _Meter(
        household_id,
        quarters,
        {
            Side.IMPORT: Alternatives(household_id=household_id, direction="import", now=now),
            Side.EXPORT: Alternatives(household_id=household_id, direction="export", now=now),
        },
    )
    # Looked at first without locking anything: mostly there is nothing to use.
    plans = _plans(meter)
    for plan in plans:
        meter.alternatives[plan.side].load(int(quarters.starts_ms[use.quarter]) for use in plan.uses)
    return _use(meter, now) if any(plan.uses for plan in plans) else 0


@atomic
def _use(meter: _Meter, now: datetime) -> int:
    """Write everything one household uses in this run, or nothing."""
    return sum(_plan_write(plan, meter, now) for plan in _plans(meter) if plan.uses)


def _plans(meter: _Meter) -> list[_Plan]:
    """Work out what can be used now, from what lots and allocations there are."""
    end = utc_datetime(int(meter.quarters.starts_ms[-1]) + QUARTER_MS)
    lots = list(
        Lot.objects.filter(open=True, household_id=meter.household_id, usable_from__lt=end).order_by(
            "usable_from", "pk"
        )
    )
    if not lots:
        return []
    free = _free(meter)
    plans = []
    for side in Side:
        mine = [lot for lot in lots if lot.side == side]
        stocks = [
            Stock(max(meter.place(lot.usable_from), 0), lot.energy_wh, lot.used_wh, lot.money_uct) for lot in mine
        ]
        plans.append(_Plan(side, mine, lots_use(stocks, free[side].tolist())))
    return plans


def _free(meter: _Meter) -> dict[Side, Ints]:
    """Return what each quarter-hour has left that no lot has met; windows not settled yet keep their export."""
    first = utc_datetime(int(meter.quarters.starts_ms[0]))
    free = {side: meter.metered(side) for side in Side}
    rows = Allocation.objects.filter(household_id=meter.household_id, slot_start__gte=first)
    count = len(meter.quarters.starts_ms)
    for side, slot, energy in rows.values_list("side", "slot_start", "energy_wh"):
        if meter.place(slot) < count:
            free[Side(side)][meter.place(slot)] -= energy
    windows = Trade.objects.filter(
        seller_id=meter.household_id, state=TradeState.RESERVED, window_start__gte=first - timedelta(days=1)
    )
    for begin, end in windows.values_list("window_start", "window_end"):
        free[Side.EXPORT][max(meter.place(begin), 0) : max(meter.place(end), 0)] = 0
    return {side: np.maximum(left, 0) for side, left in free.items()}


def _plan_write(plan: _Plan, meter: _Meter, now: datetime) -> int:
    trades = Trade.objects.in_bulk(list({plan.lots[use.lot].trade_id for use in plan.uses}))
    used: dict[int, int] = defaultdict(int)
    allocations = []
    for use in plan.uses:
        used[use.lot] += use.energy_wh
        lot = plan.lots[use.lot]
        slot_ms = int(meter.quarters.starts_ms[use.quarter])
        allocations.append(
            Allocation(
                lot_id=lot.pk,
                trade_id=lot.trade_id,
                community_id=trades[lot.trade_id].community_id,
                household_id=meter.household_id,
                side=plan.side,
                slot_start=utc_datetime(slot_ms),
                energy_wh=use.energy_wh,
                money_uct=use.money_uct,
                alternative_uct=meter.alternatives[plan.side].amount(slot_ms, use.energy_wh, otherwise=use.money_uct),
                at=now,
            )
        )
    Allocation.objects.bulk_create(allocations)
    taken = [(plan.lots[place], energy) for place, energy in used.items()]
    _lots_write(taken)
    if plan.side == Side.IMPORT:
        _claims_take([(lot, trades[lot.trade_id], energy) for lot, energy in taken], meter.household_id, now)
    else:
        stored = sum(energy for lot, energy in taken if trades[lot.trade_id].kind == OfferKind.STORED)
        stored_deliver(household_id=meter.household_id, energy_wh=stored)
    return len(allocations)


def _lots_write(taken: Sequence[tuple[Lot, int]]) -> None:
    for lot, energy in taken:
        reached = lot.used_wh + energy
        same = Lot.objects.filter(pk=lot.pk, used_wh=lot.used_wh, open=True)
        if same.update(used_wh=reached, open=reached < lot.energy_wh) != 1:
            raise ValueError(f"lot {lot.pk} was used by another at the same time")


def _claims_take(taken: Sequence[tuple[Lot, Trade, int]], household_id: uuid.UUID, now: datetime) -> None:
    """Take what was used from the household's energy account, in one transfer per community."""
    sums: dict[uuid.UUID, int] = defaultdict(int)
    for _lot, trade, energy in taken:
        sums[trade.community_id] += energy
    household = Household.objects.get(pk=household_id)
    for community in Community.objects.filter(pk__in=list(sums)):
        use_id, energy = uuid7(), sums[community.pk]
        account = accounts_of_household(household=household, community=community, now=now).energy
        movement = Movement(
            kind=TransferKind.MOVE,
            debit=account,
            credit=issuing_account(community=community, asset=Asset.ENERGY, for_id=use_id, now=now),
            amount=energy,
            key=f"use:{use_id}",
            cause=CAUSE,
            cause_id=use_id,
        )
        ledger_write(movements=[movement], now=now)
        told = partial(
            market_changed,
            community_id=community.pk,
            households=[household_id],
            kind="balance",
            payload={"id": account.pk, "event": "used", "energy_wh": energy},
            now=now,
        )
        after_commit(told)
