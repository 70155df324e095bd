"""Proving the ledger from its rows alone: every transfer, every account, every trade; the first fault is named."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet, Sum

from marketplace.models import Account, Entry, LedgerProof, Lot, Offer, Trade, Transfer
from marketplace.models.ledger import Asset, OwnerKind
from marketplace.rules.ledger_proof import (
    ACCOUNT,
    SUMS,
    AccountProof,
    AccountRow,
    EntryRow,
    TransferRow,
    finding,
    transfer_finding,
)
from marketplace.services.trade_proof import claims_check, lots_check, offers_check, trades_check
from myhouse.documents.atomic import atomic

AT_ONCE = 1_000
_TRANSFER = ("pk", "kind", "debit_id", "credit_id", "amount", "of_id", "asset", "community_id")
_ENTRY = (
    "account_id",
    "number",
    "transfer_id",
    "balance_change",
    "reserved_change",
    "balance_after",
    "reserved_after",
)

# What is being checked, how far, out of how many.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Pass:
    """One walk over all documents of a kind, some hundred at a time."""

    what: str
    rows: Callable[[], QuerySet[Any]]
    check: Callable[[Sequence[uuid.UUID]], str]


def ledger_prove(*, now: datetime, progress: Progress | None = None) -> LedgerProof:
    """Check every invariant of the ledger and keep the outcome; trading goes on meanwhile."""
    began = time.perf_counter()
    counts = {"accounts": Account.objects.count(), "transfers": Transfer.objects.count()}
    entries = Entry.objects.count()
    found = next((found for found in _findings(progress or _silent) if found), "")
    return LedgerProof.objects.create(
        at=now,
        sound=not found,
        finding=found[:300],
        entries=entries,
        took_ms=round((time.perf_counter() - began) * 1000),
        **counts,
    )


def _findings(progress: Progress) -> Iterator[str]:
    for one in _PASSES:
        total, done = one.rows().count(), 0
        for ids in _batches(one.rows()):
            # What is written while it is read can look torn: a fault must still be there when nobody writes.
            yield one.check(ids) and _undisturbed(one.check, ids)
            done += len(ids)
            progress(one.what, done, max(total, done))
    yield _sums_check() and _undisturbed(lambda _ids: _sums_check(), [])


def _silent(what: str, done: int, total: int) -> None:
    """Show nothing."""


@atomic
def _undisturbed(check: Callable[[Sequence[uuid.UUID]], str], ids: Sequence[uuid.UUID]) -> str:
    return check(ids)


def _batches(rows: QuerySet[Any]) -> Iterator[list[uuid.UUID]]:
    """Yield the keys of all rows in their order, some at a time; each batch is a query of its own."""
    last = uuid.UUID(int=0)
    while ids := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        yield ids
        last = ids[-1]


def _transfers_check(ids: Sequence[uuid.UUID]) -> str:
    """Check some transfers: their entries, what belongs to them and what they belong to."""
    transfers = _transfers(pk__in=ids)
    belonging: dict[uuid.UUID, list[TransferRow]] = defaultdict(list)
    for row in _transfers(of__in=ids):
        belonging[row.of or row.id].append(row)
    entries: dict[uuid.UUID, list[EntryRow]] = defaultdict(list)
    for values in Entry.objects.filter(transfer_id__in=ids).values_list(*_ENTRY):
        entries[values[2]].append(EntryRow(*values))
    bases = {row.id: row for row in _transfers(pk__in=[row.of for row in transfers if row.of is not None])}
    touched = {account for row in transfers for account in (row.debit, row.credit)}
    kept_in = {
        pk: (asset, community)
        for pk, asset, community in Account.objects.filter(pk__in=touched).values_list("pk", "asset", "community_id")
    }
    for row in transfers:
        of = bases.get(row.of) if row.of is not None else None
        found = transfer_finding(row, entries=entries[row.id], belonging=belonging[row.id], of=of, kept_in=kept_in)
        if found:
            return found
    return ""


def _accounts_check(ids: Sequence[uuid.UUID]) -> str:
    return next((found for found in map(_account_check, ids) if found), "")


def _account_check(account_id: uuid.UUID) -> str:
    """Walk over one account, up to the entry that was its newest when the account was read."""
    newest = Entry.objects.filter(account_id=account_id).order_by("-number").values_list("number", flat=True).first()
    kind, *values = Account.objects.values_list("owner_kind", "balance", "reserved", "entries_count").get(
        pk=account_id
    )
    account = AccountRow(account_id, kind == OwnerKind.ISSUING, *values)
    if (newest or 0) > account.entries_count:
        return finding(ACCOUNT, f"account {account_id} counts {account.entries_count} entries and has number {newest}")
    proof = AccountProof(account)
    rows = Entry.objects.filter(account_id=account_id, number__lte=account.entries_count).order_by("number")
    while batch := [EntryRow(*one) for one in rows.filter(number__gt=proof.number).values_list(*_ENTRY)[:AT_ONCE]]:
        transfers = {row.id: row for row in _transfers(pk__in=[entry.transfer for entry in batch])}
        found = proof.walk(batch, transfers)
        if found:
            return found
    return proof.end()


def _transfers(**filters: Any) -> list[TransferRow]:
    return [
        TransferRow(*values) for values in Transfer.objects.filter(**filters).order_by("pk").values_list(*_TRANSFER)
    ]


def _energy_accounts() -> QuerySet[Account]:
    return Account.objects.filter(owner_kind=OwnerKind.HOUSEHOLD, asset=Asset.ENERGY)


def _sums_check() -> str:
    """Check that in every community money and energy come from somewhere: all accounts together hold nothing."""
    sums = Account.objects.values("community_id", "asset", "currency").annotate(total=Sum(F("balance")))
    for row in sums.order_by("community_id", "asset", "currency"):
        if row["total"]:
            where = f"{row['asset']} {row['currency']}".strip()
            return finding(SUMS, f"the accounts of community {row['community_id']} hold {row['total']} of {where}")
    return ""


_PASSES = (
    _Pass("transfers", Transfer.objects.all, _transfers_check),
    _Pass("accounts", Account.objects.all, _accounts_check),
    _Pass("trades", Trade.objects.all, trades_check),
    _Pass("claims", _energy_accounts, claims_check),
    _Pass("offers", Offer.objects.all, offers_check),
    _Pass("lots", Lot.objects.all, lots_check),
)
