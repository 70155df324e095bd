"""Settling windows: the seller's export meter decides what was delivered, is paid and is refunded."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from marketplace.models import Allocation, Lot, Trade
from marketplace.models.ledger import Asset, TransferKind
from marketplace.models.offers import Side, TradeState
from marketplace.rules.delivery import Promise, deliver, payment
from marketplace.rules.prices import part_price
from marketplace.selectors.alternatives import Alternatives
from marketplace.services.ledger import (
    Movement,
    accounts_of_household,
    issuing_account,
    ledger_write,
    settle_movements,
)
from marketplace.services.sides import lots_of, trade_news, trade_tell
from marketplace.services.turns import all_served, turn_of, waits_for_readings
from myhouse import formatting
from myhouse.documents.atomic import atomic
from myhouse.documents.services import SYSTEM, audit_record
from myhouse.selectors.grid import GridQuarters, grid_quarters
from telemetry.calendar import utc_datetime, utc_ms
from telemetry.model import QUARTER_MS

# Meter data that have not come by then are not waited for any longer.
WAITS_AT_MOST = timedelta(hours=36)
LIMIT = 200
_SELLERS_PER_RUN = 50
_TRADES_AT_ONCE = 50

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Metered:
    """What a seller exported over the windows in question, and the price his supplier would have paid."""

    quarters: GridQuarters
    alternatives: Alternatives

    def place(self, moment: datetime) -> int:
        """Return which quarter of the run begins at this moment."""
        return (utc_ms(moment) - int(self.quarters.starts_ms[0])) // QUARTER_MS


@waits_for_readings
def windows_settle(*, now: datetime, limit: int = LIMIT) -> int:
    """Settle trades whose window is over and metered; returns how many. The rest waits, or follows in the next run.

    A window is metered once each of its quarter-hours is known, or 36 hours after its end: what is not known then
    counts as not delivered. Safe to run twice or at the same time: a trade is settled by whoever finds it reserved.
    """
    ended = Trade.objects.filter(state=TradeState.RESERVED, window_end__lte=now)
    sellers = turn_of(ended.values_list("seller_id", flat=True).distinct(), now=now, at_most=_SELLERS_PER_RUN)
    settled = 0

    def serve(seller_id: uuid.UUID) -> None:
        nonlocal settled
        if settled < limit:
            settled += _seller_settle(seller_id, now, min(limit - settled, _TRADES_AT_ONCE))

    all_served(sellers, serve)
    return settled


def _seller_settle(seller_id: uuid.UUID, now: datetime, limit: int) -> int:
    """Settle a seller's windows together, for where they overlap they share what was exported."""
    ended = Trade.objects.filter(seller_id=seller_id, state=TradeState.RESERVED, window_end__lte=now)
    trades = list(ended.order_by("window_end", "pk")[:limit])
    if not trades:
        return 0
    end = max(trade.window_end for trade in trades)
    # From the oldest window on that is not settled: what it took before decides what it lacks where they overlap.
    # Another run may have settled some, or all, since they were listed.
    start = min(trade.window_start for trade in (*trades, *_reserved(seller_id, end)))
    read = grid_quarters(household_ids=[seller_id], start_ms=utc_ms(start), end_ms=utc_ms(end))
    metered = _Metered(read[seller_id], Alternatives(household_id=seller_id, direction="export", now=now))
    due = [trade.pk for trade in trades if _is_metered(trade, metered, now)]
    if not due:
        return 0
    metered.alternatives.load(metered.quarters.starts_ms.tolist())
    return _settle(seller_id, due, metered, now)


def _reserved(seller_id: uuid.UUID, end: datetime) -> list[Trade]:
    """List the seller's trades not settled yet whose windows begin before `end`, in the order they end."""
    trades = Trade.objects.filter(seller_id=seller_id, state=TradeState.RESERVED, window_start__lt=end)
    return list(trades.order_by("window_end", "pk"))


def _is_metered(trade: Trade, metered: _Metered, now: datetime) -> bool:
    known = metered.quarters.known[metered.place(trade.window_start) : metered.place(trade.window_end)]
    return bool(known.all()) or now >= trade.window_end + WAITS_AT_MOST


@atomic
def _settle(seller_id: uuid.UUID, due: Sequence[uuid.UUID], metered: _Metered, now: datetime) -> int:
    """Work out and write in one transaction, so that nobody else gives the same export to another trade."""
    starts = metered.quarters.starts_ms
    first, end = utc_datetime(int(starts[0])), utc_datetime(int(starts[-1]) + QUARTER_MS)
    trades = [trade for trade in _reserved(seller_id, end) if trade.window_end > first]
    free = _free(seller_id, metered, first, end)
    promises = [
        Promise(max(metered.place(trade.window_start), 0), metered.place(trade.window_end), trade.energy_wh)
        for trade in trades
    ]
    delivered = deliver(free.tolist(), promises)
    settled = 0
    for trade, quarters in zip(trades, delivered, strict=True):
        if trade.pk in due:
            _trade_settle(trade, quarters, metered, now)
            settled += 1
    return settled


def _free(seller_id: uuid.UUID, metered: _Metered, first: datetime, end: datetime) -> Ints:
    """Return what was exported in each quarter and is not sold otherwise."""
    free = metered.quarters.export_wh.copy()
    rows = Allocation.objects.filter(
        household_id=seller_id, side=Side.EXPORT, slot_start__gte=first, slot_start__lt=end
    )
    for slot, energy in rows.values_list("slot_start", "energy_wh"):
        free[metered.place(slot)] -= energy
    return np.maximum(free, 0)


def _trade_settle(trade: Trade, quarters: dict[int, int], metered: _Metered, now: datetime) -> None:
    """Pay what was delivered, refund the rest, and give the buyer his claim."""
    delivered = sum(quarters.values())
    paid = payment(total_uct=trade.total_uct, energy_wh=trade.energy_wh, delivered_wh=delivered)
    written = {
        "state": TradeState.DONE,
        "delivered_wh": delivered,
        "paid_uct": paid,
        "refunded_uct": trade.total_uct - paid,
        "settled_at": now,
    }
    if Trade.objects.filter(pk=trade.pk, state=TradeState.RESERVED).update(**written) != 1:
        raise ValueError(f"trade {trade.pk} changed while it was settled")
    for name, value in written.items():
        setattr(trade, name, value)
    movements = _movements(trade, now)
    if movements:
        ledger_write(movements=movements, now=now)
    if delivered:
        _lots_write(trade, quarters, metered, now)
    _noted(trade, now)


def _movements(trade: Trade, now: datetime) -> list[Movement]:
    movements = []
    if trade.reserve is not None:
        movements += settle_movements(reserve=trade.reserve, post=trade.paid_uct, key=f"trade:{trade.pk}:settle")
    if trade.delivered_wh:
        buying = accounts_of_household(household=trade.buyer, community=trade.community, now=now)
        movements.append(
            Movement(
                kind=TransferKind.MOVE,
                debit=issuing_account(community=trade.community, asset=Asset.ENERGY, for_id=trade.pk, now=now),
                credit=buying.energy,
                amount=trade.delivered_wh,
                key=f"trade:{trade.pk}:energy",
                cause="trade",
                cause_id=trade.pk,
            )
        )
    return movements


def _lots_write(trade: Trade, quarters: dict[int, int], metered: _Metered, now: datetime) -> None:
    """The buyer's lot waits for his meter; the seller's has met his already, in the very quarters of the window."""
    lots = lots_of(trade, energy_wh=trade.delivered_wh, money_uct=trade.paid_uct, usable_from=trade.window_start)
    for lot in lots:
        if lot.side == Side.EXPORT:
            lot.used_wh, lot.open = trade.delivered_wh, False
    Lot.objects.bulk_create(lots)
    sold = next(lot for lot in lots if lot.side == Side.EXPORT)
    before, allocations = 0, []
    for quarter, energy in sorted(quarters.items()):
        slot_ms = int(metered.quarters.starts_ms[quarter])
        money = part_price(total_uct=trade.paid_uct, energy_wh=trade.delivered_wh, sold_wh=before, part_wh=energy)
        before += energy
        allocations.append(
            Allocation(
                lot_id=sold.pk,
                trade_id=trade.pk,
                community_id=trade.community_id,
                household_id=trade.seller_id,
                side=Side.EXPORT,
                slot_start=utc_datetime(slot_ms),
                energy_wh=energy,
                money_uct=money,
                alternative_uct=metered.alternatives.amount(slot_ms, energy, otherwise=money),
                at=now,
            )
        )
    Allocation.objects.bulk_create(allocations)


def _noted(trade: Trade, now: datetime) -> None:
    details = {
        "delivered_wh": trade.delivered_wh, "paid_uct": trade.paid_uct, "refunded_uct": trade.refunded_uct
    }  # fmt: skip
    audit_record(
        actor=SYSTEM, action="trade.settle", now=now, subject=trade, community_id=trade.community_id, details=details
    )
    currency = trade.community.currency

    def words(language: str) -> dict[str, str]:
        return {
            "delivered": formatting.energy(trade.delivered_wh, language),
            "sold": formatting.energy(trade.energy_wh, language),
            "paid": formatting.money(trade.paid_uct, currency, language),
            "refunded": formatting.money(trade.refunded_uct, currency, language),
        }

    def bought(language: str) -> str:
        if not trade.refunded_uct:
            return _("All you bought was delivered: %(delivered)s for %(paid)s.") % words(language)
        return _("%(delivered)s of the %(sold)s you bought were delivered; you have %(refunded)s back.") % words(
            language
        )

    def sold(language: str) -> str:
        return _("You delivered %(delivered)s of %(sold)s sold and were paid %(paid)s.") % words(language)

    trade_tell(trade=trade, household_id=trade.buyer_id, text=bought, now=now)
    trade_tell(trade=trade, household_id=trade.seller_id, text=sold, now=now)
    trade_news(trade=trade, event="settled", now=now)
