"""The one place that writes the ledger: transfers with their entries, and the accounts they touch, all or nothing."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from marketplace.models import Account, Entry, Transfer
from marketplace.models.ledger import Asset, OwnerKind, TransferKind
from marketplace.rules.ledger import Demand, changes_of, demands_of
from myhouse import formatting
from myhouse.documents.atomic import atomic
from myhouse.documents.idempotency import UnableToRepeat
from myhouse.documents.rows import AtLeast, row_change, rows_find, rows_insert
from myhouse.errors import Kind, UnableTo

# An issuing account is split into so many rows per community and asset, so that no row is everybody's.
ISSUING_STRIPES = 16
# Ten million euros or a thousand TWh: nine thousand such transfers to one account still fit into 64 bits.
AMOUNT_AT_MOST = 10**15
_SETTLING = (TransferKind.POST, TransferKind.RELEASE)
_REVERSIBLE = (TransferKind.MOVE, TransferKind.POST)


class UnableToPay(UnableTo):
    """The account does not hold as much as the transfer takes from it."""

    kind = Kind.CONFLICT

    def __init__(self, message: object = "", *, account: Account, missing: int) -> None:
        """Keep which account lacks how much, for callers who know whose it is."""
        super().__init__(message, field="amount")
        self.account, self.missing = account, missing


class UnableToSettle(UnableTo):
    """The reservation was paid or released before."""

    kind = Kind.CONFLICT


class UnableToReverse(UnableTo):
    """The transfer was taken back before, or moved nothing."""

    kind = Kind.CONFLICT


@dataclass(frozen=True)
class HouseholdAccounts:
    """A household's two accounts in one community."""

    money: Account
    energy: Account


@dataclass(frozen=True)
class Movement:
    """A transfer to be written: a whole amount from debit to credit under the caller's own key.

    Post and release name the reservation in `of` and have its two accounts; a reversal names what it takes back and
    has its accounts exchanged.
    """

    kind: str
    debit: Account
    credit: Account
    amount: int
    key: str
    cause: str
    cause_id: uuid.UUID
    of: Transfer | None = None
    note: str = ""


def account_open(
    *, community: Any, owner_kind: str, owner_id: uuid.UUID, asset: str, now: datetime, stripe: int = 0
) -> Account:
    """Return the account of somebody in a community, made on first use."""
    known: dict[str, Any] = {
        "owner_id": owner_id, "asset": asset, "community_id": community.pk, "owner_kind": owner_kind, "stripe": stripe
    }  # fmt: skip
    # Looked up outside of a transaction of our own first: nearly always it is there, and reading waits for nobody.
    account = Account.objects.filter(**known).first()
    return account if account is not None else _account_make(known, community.currency, now)


def accounts_of_household(*, household: Any, community: Any, now: datetime) -> HouseholdAccounts:
    """Return the household's money and energy accounts, made on first use."""
    return accounts_of_households(households=[household], community=community, now=now)[household.pk]


def accounts_of_households(
    *, households: Sequence[Any], community: Any, now: datetime
) -> dict[uuid.UUID, HouseholdAccounts]:
    """Return the accounts of several households by household, with one query when all of them exist."""
    owners = [household.pk for household in households]
    found = {
        (account.owner_id, account.asset): account
        for account in Account.objects.filter(
            owner_id__in=owners, community_id=community.pk, owner_kind=OwnerKind.HOUSEHOLD
        )
    }

    def get(owner: uuid.UUID, asset: Asset) -> Account:
        account = found.get((owner, asset))
        return account or account_open(
            community=community, owner_kind=OwnerKind.HOUSEHOLD, owner_id=owner, asset=asset, now=now
        )

    return {owner: HouseholdAccounts(get(owner, Asset.MONEY), get(owner, Asset.ENERGY)) for owner in owners}


def issuing_account(*, community: Any, asset: str, for_id: uuid.UUID, now: datetime) -> Account:
    """Return the stripe of the community's issuing account that serves this document."""
    stripe = for_id.int % ISSUING_STRIPES
    return account_open(
        community=community,
        owner_kind=OwnerKind.ISSUING,
        owner_id=community.pk,
        asset=asset,
        now=now,
        stripe=stripe,
    )


@atomic
def ledger_write(*, movements: Sequence[Movement], now: datetime, new: bool = False) -> list[Transfer]:
    """Write several movements as one: all of them, or none where an account lacks something.

    The same keys with the same content return the first transfers and change nothing. With `new` the caller has just
    made the id in each key, and nobody looks for earlier ones.
    """
    _movements_check(movements)
    earlier = [] if new else _earlier(movements)
    if earlier:
        return earlier
    transfers = [_transfer(movement, now) for movement in movements]
    changes = [
        (transfer, *change)
        for transfer in transfers
        for change in changes_of(transfer.kind, transfer.amount, transfer.debit_id, transfer.credit_id)
    ]
    demands = demands_of(change[1:] for change in changes)
    accounts = {account.pk: account for movement in movements for account in (movement.debit, movement.credit)}
    # Always in the same order: two writers of the same accounts wait for each other and not in a ring.
    for account_id in sorted(demands):
        _account_change(accounts[account_id], demands[account_id])
    rows_insert(transfers)
    rows_insert(_entries(changes, demands, now))
    return transfers


@atomic
def reservation_settle(*, reserve: Transfer, post: int, key: str, now: datetime) -> list[Transfer]:
    """Pay a part of what is reserved and release the rest; once only."""
    return ledger_write(movements=settle_movements(reserve=reserve, post=post, key=key), now=now)


def settle_movements(*, reserve: Transfer, post: int, key: str) -> list[Movement]:
    """Return the movements that close a reservation, for callers who write several at once."""
    if not 0 <= post <= reserve.amount:
        raise ValueError(f"{post} of {reserve.amount} cannot be paid")
    parts = [(TransferKind.POST, post), (TransferKind.RELEASE, reserve.amount - post)]
    return [
        Movement(
            kind=kind,
            debit=reserve.debit,
            credit=reserve.credit,
            amount=amount,
            key=f"{key}:{kind}",
            cause=reserve.cause,
            cause_id=reserve.cause_id,
            of=reserve,
        )
        for kind, amount in parts
        # One of nothing is closed by releasing nothing.
        if amount or (kind == TransferKind.RELEASE and not reserve.amount)
    ]


def transfer_reverse(*, transfer: Transfer, key: str, note: str, now: datetime) -> Transfer:
    """Take back what a transfer moved, by an opposite one; once only, and guarded like any other."""
    return ledger_write(movements=[reverse_movement(transfer=transfer, key=key, note=note)], now=now)[0]


def reverse_movement(*, transfer: Transfer, key: str, note: str) -> Movement:
    """Return the movement that takes a transfer back, for callers who write several at once."""
    if transfer.kind not in _REVERSIBLE:
        raise UnableToReverse(_("Only a transfer that moved something can be reversed."))
    return Movement(
        kind=TransferKind.REVERSE,
        debit=transfer.credit,
        credit=transfer.debit,
        amount=transfer.amount,
        key=key,
        cause=transfer.cause,
        cause_id=transfer.cause_id,
        of=transfer,
        note=note,
    )


@atomic
def _account_make(known: dict[str, Any], currency: str, now: datetime) -> Account:
    made, _new = Account.objects.get_or_create(
        **known, defaults={"currency": currency if known["asset"] == Asset.MONEY else "", "opened_at": now}
    )
    return made


def _movements_check(movements: Sequence[Movement]) -> None:
    """Refuse what no caller may ask for; these are faults of the program, not of a person."""
    if not movements or len({movement.key for movement in movements}) != len(movements):
        raise ValueError("movements need keys, each of its own")
    for movement in movements:
        debit, credit, amount = movement.debit, movement.credit, movement.amount
        if type(amount) is not int or not 0 <= amount <= AMOUNT_AT_MOST:
            raise ValueError(f"no whole amount from 0 to {AMOUNT_AT_MOST}: {amount!r}")
        if debit.pk == credit.pk or debit.asset != credit.asset or debit.community_id != credit.community_id:
            raise ValueError("a transfer has two accounts of one asset in one community")
        if not 1 <= len(movement.key) <= 120 or len(movement.note) > 200:
            raise ValueError("a key has 1 to 120 characters, a note up to 200")
        if not _fits(movement):
            raise ValueError(f"this {movement.kind} does not fit what it belongs to")
    _closings_check([movement for movement in movements if movement.kind in _SETTLING])


def _closings_check(movements: Sequence[Movement]) -> None:
    """See that each reservation among them is paid and released to its whole amount."""
    closed, whole = Counter[uuid.UUID](), {}
    for movement in movements:
        assert movement.of is not None  # `_fits` saw to it
        closed[movement.of.pk] += movement.amount
        whole[movement.of.pk] = movement.of.amount
    if dict(closed) != whole:
        raise ValueError("a reservation is closed whole, in one writing")


def _fits(movement: Movement) -> bool:
    """Tell whether the accounts and the amount are those of the transfer it belongs to."""
    of, own = movement.of, (movement.debit.pk, movement.credit.pk)
    if movement.kind in _SETTLING:
        return of is not None and of.kind == TransferKind.RESERVE and own == (of.debit_id, of.credit_id)
    if movement.kind == TransferKind.REVERSE:
        return (
            of is not None
            and of.kind in _REVERSIBLE
            and own == (of.credit_id, of.debit_id)
            and movement.amount == of.amount
        )
    return of is None and movement.kind in (TransferKind.MOVE, TransferKind.RESERVE)


def _earlier(movements: Sequence[Movement]) -> list[Transfer]:
    """Return the transfers written under these keys before, or nothing; refuse what was settled or taken back."""
    asked = Q(key__in=[movement.key for movement in movements])
    belonging = {movement.of.pk for movement in movements if movement.of is not None}
    if belonging:
        asked |= Q(of__in=belonging)
    rows = list(Transfer.objects.filter(asked))
    if not rows:
        return []
    known = {row.key: row for row in rows}
    found = [known[movement.key] for movement in movements if movement.key in known]
    if not found:
        settled = any(row.kind in _SETTLING for row in rows)
        raise (
            UnableToSettle(_("This reservation was settled before.")) if settled
            else UnableToReverse(_("This transfer was reversed before."))
        )  # fmt: skip
    if len(found) != len(movements) or any(map(_differs, found, movements)):
        raise UnableToRepeat(_("This key belongs to another transfer. Use a new key for a new transfer."), field="key")
    return found


def _differs(transfer: Transfer, movement: Movement) -> bool:
    first = (transfer.kind, transfer.debit_id, transfer.credit_id, transfer.amount, transfer.of_id)
    again = (
        str(movement.kind),
        movement.debit.pk,
        movement.credit.pk,
        movement.amount,
        movement.of.pk if movement.of is not None else None,
    )
    return first != again or (transfer.cause, transfer.cause_id) != (movement.cause, movement.cause_id)


def _transfer(movement: Movement, now: datetime) -> Transfer:
    return Transfer(
        kind=str(movement.kind),
        debit_id=movement.debit.pk,
        credit_id=movement.credit.pk,
        asset=movement.debit.asset,
        amount=movement.amount,
        key=movement.key,
        of_id=movement.of.pk if movement.of is not None else None,
        cause=movement.cause,
        cause_id=movement.cause_id,
        community_id=movement.debit.community_id,
        note=movement.note,
        at=now,
    )


def _account_change(account: Account, demand: Demand) -> None:
    """Change one account in one statement that finds it only while it holds enough."""
    at_least: dict[str, AtLeast] = {}
    if demand.available_before and account.owner_kind != OwnerKind.ISSUING:
        at_least["balance"] = ("reserved", demand.available_before)
    if demand.reserved_before:
        at_least["reserved"] = demand.reserved_before
    changes = {"entries_count": demand.entries, "balance": demand.balance, "reserved": demand.reserved}
    changes = {name: change for name, change in changes.items() if change}
    if not row_change(Account, equal={"pk": account.pk}, at_least=at_least, add=changes):
        _refuse(account, demand)


def _refuse(account: Account, demand: Demand) -> None:
    """Say what the account lacks."""
    current = Account.objects.get(pk=account.pk)
    missing = demand.available_before - current.available
    if missing <= 0:
        raise ValueError(f"account {account.pk} has less reserved than is to be settled")
    language = get_language()
    if current.asset == Asset.MONEY:
        cent = formatting.MICRO_CENTS_PER_CENT
        # Rounded up: who adds what is named here can pay.
        text = formatting.money(-(-missing // cent) * cent, current.currency, language)
        raise UnableToPay(
            _("There is not enough money on the account: %(missing)s are missing.") % {"missing": text},
            account=current,
            missing=missing,
        )
    raise UnableToPay(
        _("There is not enough energy on the account: %(missing)s are missing.")
        % {"missing": formatting.energy(missing, language)},
        account=current,
        missing=missing,
    )


def _entries(
    changes: Sequence[tuple[Transfer, uuid.UUID, int, int]], demands: dict[uuid.UUID, Demand], now: datetime
) -> list[Entry]:
    """Number the changes and say what each left on its account, counted back from what the accounts have now."""
    running = {}
    for after in rows_find(Account, pk__in=list(demands)):
        done = demands[after.pk]
        running[after.pk] = (
            after.entries_count - done.entries, after.balance - done.balance, after.reserved - done.reserved
        )  # fmt: skip
    entries = []
    for transfer, account_id, balance_change, reserved_change in changes:
        number, balance, reserved = running[account_id]
        running[account_id] = (number + 1, balance + balance_change, reserved + reserved_change)
        entries.append(
            Entry(
                account_id=account_id,
                number=number + 1,
                transfer_id=transfer.pk,
                balance_change=balance_change,
                reserved_change=reserved_change,
                balance_after=balance + balance_change,
                reserved_after=reserved + reserved_change,
                at=now,
            )
        )
    return entries
