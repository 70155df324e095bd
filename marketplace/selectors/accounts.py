"""What a household has, every movement that led to it, and what an operator sees of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.models import Account, Allocation, CashOrder, Entry, LedgerProof, Trade, Transfer
from marketplace.models.ledger import Asset, CashState, OwnerKind
from marketplace.models.offers import Side
from marketplace.selectors.wording import counterpart_name, movement_title
from myhouse.documents.pages import LIMIT, Page, page
from myhouse.errors import NotFound
from myhouse.exports import Cell, Column, Table
from myhouse.models import Community, Household, User
from myhouse.selectors.households import community_of, neighbour_names
from myhouse.tariffs.money import money_decimal

_ROWS_AT_ONCE = 500
_ORDERS_AT_MOST = 200
_RELATED_AT_MOST = 50
_USED_AT_MOST = 200


@dataclass(frozen=True)
class Balance:
    """What a household has in its community now; `accounts` are all it ever had, also in former communities."""

    community: Community | None
    currency: str
    balance_uct: int = 0
    reserved_uct: int = 0
    energy_wh: int = 0
    money: Account | None = None
    energy: Account | None = None
    accounts: list[Account] = field(default_factory=list)

    @property
    def available_uct(self) -> int:
        """What can be spent."""
        return self.balance_uct - self.reserved_uct


@dataclass(frozen=True)
class MovementLine:
    """One entry of an account as its owner reads it, with what the account had afterwards."""

    number: int
    at: datetime
    title: str
    kind: str
    balance_change: int
    reserved_change: int
    balance_after: int
    reserved_after: int
    cause: str
    cause_id: uuid.UUID
    counterpart: str
    transfer_id: uuid.UUID
    note: str = ""


@dataclass(frozen=True)
class MovementDetail:
    """A movement and what caused it: a trade, an order, or the quarter-hours in which energy was used."""

    line: MovementLine
    account: Account
    transfer: Transfer
    trade: Trade | None
    order: CashOrder | None
    allocations: list[Allocation]
    related: list[MovementLine]


@dataclass(frozen=True)
class AccountLine:
    """An account as an operator reads it."""

    account: Account
    owner: str


def balance_of(*, household: Household, now: datetime, community: Community | None = None) -> Balance:
    """Return what the household has; nothing while it belongs to no community or has not traded yet.

    Hand in its `community` where that is known already.
    """
    community = community or community_of(household=household, now=now)
    accounts = accounts_of(household=household)
    if community is None:
        return Balance(None, household.currency, accounts=accounts)
    here = {account.asset: account for account in accounts if account.community_id == community.pk}
    money, energy = here.get(Asset.MONEY), here.get(Asset.ENERGY)
    return Balance(
        community=community,
        currency=community.currency,
        balance_uct=money.balance if money else 0,
        reserved_uct=money.reserved if money else 0,
        energy_wh=energy.balance if energy else 0,
        money=money,
        energy=energy,
        accounts=accounts,
    )


def accounts_of(*, household: Household) -> list[Account]:
    """List all accounts of the household, the oldest first."""
    accounts = Account.objects.filter(owner_id=household.pk, owner_kind=OwnerKind.HOUSEHOLD)
    return sorted(accounts, key=lambda account: (account.opened_at, account.asset))


def account_for(*, household: Household, account_id: uuid.UUID) -> Account:
    """Open one of the household's accounts, or refuse as if it did not exist."""
    account = Account.objects.filter(pk=account_id, owner_id=household.pk, owner_kind=OwnerKind.HOUSEHOLD).first()
    if account is None:
        raise NotFound(_("There is no such account, or it is not yours."))
    return account


def accounts_of_community(*, community: Community, cursor: str | None = None, limit: int = LIMIT) -> Page[Account]:
    """List all accounts of a community for its operators, the newest first."""
    return page(Account.objects.filter(community_id=community.pk), order="-opened_at", cursor=cursor, limit=limit)


def account_lines(*, accounts: Sequence[Account]) -> list[AccountLine]:
    """Name the owners of accounts for an operator; three queries, however many they are."""

    def owned_by(kind: OwnerKind) -> list[uuid.UUID]:
        return [account.owner_id for account in accounts if account.owner_kind == kind]

    homes = Household.objects.in_bulk(owned_by(OwnerKind.HOUSEHOLD))
    suppliers = User.objects.in_bulk(owned_by(OwnerKind.SUPPLIER))
    pots = Community.objects.in_bulk(owned_by(OwnerKind.COMMUNITY))
    owners = {pk: owner.name for rows in (homes, suppliers, pots) for pk, owner in rows.items()}
    return [
        AccountLine(account, owners.get(account.owner_id, account.get_owner_kind_display())) for account in accounts
    ]


def movements_page(
    *,
    account: Account,
    limit: int = LIMIT,
    cursor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Page[MovementLine]:
    """List an account's movements, the newest first, within [since, until) where given; six queries at most."""
    rows = _within(Entry.objects.filter(account_id=account.pk), since, until)
    found = page(rows, order="-number", limit=limit, cursor=cursor)
    return Page(_lines({account.pk: account}, found.items), found.next_cursor)


def movement_for(*, household: Household, transfer_id: uuid.UUID) -> MovementDetail:
    """Open a movement on one of the household's accounts with what caused it, or refuse as if it did not exist."""
    accounts = {account.pk: account for account in accounts_of(household=household)}
    entry = next(iter(Entry.objects.filter(transfer_id=transfer_id, account_id__in=list(accounts))), None)
    if entry is None:
        raise NotFound(_("There is no such movement, or it is not yours."))
    transfer = Transfer.objects.get(pk=transfer_id)
    same = Transfer.objects.filter(cause_id=transfer.cause_id).order_by("at", "pk")[: _RELATED_AT_MOST + 1]
    transfers = {one.pk: one for one in (*same, transfer)}
    order = list(transfers)
    entries = Entry.objects.filter(transfer_id__in=order, account_id__in=list(accounts))
    others = [one for one in entries if one.pk != entry.pk]
    line, *related = _lines(
        accounts, [entry, *sorted(others, key=lambda one: order.index(one.transfer_id))], transfers
    )
    return MovementDetail(
        line=line,
        account=accounts[entry.account_id],
        transfer=transfer,
        trade=Trade.objects.filter(pk=transfer.cause_id).first() if transfer.cause == "trade" else None,
        order=CashOrder.objects.filter(pk=transfer.cause_id).first()
        if transfer.cause in {"deposit", "payout"}
        else None,
        allocations=_used(household, transfer),
        related=related,
    )


def movements_table(
    *, account: Account, zone: str, since: datetime | None = None, until: datetime | None = None
) -> Table:
    """Return all movements of an account as a table, the oldest first; its rows are read while it is written."""
    money = account.asset == Asset.MONEY
    unit, decimals = (account.currency, 8) if money else ("Wh", 0)
    return Table(
        title=_("Movements of money") if money else _("Movements of energy"),
        columns=[
            Column(_("Number")),
            Column(_("Time"), kind="time"),
            Column(_("What"), kind="text"),
            Column(_("With"), kind="text"),
            Column(_("Change"), unit=unit, decimals=decimals),
            Column(_("Change of what is reserved"), unit=unit, decimals=decimals),
            Column(_("Balance"), unit=unit, decimals=decimals),
            Column(_("Reserved"), unit=unit, decimals=decimals),
            Column(_("Note"), kind="text"),
            Column(_("Transfer"), kind="text"),
        ],
        rows=(_cells(line, money=money) for line in movements_all(account=account, since=since, until=until)),
        zone=zone,
    )


def movements_all(
    *, account: Account, since: datetime | None = None, until: datetime | None = None
) -> Iterator[MovementLine]:
    """Yield all movements of an account, the oldest first, some hundred at a time."""
    number = 0
    rows = _within(Entry.objects.filter(account_id=account.pk), since, until)
    while entries := list(rows.filter(number__gt=number).order_by("number")[:_ROWS_AT_ONCE]):
        yield from _lines({account.pk: account}, entries)
        number = entries[-1].number


def cash_orders_of(*, household: Household, since: datetime | None = None) -> list[CashOrder]:
    """List the household's deposits and payouts of the reader's time, the newest first; what waits is always in it."""
    return list(_orders(household, since).order_by("-requested_at")[:_ORDERS_AT_MOST])


def cash_order_for(*, household: Household, order_id: uuid.UUID, since: datetime | None = None) -> CashOrder:
    """Open one of the household's orders, or refuse as if it did not exist."""
    order = _orders(household, since).filter(pk=order_id).first()
    if order is None:
        raise NotFound(_("There is no such deposit or payout, or it is not yours."))
    return order


def cash_orders_open(*, community_ids: Sequence[uuid.UUID] | None) -> list[CashOrder]:
    """List what waits for an operator's decision, the oldest first; None stands for all communities."""
    orders = CashOrder.objects.filter(state=CashState.REQUESTED)
    if community_ids is not None:
        orders = orders.filter(community_id__in=list(community_ids))
    return list(orders.order_by("requested_at")[:_ORDERS_AT_MOST])


def proof_latest() -> LedgerProof | None:
    """Return the outcome of the newest check of the ledger."""
    return LedgerProof.objects.order_by("-at").first()


def _orders(household: Household, since: datetime | None) -> QuerySet[CashOrder]:
    orders = CashOrder.objects.filter(household_id=household.pk)
    return orders if since is None else orders.filter(Q(requested_at__gte=since) | Q(state=CashState.REQUESTED))


def _within(rows: QuerySet[Entry], since: datetime | None, until: datetime | None) -> QuerySet[Entry]:
    if since is not None:
        rows = rows.filter(at__gte=since)
    return rows.filter(at__lt=until) if until is not None else rows


def _lines(
    accounts: Mapping[uuid.UUID, Account],
    entries: Sequence[Entry],
    transfers: Mapping[uuid.UUID, Transfer] | None = None,
) -> list[MovementLine]:
    """Fill in what entries of accounts of one community are about: five queries at most, however many they are."""
    if not entries:
        return []
    known = transfers or Transfer.objects.in_bulk([entry.transfer_id for entry in entries])
    other_ids = {entry.pk: _other_id(entry.account_id, known[entry.transfer_id]) for entry in entries}
    others = Account.objects.in_bulk(list(set(other_ids.values())))
    homes = {other.owner_id for other in others.values() if other.owner_kind == OwnerKind.HOUSEHOLD}
    names = dict(neighbour_names(household_ids=list(homes), now=timezone.now())) if homes else {}
    community = Community.objects.get(pk=accounts[entries[0].account_id].community_id).name
    return [
        _line(entry, known[entry.transfer_id], other=others[other_ids[entry.pk]], names=names, community=community)
        for entry in entries
    ]


def _line(entry: Entry, transfer: Transfer, *, other: Account, names: dict[Any, str], community: str) -> MovementLine:
    return MovementLine(
        number=entry.number,
        at=entry.at,
        title=movement_title(entry=entry, transfer=transfer),
        kind=transfer.kind,
        balance_change=entry.balance_change,
        reserved_change=entry.reserved_change,
        balance_after=entry.balance_after,
        reserved_after=entry.reserved_after,
        cause=transfer.cause,
        cause_id=transfer.cause_id,
        counterpart=counterpart_name(other=other, cause=transfer.cause, neighbours=names, community=community),
        transfer_id=transfer.pk,
        note=transfer.note,
    )


def _other_id(account_id: uuid.UUID, transfer: Transfer) -> uuid.UUID:
    return transfer.credit_id if transfer.debit_id == account_id else transfer.debit_id


def _used(household: Household, transfer: Transfer) -> list[Allocation]:
    """Return the quarter-hours in which a use of energy took place."""
    if transfer.cause != "use":
        return []
    return list(
        Allocation.objects.filter(household_id=household.pk, side=Side.IMPORT, at=transfer.at).order_by("slot_start")[
            :_USED_AT_MOST
        ]
    )


def _cells(line: MovementLine, *, money: bool) -> list[Cell]:
    def amount(value: int) -> Cell:
        return money_decimal(value) if money else value

    return [
        line.number,
        line.at,
        line.title,
        line.counterpart,
        amount(line.balance_change),
        amount(line.reserved_change),
        amount(line.balance_after),
        amount(line.reserved_after),
        line.note,
        str(line.transfer_id),
    ]
