"""Buyers that go on while the servers fail; run by test_mongodb_faults.py, which ends it by closing its input.

Each client buys under a key until it has an answer, then asks once more and must get the same one.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import uuid
from collections import Counter
from datetime import UTC, datetime

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()
logging.disable(logging.WARNING)

from django.core.management import call_command
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from marketplace.models import Entry, Trade
from marketplace.services.proof import ledger_prove
from marketplace.services.trades import offer_buy
from marketplace.tests.factories import EURO, traders
from myhouse.documents.idempotency import UnableToRunTwice, once
from myhouse.documents.services import SYSTEM
from myhouse.errors import Busy
from myhouse.tests.factories import NOW

CLIENTS = 4
LONGEST_S = 40.0
PART_WH, PRICE = 1, 20_000


class Client(threading.Thread):
    """One household that buys."""

    def __init__(self, trader, offer, stop):
        super().__init__()
        self.trader, self.offer, self.stop = trader, offer, stop
        self.answers, self.again, self.refused = {}, [], Counter()

    def run(self):
        while not self.stop.is_set():
            self.buy()

    def buy(self):
        """Buy under a new key, and ask once more."""
        key = uuid.uuid4().hex
        self.answers[key] = self.asked(key)
        self.again.append(self.asked(key) == self.answers[key])

    def asked(self, key):
        """Ask until there is an answer, as a client does whose request broke off."""
        until = time.monotonic() + LONGEST_S
        while time.monotonic() < until:
            try:
                return once(
                    scope=str(self.trader.household.pk), key=key, request={}, now=datetime.now(UTC), run=self.bought
                ).body
            except (Busy, UnableToRunTwice, DatabaseError, PyMongoError) as refusal:
                self.refused[f"{type(refusal).__name__}: {str(refusal or refusal.__cause__)[:90]}"] += 1
                time.sleep(0.1)
        return {}

    def bought(self):
        trade = offer_buy(
            offer_id=self.offer.pk, household=self.trader.household, energy_wh=PART_WH, actor=SYSTEM, now=NOW
        )
        return 201, {"trade": str(trade.pk), "paid": trade.total_uct}


def facts(clients):
    """What came of it: every answered order is there, once, and nothing else."""
    told = [answer for client in clients for answer in client.answers.values()]
    trades = Counter(str(pk) for pk in Trade.objects.values_list("pk", flat=True))
    return {
        "answered": len(told),
        "without_answer": told.count({}),
        "told_twice_the_same": all(all(client.again) for client in clients),
        "same": trades == Counter(answer["trade"] for answer in told if answer),
        "paid": -sum(Entry.objects.filter(balance_change__lt=0, transfer__asset="money", transfer__cause="trade")
                     .values_list("balance_change", flat=True)) == sum(a.get("paid", 0) for a in told),
        "finding": ledger_prove(now=NOW).finding,
        "refused": dict(sum((client.refused for client in clients), Counter())),
    }  # fmt: skip


def main():
    call_command("migrate", verbosity=0)
    seller, *buyers = traders(homes=CLIENTS + 1, money_uct=100 * EURO)
    offer = seller.offers_stored(4_000, 4_000 * PRICE)
    stop = threading.Event()
    clients = [Client(buyer, offer, stop) for buyer in buyers]
    for client in clients:
        client.buy()  # the first ones load what they need, and open accounts
    for client in clients:
        client.start()
    print("ready", flush=True)
    for _line in sys.stdin:
        print(sum(len(client.answers) for client in clients), flush=True)
    stop.set()
    for client in clients:
        client.join()
    print(json.dumps(facts(clients)), flush=True)


if __name__ == "__main__":
    main()
