"""A small community with money, for the tests of the ledger."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass

from marketplace.models import Account
from marketplace.models.ledger import Asset, TransferKind
from marketplace.services.ledger import Movement, accounts_of_household, issuing_account, ledger_write
from myhouse.tests.factories import NOW, CommunityFactory, CommunityMembershipFactory, home

EURO = 100_000_000
_keys = itertools.count()


@dataclass
class Neighbour:
    user: object
    household: object
    money: Account
    energy: Account


@dataclass
class Village:
    community: object
    neighbours: list[Neighbour]
    outside: Account
    outside_energy: Account

    def __getitem__(self, place: int) -> Neighbour:
        return self.neighbours[place]


def village(*, homes: int = 2, money: int = 10 * EURO) -> Village:
    """Neighbours of one community, each with the same money on the account."""
    community = CommunityFactory()
    outside = issuing_account(community=community, asset=Asset.MONEY, for_id=community.pk, now=NOW)
    outside_energy = issuing_account(community=community, asset=Asset.ENERGY, for_id=community.pk, now=NOW)
    neighbours = []
    for _number in range(homes):
        user, household = home()
        CommunityMembershipFactory(household=household, community=community)
        accounts = accounts_of_household(household=household, community=community, now=NOW)
        neighbours.append(Neighbour(user, household, accounts.money, accounts.energy))
        if money:
            ledger_write(movements=[moved(outside, accounts.money, money)], now=NOW)
    return Village(community, neighbours, outside, outside_energy)


def moved(debit: Account, credit: Account, amount: int, **fields: object) -> Movement:
    """A movement under a key of its own."""
    return Movement(
        **{
            "kind": TransferKind.MOVE,
            "debit": debit,
            "credit": credit,
            "amount": amount,
            "key": f"test-{next(_keys)}",
            "cause": "opening",
            "cause_id": uuid.UUID(int=1),
            **fields,
        }
    )


def fresh(account: Account) -> Account:
    return Account.objects.get(pk=account.pk)
