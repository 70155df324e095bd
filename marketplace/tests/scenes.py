"""A ledger in which everything has happened once, written without the market's own services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from marketplace.models import Allocation, Lot, Offer, Trade, Transfer
from marketplace.models.ledger import TransferKind
from marketplace.models.offers import OfferKind, OfferState, Side, TradeState
from marketplace.services.cash import cash_confirm, cash_refuse, deposit_request, payout_request
from marketplace.services.ledger import ledger_write, reservation_settle, transfer_reverse
from marketplace.tests.ledgers import EURO, Village, moved, village
from myhouse.documents.base import uuid7
from myhouse.documents.services import SYSTEM
from myhouse.tests.factories import NOW


@dataclass
class Scene:
    place: Village
    offer: Offer
    stored: Trade
    waiting: Trade
    delivered: Trade
    taken_back: Trade
    lot: Lot
    reserve: Transfer


def offered(place: Village, kind: OfferKind = OfferKind.STORED, *, energy_wh: int = 4_000) -> Offer:
    """An open offer of the second neighbour at one euro per kWh."""
    return Offer.objects.create(
        community=place.community,
        seller=place[1].household,
        kind=kind,
        state=OfferState.OPEN,
        energy_wh=energy_wh,
        total_uct=energy_wh * EURO // 1000,
        price_uct_kwh=EURO,
        left_wh=energy_wh,
        created_at=NOW,
        changed_at=NOW,
    )


def sold(place: Village, offer: Offer, energy_wh: int) -> Trade:
    """The first neighbour buys from the offer; the ledger is written as the market writes it."""
    pk, price = uuid7(), energy_wh * EURO // 1000
    stored = offer.kind == OfferKind.STORED
    cause = {"cause": "trade", "cause_id": pk}
    kind = TransferKind.MOVE if stored else TransferKind.RESERVE
    movements = [moved(place[0].money, place[1].money, price, kind=kind, **cause)]
    if stored:
        movements.append(moved(place.outside_energy, place[0].energy, energy_wh, **cause))
    transfers = ledger_write(movements=movements, now=NOW)
    offer.left_wh -= energy_wh
    offer.save()
    trade = Trade.objects.create(
        pk=pk,
        community=place.community,
        offer=offer,
        seller=place[1].household,
        buyer=place[0].household,
        kind=offer.kind,
        state=TradeState.DONE if stored else TradeState.RESERVED,
        energy_wh=energy_wh,
        total_uct=price,
        delivered_wh=energy_wh if stored else 0,
        paid_uct=price if stored else 0,
        reserve=None if stored else transfers[0],
        bought_by=place[0].user,
        bought_at=NOW,
    )
    if stored:
        lot_of(trade, energy_wh)
    return trade


def lot_of(trade: Trade, energy_wh: int) -> Lot:
    return Lot.objects.create(
        trade=trade,
        household_id=trade.buyer_id,
        side=Side.IMPORT,
        energy_wh=energy_wh,
        money_uct=trade.total_uct,
        usable_from=NOW,
    )


def settled(place: Village, trade: Trade, delivered_wh: int) -> Trade:
    """The window was metered: a part is paid and claimed, the rest is released."""
    paid = trade.total_uct * delivered_wh // trade.energy_wh
    reservation_settle(reserve=trade.reserve, post=paid, key=f"settle:{trade.pk}", now=NOW + timedelta(days=1))
    claim = moved(place.outside_energy, place[0].energy, delivered_wh, cause="trade", cause_id=trade.pk)
    ledger_write(movements=[claim], now=NOW + timedelta(days=1))
    trade.state, trade.delivered_wh, trade.paid_uct = TradeState.DONE, delivered_wh, paid
    trade.refunded_uct = trade.total_uct - paid
    trade.save()
    lot_of(trade, delivered_wh)
    return trade


def taken_back(trade: Trade) -> Trade:
    """An operator reversed it before anything of it was used."""
    for number, transfer in enumerate(Transfer.objects.filter(cause_id=trade.pk)):
        transfer_reverse(transfer=transfer, key=f"back:{trade.pk}:{number}", note="Meter was broken", now=NOW)
    Lot.objects.filter(trade=trade).update(open=False)
    trade.state = TradeState.REVERSED
    trade.save()
    return trade


def used(place: Village, lot: Lot, energy_wh: int) -> Lot:
    """The first neighbour draws from the grid what he bought."""
    use = moved(place[0].energy, place.outside_energy, energy_wh, cause="use", cause_id=uuid7())
    ledger_write(movements=[use], now=NOW + timedelta(hours=1))
    money = lot.money_uct * (lot.used_wh + energy_wh) // lot.energy_wh - lot.money_uct * lot.used_wh // lot.energy_wh
    Allocation.objects.create(
        lot=lot,
        trade=lot.trade,
        community=place.community,
        household=place[0].household,
        side=lot.side,
        slot_start=NOW,
        energy_wh=energy_wh,
        money_uct=money,
        at=NOW + timedelta(hours=1),
    )
    lot.used_wh += energy_wh
    lot.open = lot.used_wh < lot.energy_wh
    lot.save()
    return lot


def scene() -> Scene:
    place = village(money=50 * EURO)
    neighbour = place[0].household
    cash_confirm(
        order=deposit_request(household=neighbour, amount_uct=5 * EURO, actor=SYSTEM, now=NOW), actor=SYSTEM, now=NOW
    )
    for decide in (cash_confirm, lambda **told: cash_refuse(reason="Twice", **told)):
        order = payout_request(household=neighbour, amount_uct=EURO, note="Bank", actor=SYSTEM, now=NOW)
        decide(order=order, actor=SYSTEM, now=NOW)
    offer, window = offered(place), offered(place, OfferKind.WINDOW, energy_wh=9_000)
    stored = sold(place, offer, 1_500)
    back = taken_back(sold(place, offer, 500))
    delivered = settled(place, sold(place, window, 3_000), 2_000)
    waiting = sold(place, window, 1_000)
    lot = used(place, Lot.objects.get(trade=stored), 600)
    return Scene(place, offer, stored, waiting, delivered, back, lot, waiting.reserve)
