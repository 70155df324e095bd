"""Offers, trades and the ledger: data and constraints; the rules stand in `services` and `rules`."""

from marketplace.models.ledger import Account, CashOrder, Entry, LedgerProof, Transfer
from marketplace.models.offers import Allocation, Lot, Offer, SellableEnergy, Trade

__all__ = [
    "Account",
    "Allocation",
    "CashOrder",
    "Entry",
    "LedgerProof",
    "Lot",
    "Offer",
    "SellableEnergy",
    "Trade",
    "Transfer",
]
