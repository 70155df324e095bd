"""What must be true of a ledger, checked on its rows alone; each check returns the first thing that is not."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from marketplace.rules.ledger import changes_of

# The invariants, as a finding names them.
(
    ENTRIES, RESERVATION, REVERSAL, NUMBERING, RUNNING, ACCOUNT, BELOW_ZERO, RESERVED, SUMS, TRADE, CLAIMS, OFFER, LOT
) = range(1, 14)  # fmt: skip
_REVERSIBLE = {"move", "post"}


class TransferRow(NamedTuple):
    """A transfer as stored."""

    id: uuid.UUID
    kind: str
    debit: uuid.UUID
    credit: uuid.UUID
    amount: int
    of: uuid.UUID | None
    asset: str
    community: uuid.UUID


class EntryRow(NamedTuple):
    """An entry as stored."""

    account: uuid.UUID
    number: int
    transfer: uuid.UUID
    balance_change: int
    reserved_change: int
    balance_after: int
    reserved_after: int


class AccountRow(NamedTuple):
    """An account as stored."""

    id: uuid.UUID
    may_be_negative: bool
    balance: int
    reserved: int
    entries_count: int


def finding(invariant: int, text: str) -> str:
    """Say which invariant is broken and where."""
    return f"Invariant {invariant}: {text}"


def transfer_finding(
    transfer: TransferRow,
    *,
    entries: Sequence[EntryRow],
    belonging: Sequence[TransferRow],
    of: TransferRow | None,
    kept_in: Mapping[uuid.UUID, tuple[str, uuid.UUID]],
) -> str:
    """Check one transfer against its entries, the transfers that belong to it and the one it belongs to.

    `kept_in` has asset and community of the accounts.
    """
    name = f"transfer {transfer.id}"
    ours = (transfer.asset, transfer.community)
    if kept_in.get(transfer.debit) != ours or kept_in.get(transfer.credit) != ours or transfer.amount < 0:
        return finding(ENTRIES, f"{name} does not move a whole amount between two accounts of its asset and community")
    expected = changes_of(transfer.kind, transfer.amount, transfer.debit, transfer.credit)
    found = [(entry.account, entry.balance_change, entry.reserved_change) for entry in entries]
    if sorted(found) != sorted(expected):
        return finding(
            ENTRIES, f"{name} ({transfer.kind} of {transfer.amount}) does not have the entries it must have"
        )
    return _closing_finding(transfer, belonging) or _belonging_finding(transfer, of)


def _closing_finding(transfer: TransferRow, belonging: Sequence[TransferRow]) -> str:
    """Check that a reservation is closed whole or not at all, and anything else taken back once at most."""
    closings = [one for one in belonging if one.kind != "reverse"]
    if closings and (transfer.kind != "reserve" or sum(one.amount for one in closings) != transfer.amount):
        return finding(RESERVATION, f"what was paid and released of transfer {transfer.id} is not its amount")
    kinds = [one.kind for one in closings]
    if len(kinds) != len(set(kinds)):
        return finding(RESERVATION, f"transfer {transfer.id} was settled more than once")
    if len(belonging) - len(closings) > 1:
        return finding(REVERSAL, f"transfer {transfer.id} was reversed more than once")
    return ""


def _belonging_finding(transfer: TransferRow, of: TransferRow | None) -> str:
    """Check that a transfer that belongs to another one fits it."""
    if transfer.kind in {"post", "release"}:
        same = of is not None and of.kind == "reserve" and (of.debit, of.credit) == (transfer.debit, transfer.credit)
        return (
            "" if same else finding(RESERVATION, f"transfer {transfer.id} settles what is no reservation of its own")
        )
    if transfer.kind == "reverse":
        mirrored = (
            of is not None
            and of.kind in _REVERSIBLE
            and (of.credit, of.debit, of.amount) == (transfer.debit, transfer.credit, transfer.amount)
        )
        return "" if mirrored else finding(REVERSAL, f"transfer {transfer.id} does not mirror what it takes back")
    return "" if of is None else finding(RESERVATION, f"transfer {transfer.id} belongs to another and must not")


@dataclass
class AccountProof:
    """Walks over the entries of one account in their order, some at a time."""

    account: AccountRow
    number: int = 0
    balance: int = 0
    reserved: int = 0
    open: dict[uuid.UUID, tuple[int, int]] = field(default_factory=dict)

    def walk(self, entries: Iterable[EntryRow], transfers: Mapping[uuid.UUID, TransferRow]) -> str:
        """Check the next entries; `transfers` are theirs."""
        for entry in entries:
            found = self._entry(entry) or self._reservation(entry, transfers.get(entry.transfer))
            if found:
                return found
        return ""

    def end(self) -> str:
        """Check what the account says of itself, after its last entry."""
        account, name = self.account, f"account {self.account.id}"
        stored = (account.entries_count, account.balance, account.reserved)
        summed = (self.number, self.balance, self.reserved)
        if stored != summed:
            return finding(ACCOUNT, f"{name} says (entries, balance, reserved) {stored}, its entries say {summed}")
        torn = next((pk for pk, (left, amount) in self.open.items() if left != amount), None)
        if torn is not None:
            return finding(RESERVATION, f"transfer {torn} was settled in part")
        held = sum(left for left, _amount in self.open.values())
        if held != account.reserved:
            return finding(RESERVED, f"{name} has {account.reserved} reserved, its open reservations hold {held}")
        return ""

    def _entry(self, entry: EntryRow) -> str:
        name = f"account {self.account.id}, entry {entry.number}"
        if entry.number != self.number + 1:
            return finding(NUMBERING, f"{name} does not follow on {self.number}")
        self.number = entry.number
        self.balance += entry.balance_change
        self.reserved += entry.reserved_change
        after, summed = (entry.balance_after, entry.reserved_after), (self.balance, self.reserved)
        if after != summed:
            return finding(RUNNING, f"{name} says (balance, reserved) {after}, the sum up to it is {summed}")
        if self.reserved < 0 or (not self.account.may_be_negative and self.balance - self.reserved < 0):
            return finding(BELOW_ZERO, f"{name} leaves (balance, reserved) {after}")
        return ""

    def _reservation(self, entry: EntryRow, transfer: TransferRow | None) -> str:
        if transfer is None:
            return finding(ENTRIES, f"account {self.account.id}, entry {entry.number} belongs to no transfer")
        if transfer.kind == "reserve":
            self.open[transfer.id] = (transfer.amount, transfer.amount)
        elif entry.reserved_change:
            left, amount = self.open.get(transfer.of or transfer.id, (0, 0))
            left += entry.reserved_change
            if left < 0:
                return finding(RESERVATION, f"transfer {transfer.id} settles more than its reservation holds")
            self.open[transfer.of or transfer.id] = (left, amount)
            if not left:
                del self.open[transfer.of or transfer.id]
        return ""
