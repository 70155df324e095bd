"""Proving trades, offers and claims against the ledger: the passes of `proof` that know what transfers are for."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence

from django.db.models import F, Sum

from marketplace.models import Account, Allocation, Lot, Offer, Trade, Transfer
from marketplace.models.ledger import Asset, OwnerKind
from marketplace.models.offers import Side
from marketplace.rules.trade_proof import (
    Flow,
    LotRow,
    TradeRow,
    claims_finding,
    lot_finding,
    offer_finding,
    trade_finding,
)

CAUSE = "trade"
_TRADE = (
    "pk",
    "state",
    "kind",
    "buyer_id",
    "seller_id",
    "energy_wh",
    "total_uct",
    "delivered_wh",
    "paid_uct",
    "refunded_uct",
)


def trades_check(ids: Sequence[uuid.UUID]) -> str:
    """Check some trades against the transfers they caused."""
    transfers = list(
        Transfer.objects.filter(cause=CAUSE, cause_id__in=ids).values_list(
            "cause_id", "asset", "kind", "debit_id", "credit_id", "amount"
        )
    )
    accounts = {account for row in transfers for account in row[3:5]}
    owners = {
        pk: None if kind == OwnerKind.ISSUING else owner
        for pk, kind, owner in Account.objects.filter(pk__in=accounts).values_list("pk", "owner_kind", "owner_id")
    }
    flows: dict[uuid.UUID, list[Flow]] = defaultdict(list)
    for trade, asset, kind, debit, credit, amount in transfers:
        flows[trade].append(Flow(asset, kind, owners[debit], owners[credit], amount))
    for values in Trade.objects.filter(pk__in=ids).order_by("pk").values_list(*_TRADE):
        found = trade_finding(TradeRow(*values), flows[values[0]])
        if found:
            return found
    return ""


def claims_check(ids: Sequence[uuid.UUID]) -> str:
    """Check for some energy accounts that their owners' claims are what their open lots hold."""
    owners = list(Account.objects.filter(pk__in=ids).values_list("owner_id", flat=True))
    balances = dict(
        Account.objects.filter(owner_id__in=owners, owner_kind=OwnerKind.HOUSEHOLD, asset=Asset.ENERGY)
        .values_list("owner_id")
        .annotate(total=Sum("balance"))
        .order_by("owner_id")
    )
    unused = dict(
        Lot.objects.filter(open=True, household_id__in=owners, side=Side.IMPORT)
        .values_list("household_id")
        .annotate(total=Sum(F("energy_wh") - F("used_wh")))
        .order_by("household_id")
    )
    for owner in owners:
        found = claims_finding(owner, balance_wh=balances[owner], unused_wh=unused.get(owner, 0))
        if found:
            return found
    return ""


def offers_check(ids: Sequence[uuid.UUID]) -> str:
    """Check for some offers that what is left of them is what was not sold."""
    sold = dict(
        Trade.objects.filter(offer_id__in=ids)
        .values_list("offer_id")
        .annotate(total=Sum("energy_wh"))
        .order_by("offer_id")
    )
    for pk, energy_wh, left_wh in Offer.objects.filter(pk__in=ids).values_list("pk", "energy_wh", "left_wh"):
        found = offer_finding(pk, energy_wh=energy_wh, left_wh=left_wh, sold_wh=sold.get(pk, 0))
        if found:
            return found
    return ""


def lots_check(ids: Sequence[uuid.UUID]) -> str:
    """Check for some lots that what is used of them met the meter in some quarter-hours."""
    met = {
        lot: (energy, money)
        for lot, energy, money in Allocation.objects.filter(lot_id__in=ids)
        .values_list("lot_id")
        .annotate(energy=Sum("energy_wh"), money=Sum("money_uct"))
        .order_by("lot_id")
    }
    rows = Lot.objects.filter(pk__in=ids).order_by("pk")
    for values in rows.values_list("pk", "energy_wh", "used_wh", "money_uct", "open"):
        energy, money = met.get(values[0], (0, 0))
        found = lot_finding(LotRow(*values), met_wh=energy, money_uct=money)
        if found:
            return found
    return ""
