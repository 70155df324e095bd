"""What many processes do at once to one market; each job is a line of JSON, all of a race start together."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from datetime import timedelta

from django.core.management import call_command
from django.db import connection
from django.db.models import Sum

from marketplace.models import Account, Allocation, Lot, Offer, SellableEnergy, Trade, Transfer
from marketplace.models.ledger import OwnerKind
from marketplace.models.offers import NOW_SLOT, OfferKind
from marketplace.services.claims import claims_use
from marketplace.services.offers import offer_change, offer_create, offer_withdraw
from marketplace.services.proof import ledger_prove
from marketplace.services.settlement import windows_settle
from marketplace.services.trades import offer_buy, trade_reverse
from marketplace.tests.factories import EURO, deposit, traders
from myhouse.documents.idempotency import UnableToRunTwice, once
from myhouse.documents.services import SYSTEM
from myhouse.errors import Busy, UnableTo
from myhouse.models import Household
from myhouse.tests.factories import NOW, CommunityMembershipFactory, HouseholdFactory

PROCESSES = 8
BUYERS = 200
WINDOW = NOW + timedelta(hours=1)
SETTLED = WINDOW + timedelta(hours=1)


# What a runner can be asked to do; each answers with something that can be written as JSON.


def buy(*, offer, buyer, energy, version=None):
    trade = offer_buy(
        offer_id=uuid.UUID(offer),
        household=Household(pk=uuid.UUID(buyer)),
        energy_wh=energy,
        version=version,
        actor=SYSTEM,
        now=NOW,
    )
    return {"trade": str(trade.pk), "paid": trade.total_uct}


def buy_once(*, key, **asked):
    """Buy as a client does that got no answer: again under the same key, until there is one."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            answer = once(scope=asked["buyer"], key=key, request=asked, now=NOW, run=lambda: (201, buy(**asked)))
        except UnableToRunTwice:
            time.sleep(random.uniform(0.05, 0.15))
        else:
            return {"key": key, **answer.body}
    return "no answer within a minute"


def change(*, offer, seller, total):
    offer_change(
        offer_id=uuid.UUID(offer),
        household=Household(pk=uuid.UUID(seller)),
        energy_wh=1_000,
        total_uct=total,
        version=1,
        actor=SYSTEM,
        now=NOW,
    )
    return "changed"


def withdraw(*, offer, seller):
    household = Household(pk=uuid.UUID(seller))
    return {"left": offer_withdraw(offer_id=uuid.UUID(offer), household=household, actor=SYSTEM, now=NOW).left_wh}


def make(*, seller, kind, energy):
    household = Household.objects.get(pk=uuid.UUID(seller))
    window = (WINDOW, SETTLED) if kind == OfferKind.WINDOW else None
    offer_create(household=household, kind=kind, energy_wh=energy, total_uct=1, window=window, actor=SYSTEM, now=NOW)
    return "offered"


def settle():
    return windows_settle(now=SETTLED)


def use():
    return claims_use(now=SETTLED)


def reverse(*, trade):
    trade_reverse(trade_id=uuid.UUID(trade), reason="A fault", actor=SYSTEM, now=SETTLED)
    return "reversed"


JOBS = {job.__name__: job for job in (buy, buy_once, change, withdraw, make, settle, use, reverse)}


def patiently(job, asked):
    """Ask again, as clients do, where the store answers that too many change the same at once."""
    until = time.monotonic() + 60
    while True:
        try:
            return job(**asked)
        except Busy as busy:
            if time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.5, 1.5) * max(busy.retry_after_s, 1))


def runner(known):
    """Take lines `[start, [[job, arguments], …]]`, run the jobs of a line in threads that start together."""
    for line in sys.stdin:
        start, jobs = json.loads(line)
        answers = [None] * len(jobs)

        def run(place, name, asked, start=start, answers=answers):
            connection.ensure_connection()
            time.sleep(max(start - time.time(), 0))
            try:
                answers[place] = patiently(known[name], asked)
            except UnableTo as refusal:
                answers[place] = {"refused": type(refusal).__name__, "says": refusal.message}
            except Exception as error:  # noqa: BLE001 the race's test shall see whatever it was
                answers[place] = {"failed": f"{type(error).__name__}: {error}"}
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(place, *job)) for place, job in enumerate(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(json.dumps(answers), flush=True)


class Runners:
    """Processes that wait for jobs, of a program whose argument `runner` makes it take part."""

    def __init__(self, program, count):
        command = [sys.executable, "-m", program, "runner"]
        self.processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _one in range(count)
        ]

    def race(self, *jobs):
        """Deal the jobs out, let all begin at the same moment, and return their answers."""
        start = time.time() + 0.3 + 0.002 * len(jobs)
        shares = [jobs[place :: len(self.processes)] for place in range(len(self.processes))]
        for process, share in zip(self.processes, shares, strict=True):
            process.stdin.write(json.dumps([start, share]) + "\n")
            process.stdin.flush()
        return [answer for process in self.processes for answer in json.loads(process.stdout.readline())]

    def end(self):
        for process in self.processes:
            process.stdin.close()
            process.wait(timeout=20)


def kinds(answers):
    """Count what came of it."""
    names = [answer.get("refused") or answer.get("failed") or "done" if isinstance(answer, dict) else answer
             for answer in answers]  # fmt: skip
    return dict(Counter(names))


def asked(household):
    return str(household.household.pk)


def buyers_of(community, count):
    """Neighbours with nothing but money, and nobody who could be told."""
    result = []
    for _number in range(count):
        household = HouseholdFactory()
        CommunityMembershipFactory(household=household, community=community)
        deposit(household, community, EURO)
        result.append(str(household.pk))
    return result


def last_kwh(runners, seller, buyers):
    offer = seller.offers_stored(1_000, 20_000_000)
    answers = runners.race(*(["buy", {"offer": str(offer.pk), "buyer": b, "energy": 1_000}] for b in buyers))
    says = {answer["says"] for answer in answers if "says" in answer}
    return {"answers": kinds(answers), "says": sorted(says), "trades": Trade.objects.filter(offer=offer).count()}


def small_parts(runners, seller, buyers):
    """Everybody wants 10 Wh of 1,000: a hundred get them."""
    offer = seller.offers_stored(1_000, 10_000_001)
    answers = runners.race(*(["buy", {"offer": str(offer.pk), "buyer": b, "energy": 10}] for b in buyers))
    paid = sum(answer["paid"] for answer in answers if "paid" in answer)
    return {"answers": kinds(answers), "paid": paid, "left": Offer.objects.get(pk=offer.pk).left_wh}


def same_keys(runners, seller, buyers):
    """Twenty purchases, each sent eight times under its key."""
    offer = seller.offers_stored(1_000, 20_000_000)
    jobs = [
        ["buy_once", {"key": f"key-{number}", "offer": str(offer.pk), "buyer": buyers[number], "energy": 50}]
        for number in range(20)
        for _again in range(PROCESSES)
    ]
    answers = runners.race(*jobs)
    trades = {(answer["key"], answer["trade"]) for answer in answers}
    return {"keys_and_trades": len(trades), "trades": Trade.objects.filter(offer=offer).count()}


def change_or_buy(runners, seller, buyers):
    """A buyer who saw version 1 pays its price or is refused."""
    rounds = []
    for number in range(6):
        # Six times this is in the battery, whoever wins.
        offer = seller.offers_stored(500, 10_000_000)
        shared = {"offer": str(offer.pk)}
        answers = runners.race(
            ["change", {**shared, "seller": asked(seller), "total": 90_000_000}],
            *(["buy", {**shared, "buyer": b, "energy": 500, "version": 1}] for b in buyers[number * 3 :][:3]),
        )
        paid = [answer["paid"] for answer in answers if isinstance(answer, dict) and "paid" in answer]
        rounds.append([("changed" in answers) + len(paid), [p for p in paid if p != 10_000_000]])
        withdraw(**shared, seller=asked(seller)) if not paid else None
    return rounds


def withdraw_or_buy(runners, seller, buyers):
    """What is withdrawn and what is bought make the whole."""
    rounds = []
    for number in range(6):
        offer = seller.offers_stored(1_000, 10_000_000)
        answers = runners.race(
            ["withdraw", {"offer": str(offer.pk), "seller": asked(seller)}],
            *(["buy", {"offer": str(offer.pk), "buyer": b, "energy": 400}] for b in buyers[number * 3 :][:3]),
        )
        left = next(answer.get("left", 200) for answer in answers if "left" in answer or "refused" in answer)
        bought = sum(400 for answer in answers if "paid" in answer)
        offer.refresh_from_db()
        rounds.append(offer.left_wh == left == 1_000 - bought or [answers, offer.left_wh])
        if offer.state == "open":
            withdraw(offer=str(offer.pk), seller=asked(seller))
    return rounds


def two_offers(runners, seller, kind, energy):
    answers = runners.race(*([["make", {"seller": asked(seller), "kind": kind, "energy": energy}]] * 8))
    rows = SellableEnergy.objects.filter(household=seller.household, slot_start__gt=NOW_SLOT)
    if kind == OfferKind.STORED:
        rows = SellableEnergy.objects.filter(household=seller.household, slot_start=NOW_SLOT)
    over = [row.pk for row in rows if row.offered_wh + row.sold_wh > row.expected_wh]
    return {"answers": kinds(answers), "over": len(over)}


def settle_and_use(runners, seller, buyers):
    """Windows are settled and claims used by all processes at once; what is counted is counted once."""
    offer = seller.offers_window(1_000, 20_000_000, start=WINDOW, end=SETTLED)
    for buyer in buyers[:5]:
        buy(offer=str(offer.pk), buyer=buyer, energy=200)
    seller.measure(start=WINDOW, exports=[100, 100, 300, 199], imports=[0] * 4)
    settled = runners.race(*([["settle", {}]] * PROCESSES))
    own = traders(homes=1, community=seller.community)[0]
    buy(offer=str(seller.offers_stored(600, 6_000_000).pk), buyer=asked(own), energy=600)
    own.measure(start=NOW, imports=[100] * 8, exports=[0] * 8)
    used = runners.race(*([["use", {}]] * PROCESSES))
    return {
        "settled": [sum(n for n in settled if isinstance(n, int)), kinds(n for n in settled if isinstance(n, dict))],
        "delivered": sum(Trade.objects.filter(offer=offer).values_list("delivered_wh", flat=True)),
        "used": [kinds(n for n in used if isinstance(n, dict)), own.energy().balance],
        "allocated": Allocation.objects.filter(household=own.household).aggregate(Sum("energy_wh"))["energy_wh__sum"],
        "uses": Transfer.objects.filter(cause="use").count(),
    }


def reverse_twice(runners, seller, buyers):
    trade = buy(offer=str(seller.offers_stored(100, 2_000_000).pk), buyer=buyers[0], energy=100)["trade"]
    answers = runners.race(*([["reverse", {"trade": trade}]] * PROCESSES))
    return {"answers": kinds(answers), "open": Lot.objects.filter(trade=trade, open=True).count()}


def books():
    """What must be true after all of it."""
    proof = ledger_prove(now=SETTLED)
    homes = Account.objects.filter(owner_kind=OwnerKind.HOUSEHOLD)
    return {
        "finding": proof.finding,
        "sums": dict(Account.objects.values_list("asset").annotate(Sum("balance"))),
        "below_zero": sum(account.available < 0 or account.reserved < 0 for account in homes),
    }


def main():
    call_command("migrate", verbosity=0)
    sellers = traders(homes=6, past_export_wh=500)
    buyers = buyers_of(sellers[0].community, BUYERS)
    runners = Runners("marketplace.tests.races", PROCESSES)
    result = {
        "last_kwh": last_kwh(runners, sellers[0], buyers),
        "small_parts": small_parts(runners, sellers[0], buyers),
        "same_keys": same_keys(runners, sellers[0], buyers),
        "change_or_buy": change_or_buy(runners, sellers[1], buyers),
        "withdraw_or_buy": withdraw_or_buy(runners, sellers[2], buyers),
        "stored_offers": two_offers(runners, sellers[3], OfferKind.STORED, 3_000),
        "window_offers": two_offers(runners, sellers[3], OfferKind.WINDOW, 1_500),
        "settle_and_use": settle_and_use(runners, sellers[4], buyers),
        "reverse_twice": reverse_twice(runners, sellers[5], buyers),
        "books": books(),
    }
    runners.end()
    print(json.dumps(result))
