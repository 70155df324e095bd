"""What several processes do to one account at once, on a real database file; run by test_ledger_races.py.

Without arguments it lays down a community, starts the processes and prints what came of it as one JSON object; as
`runner` it is one of these processes.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

import django

django.setup()

from django.core.management import call_command

from marketplace.models import Account, CashOrder, Entry, Transfer
from marketplace.models.ledger import TransferKind
from marketplace.services.cash import cash_cancel, cash_confirm, cash_refuse, payout_request
from marketplace.services.ledger import ledger_write, reservation_settle
from marketplace.services.proof import ledger_prove
from marketplace.tests.ledgers import fresh, moved, village
from marketplace.tests.racing import Runners, runner
from myhouse.documents.services import SYSTEM
from myhouse.errors import UnableTo
from myhouse.tests.factories import NOW

PROCESSES = 6
TRIES = 25
EURO = 100_000_000


def spend(number):
    """Move one of the 50 that are there; 150 tries in all."""
    source, target = ordered()[:2]
    return [attempt(lambda n=n: ledger_write(movements=[moved(source, target, 1, key=f"{number}:{n}")], now=NOW))
            for n in range(TRIES)]  # fmt: skip


def repeat(number):
    """Every process writes the same keys: each must have one effect."""
    source, target = ordered()[2:4]
    return [attempt(lambda n=n: ledger_write(movements=[moved(source, target, 1, key=f"same:{n}")], now=NOW))
            for n in range(TRIES)]  # fmt: skip


def settle(number):
    """Every process closes the same reservations, each under keys of its own."""
    reserves = Transfer.objects.filter(kind=TransferKind.RESERVE, cause="opening").order_by("pk")
    return [attempt(lambda r=r: reservation_settle(reserve=r, post=1, key=f"{number}:{r.pk}", now=NOW))
            for r in reserves]  # fmt: skip


def decide(number):
    """Every process decides on the same payouts, each in its own way."""
    ways = [
        lambda order: cash_confirm(order=order, actor=SYSTEM, now=NOW),
        lambda order: cash_refuse(order=order, reason="No", actor=SYSTEM, now=NOW),
        lambda order: cash_cancel(order=order, actor=SYSTEM, now=NOW),
    ]
    return [attempt(lambda o=o: ways[number % 3](o)) for o in CashOrder.objects.order_by("pk")]


def attempt(job):
    """Return how it ended: done, or the name of the refusal."""
    try:
        job()
    except UnableTo as refusal:
        return type(refusal).__name__
    return "done"


def ordered():
    return list(Account.objects.filter(owner_kind="household", asset="money").order_by("opened_at", "pk"))


def together(runners, job):
    """Run a job in all processes at the same moment; count how the tries ended."""
    answers = runners.race(*([job.__name__, {"number": number}] for number in range(PROCESSES)))
    return Counter(end for ends in answers for end in ends)


def state(account):
    account = fresh(account)
    return [account.balance, account.reserved, account.entries_count]


def main():
    call_command("migrate", verbosity=0)
    place = village(homes=6, money=0)
    accounts = [one.money for one in place.neighbours]
    for account, money in zip(accounts, (50, 0, TRIES, 0, 10, 5 * EURO), strict=True):
        ledger_write(movements=[moved(place.outside, account, money)], now=NOW)
    for _number in range(5):
        ledger_write(movements=[moved(accounts[4], accounts[0], 2, kind=TransferKind.RESERVE)], now=NOW)
        payout_request(household=place[5].household, amount_uct=EURO, note="", actor=SYSTEM, now=NOW)
    runners = Runners("marketplace.tests.ledger_races", PROCESSES)
    result = {"spend": together(runners, spend), "spent": [state(accounts[0]), state(accounts[1])]}
    result |= {"repeat": together(runners, repeat), "repeated": [state(accounts[2]), state(accounts[3])]}
    result |= {"settle": together(runners, settle), "settled": state(accounts[4])}
    result |= {"decide": together(runners, decide), "reserved": fresh(accounts[5]).reserved}
    runners.end()
    result["payouts"] = Entry.objects.filter(account=accounts[5], transfer__kind__in=["post", "release"]).count()
    result["finding"] = ledger_prove(now=NOW).finding
    print(json.dumps(result))


if __name__ == "__main__":
    runner({job.__name__: job for job in (spend, repeat, settle, decide)}) if sys.argv[1:] == ["runner"] else main()
