"""What must be true of trades, offers and claims beside the transfers they caused."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from marketplace.rules.ledger_proof import CLAIMS, LOT, OFFER, TRADE, finding
from marketplace.rules.shares import part_of


class TradeRow(NamedTuple):
    """A trade as stored."""

    id: uuid.UUID
    state: str
    kind: str
    buyer: uuid.UUID
    seller: uuid.UUID
    energy_wh: int
    total_uct: int
    delivered_wh: int
    paid_uct: int
    refunded_uct: int


class LotRow(NamedTuple):
    """A lot as stored."""

    id: uuid.UUID
    energy_wh: int
    used_wh: int
    money_uct: int
    open: bool


class Flow(NamedTuple):
    """A transfer a trade caused: from whose account to whose; nobody (None) is the outside world."""

    asset: str
    kind: str
    debit: uuid.UUID | None
    credit: uuid.UUID | None
    amount: int


def trade_finding(trade: TradeRow, flows: Iterable[Flow]) -> str:
    """Check that what moved is what the trade says was paid, refunded and delivered."""
    name = f"trade {trade.id} ({trade.state})"
    moved = {"money": 0, "energy": 0}
    held = freed = 0
    for flow in flows:
        forth = (trade.buyer, trade.seller) if flow.asset == "money" else (None, trade.buyer)
        ends = (flow.debit, flow.credit)
        if ends not in {forth, forth[::-1]} or (flow.kind != "reverse" and ends != forth):
            return finding(TRADE, f"{name} moved something between others than its buyer and its seller")
        if flow.kind in {"move", "post", "reverse"}:
            moved[flow.asset] += flow.amount if ends == forth else -flow.amount
        if flow.kind == "reserve":
            held += flow.amount
        if flow.kind in {"post", "release"}:
            held -= flow.amount
        freed += flow.amount if flow.kind == "release" else 0
    happened = (moved["money"], moved["energy"], held, freed)
    if happened != _expected(trade):
        return finding(
            TRADE, f"{name}: (paid, delivered, held, refunded) is {happened}, it should be {_expected(trade)}"
        )
    whole = trade.paid_uct + trade.refunded_uct
    if trade.state == "done" and (whole != trade.total_uct or not 0 <= trade.delivered_wh <= trade.energy_wh):
        return finding(TRADE, f"{name}: paid and refunded are {whole} of {trade.total_uct}")
    return ""


def offer_finding(offer: uuid.UUID, *, energy_wh: int, left_wh: int, sold_wh: int) -> str:
    """Check that what is left of an offer is what its trades left; a reversed trade gives nothing back."""
    if left_wh == energy_wh - sold_wh and left_wh >= 0:
        return ""
    return finding(OFFER, f"offer {offer} has {left_wh} Wh left of {energy_wh} Wh, its trades took {sold_wh} Wh")


def claims_finding(household: uuid.UUID, *, balance_wh: int, unused_wh: int) -> str:
    """Check that a household's claims on energy are what its open lots hold."""
    if balance_wh == unused_wh:
        return ""
    return finding(CLAIMS, f"household {household} has claims of {balance_wh} Wh, its open lots hold {unused_wh} Wh")


def lot_finding(lot: LotRow, *, met_wh: int, money_uct: int) -> str:
    """Check that what is used of a lot met the meter somewhere, with its part of the lot's money."""
    money = part_of(lot.money_uct, whole=lot.energy_wh, before=0, part=lot.used_wh) if lot.energy_wh else 0
    whole = 0 <= lot.used_wh <= lot.energy_wh and (lot.used_wh < lot.energy_wh or not lot.open)
    if whole and (met_wh, money_uct) == (lot.used_wh, money):
        return ""
    return finding(
        LOT,
        f"lot {lot.id} says {lot.used_wh} of {lot.energy_wh} Wh are used, for {money}; "
        f"its quarter-hours say {met_wh} Wh, for {money_uct}",
    )


def _expected(trade: TradeRow) -> tuple[int, int, int, int]:
    if trade.state == "reserved":
        return (0, 0, trade.total_uct, 0)
    if trade.state == "reversed":
        # A trade that was taken back before it was settled freed all that was held.
        return (0, 0, 0, trade.refunded_uct)
    return (trade.paid_uct, trade.delivered_wh, 0, trade.refunded_uct)
