"""The market's part of a person's data (settings.PRIVACY_PARTS): exported whole; the ledger stays, without names."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db.models import Model, Q, QuerySet
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from marketplace.models import Account, Allocation, CashOrder, Lot, Offer, SellableEnergy, Trade, Transfer
from marketplace.models.ledger import Asset, CashState, OwnerKind
from marketplace.models.offers import TradeState
from marketplace.selectors.accounts import movements_table
from marketplace.services.offers import offers_withdraw_of
from myhouse import formatting
from myhouse.documents.atomic import atomic
from myhouse.exports import table_csv
from myhouse.privacy.files import documents, household_folder, list_file, row_document, rows_all
from myhouse.privacy.parts import Person, PersonFile, Stay

if TYPE_CHECKING:
    from myhouse.documents.services import Actor

TEXTS: list[tuple[type[Model], str]] = [
    (CashOrder, "note"),
    (CashOrder, "reason"),
    (Trade, "reason"),
    (Transfer, "note"),
]


def files(*, person: Person, now: datetime) -> Iterator[PersonFile]:
    """Yield what each household offered, traded and had, of the time the person lived there."""
    for stay in person.stays:
        yield from _market_files(stay)


def obstacles(*, person: Person, now: datetime) -> list[str]:
    """Say what money or trades would be left to nobody."""
    found = []
    for household in person.emptied:
        where = {"household": household.name}
        if CashOrder.objects.filter(household_id=household.pk, state=CashState.REQUESTED).exists():
            found.append(
                _("A deposit or payout of %(household)s waits for a decision. Cancel it, or wait for it.") % where
            )
        if _trades_of(household.pk).filter(state=TradeState.RESERVED).exists():
            found.append(_("A trade of %(household)s is not settled yet. Wait until its window is metered.") % where)
        found += _money_left([household.pk], OwnerKind.HOUSEHOLD, household.name)
    return found + _money_left([person.user.pk], OwnerKind.SUPPLIER, person.user.name)


def leave(*, person: Person, actor: Actor, now: datetime) -> None:
    """Take back what households in which nobody is left have on offer."""
    for household in person.emptied:
        offers_withdraw_of(household=household, actor=actor, now=now)


@atomic
def erase(*, person: Person, pseudonym: str, now: datetime) -> None:
    """Delete what the ledger does not need: expectations, and words the person wrote or read."""
    empty = [household.pk for household in person.emptied]
    SellableEnergy.objects.filter(household_id__in=empty).delete()
    orders = CashOrder.objects.filter(Q(household_id__in=empty) | Q(requested_by_id=person.user.pk))
    orders.update(note="", reason="")


def _market_files(stay: Stay) -> Iterator[PersonFile]:
    household = stay.household
    folder = f"{household_folder(household)}/market"
    rows: dict[str, tuple[QuerySet[Any], str]] = {
        "offers": (Offer.objects.filter(seller_id=household.pk), "created_at"),
        "trades": (_trades_of(household.pk), "bought_at"),
        "deposits-and-payouts": (CashOrder.objects.filter(household_id=household.pk), "requested_at"),
        "lots": (Lot.objects.filter(household_id=household.pk), "usable_from"),
        "where-traded-energy-was-used": (Allocation.objects.filter(household_id=household.pk), "slot_start"),
    }
    for name, (found, moment) in rows.items():
        yield list_file(f"{folder}/{name}.json", _within(stay, found, moment))
    accounts = Account.objects.filter(owner_id=household.pk, owner_kind=OwnerKind.HOUSEHOLD)
    yield list_file(f"{folder}/accounts.json", partial(documents, accounts))
    for account in accounts:
        for start, end in stay.spans:
            name = f"movements-{account.asset}-{start:%Y-%m-%d}-{account.pk.hex[-6:]}"
            table = partial(movements_table, account=account, zone="UTC", since=start, until=end)
            yield PersonFile(f"{folder}/{name}.csv", partial(_csv, table))


def _csv(table: Callable[[], Any]) -> Iterator[bytes]:
    return table_csv(table())


def _within(stay: Stay, rows: QuerySet[Any], moment: str) -> Callable[[], Iterator[dict[str, Any]]]:
    """Return what yields the rows of the time the person lived there, without who in the household did it."""

    def yielded() -> Iterator[dict[str, Any]]:
        for row in rows_all(rows):
            if stay.holds(getattr(row, moment)):
                yield row_document(row, without=["created_by", "bought_by", "requested_by"])

    return yielded


def _trades_of(household_id: uuid.UUID) -> QuerySet[Trade]:
    return Trade.objects.filter(Q(buyer_id=household_id) | Q(seller_id=household_id))


def _money_left(owners: list[uuid.UUID], kind: OwnerKind, name: str) -> list[str]:
    """Say what can still be paid out; a part of a cent cannot, and stays."""
    found = []
    for account in Account.objects.filter(owner_id__in=owners, owner_kind=kind, asset=Asset.MONEY):
        if account.balance >= formatting.MICRO_CENTS_PER_CENT:
            money = formatting.money(account.balance, account.currency, get_language())
            found.append(
                _("There are %(money)s on the account of %(name)s. Have them paid out first.")
                % {"money": money, "name": name}
            )
    return found
