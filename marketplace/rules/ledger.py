"""What each kind of transfer does to its two accounts, and what an account must hold for several of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Effect:
    """The signs with which an amount changes the debit account, and the credit account where it has an entry."""

    debit_balance: int
    debit_reserved: int
    credit_balance: int


# A reservation stays on the account it binds: the credit account has an entry only when something arrives there.
EFFECTS = {
    "move": Effect(debit_balance=-1, debit_reserved=0, credit_balance=1),
    "reserve": Effect(debit_balance=0, debit_reserved=1, credit_balance=0),
    "post": Effect(debit_balance=-1, debit_reserved=-1, credit_balance=1),
    "release": Effect(debit_balance=0, debit_reserved=-1, credit_balance=0),
    "reverse": Effect(debit_balance=-1, debit_reserved=0, credit_balance=1),
}


@dataclass
class Demand:
    """What a series of changes does to one account in all, and what it must have before the first of them."""

    balance: int = 0
    reserved: int = 0
    entries: int = 0
    available_before: int = 0
    reserved_before: int = 0

    def add(self, balance: int, reserved: int) -> None:
        """Append a change; after each one both what is available and what is reserved must be at least zero."""
        self.balance += balance
        self.reserved += reserved
        self.entries += 1
        self.available_before = max(self.available_before, self.reserved - self.balance)
        self.reserved_before = max(self.reserved_before, -self.reserved)


def changes_of(kind: str, amount: int, debit: K, credit: K) -> list[tuple[K, int, int]]:
    """Return the entries of one transfer: account, change of its balance, change of what is reserved there."""
    effect = EFFECTS[kind]
    changes = [(debit, effect.debit_balance * amount, effect.debit_reserved * amount)]
    if effect.credit_balance:
        changes.append((credit, effect.credit_balance * amount, 0))
    return changes


def demands_of(changes: Iterable[tuple[K, int, int]]) -> dict[K, Demand]:
    """Sum up changes per account, in the order they are made."""
    demands: dict[K, Demand] = {}
    for account, balance, reserved in changes:
        demands.setdefault(account, Demand()).add(balance, reserved)
    return demands
