"""Whatever members, meters and workers do in whatever order: the books agree with each other at every step."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import Sum

from marketplace.models import Account, Allocation, Lot, Offer, SellableEnergy, Trade
from marketplace.models.offers import NOW_SLOT, OfferKind, OfferState, Side, TradeState
from marketplace.services.claims import claims_use
from marketplace.services.offers import offer_change, offer_withdraw, offers_close
from marketplace.services.proof import ledger_prove
from marketplace.services.sellable import sellable_refresh_all
from marketplace.services.settlement import windows_settle
from marketplace.services.trades import trade_reverse
from marketplace.tests.factories import EURO, traders
from myhouse.documents.services import SYSTEM
from myhouse.errors import UnableTo
from myhouse.selectors.grid import grid_quarters
from myhouse.tests.factories import NOW
from telemetry.calendar import utc_ms

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

QUARTER = timedelta(minutes=15)


class Village:
    """Neighbours who do something at random each time they are asked."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.now = NOW
        self.homes = traders(homes=4, money_uct=EURO)
        self.done = Counter()

    def step(self):
        name = self.random.choice(STEPS)
        try:
            getattr(self, name)()
        except UnableTo:
            name = f"refused {name}"
        self.done[name] += 1

    def someone(self):
        return self.random.choice(self.homes)

    def offer(self):
        return self.random.choice(
            list(Offer.objects.filter(state=OfferState.OPEN)) or [self.someone().offers_stored(1, 1)]
        )

    def stored(self):
        self.someone().offers_stored(self.random.randint(1, 2_000), self.random.randint(0, EURO // 5), now=self.now)

    def window(self):
        start = NOW + timedelta(hours=1 + (self.now - NOW) // timedelta(hours=1)) + QUARTER * self.random.randint(0, 6)
        end = start + QUARTER * self.random.randint(1, 6)
        self.someone().offers_window(
            self.random.randint(1, 1_500), self.random.randint(0, EURO // 5), start=start, end=end, now=self.now
        )

    def buy(self):
        offer = self.offer()
        self.someone().buys(offer, self.random.randint(1, offer.left_wh), now=self.now)

    def change(self):
        offer = self.offer()
        offer_change(
            offer_id=offer.pk,
            household=offer.seller,
            energy_wh=self.random.randint(1, 2_000),
            total_uct=self.random.randint(0, EURO),
            version=offer.version,
            actor=SYSTEM,
            now=self.now,
        )

    def withdraw(self):
        offer = self.offer()
        offer_withdraw(offer_id=offer.pk, household=offer.seller, actor=SYSTEM, now=self.now)

    def reverse(self):
        trade = self.random.choice(list(Trade.objects.all()) or [None])
        trade_reverse(trade_id=trade.pk if trade else NO_TRADE, reason="A fault", actor=SYSTEM, now=self.now)

    def pass_time(self):
        """A quarter-hour goes by: meters count, batteries tell, workers work."""
        for home in self.homes:
            flows = (
                [self.random.randint(0, 400), 0] if self.random.random() < 0.5 else [0, self.random.randint(0, 400)]
            )
            home.measure(start=self.now, imports=flows[:1], exports=flows[1:])
        self.now += QUARTER
        for home in self.homes:
            home.charge(self.random.randint(20, 90), at=self.now)
        sellable_refresh_all(now=self.now)
        offers_close(now=self.now)
        windows_settle(now=self.now)
        claims_use(now=self.now)


STEPS = ["stored", "window", "buy", "buy", "buy", "change", "withdraw", "reverse", "pass_time", "pass_time"]
NO_TRADE = "00000000-0000-0000-0000-000000000000"


def total(rows, *names):
    return tuple(value or 0 for value in rows.aggregate(**{name: Sum(name) for name in names}).values())


def faults(village):
    """Name every account of what is offered, sold or used that does not agree with another."""
    found = []
    for home in village.homes:
        mine = Offer.objects.filter(seller=home.household, state=OfferState.OPEN)
        rows = SellableEnergy.objects.filter(household=home.household)
        lots = Lot.objects.filter(household=home.household, open=True)
        undelivered = lots.filter(side=Side.EXPORT, trade__kind=OfferKind.STORED)
        stored = total(rows.filter(slot_start=NOW_SLOT), "offered_wh", "sold_wh")
        windows = total(rows.exclude(slot_start=NOW_SLOT), "offered_wh")
        unused = lots.filter(side=Side.IMPORT)
        found += [
            name
            for name, one, other in (
                ("stored offered", stored[0], total(mine.filter(kind=OfferKind.STORED), "left_wh")[0]),
                ("stored sold", stored[1], rest_of(undelivered)),
                ("windows offered", windows, total(mine.filter(kind=OfferKind.WINDOW), "energy_wh")),
                ("claims", home.energy().balance, rest_of(unused)),
                ("reserved", home.money().reserved, total(reserved_of(home), "total_uct")[0]),
                ("more than metered", over_metered(village, home), 0),
            )
            if one != other
        ]
    sums = set(Account.objects.values_list("asset").annotate(Sum("balance")).values_list("balance__sum", flat=True))
    return found + (["sums"] if sums - {0} else [])


def rest_of(lots):
    return sum(lot.energy_wh - lot.used_wh for lot in lots)


def reserved_of(home):
    return Trade.objects.filter(buyer=home.household, state=TradeState.RESERVED)


def over_metered(village, home):
    """Count the quarter-hours in which more was traded than was metered, or less than nothing."""
    read = grid_quarters(
        household_ids=[home.household.pk], start_ms=utc_ms(NOW), end_ms=utc_ms(village.now + QUARTER)
    )[home.household.pk]
    metered = {Side.IMPORT: read.import_wh, Side.EXPORT: read.export_wh}
    rows = (
        Allocation.objects.filter(household=home.household)
        .values_list("side", "slot_start")
        .annotate(Sum("energy_wh"))
    )
    return sum(
        not 0 <= energy <= metered[Side(side)][(utc_ms(slot) - utc_ms(NOW)) // 900_000]
        for side, slot, energy in rows.order_by("side", "slot_start")
    )


@pytest.mark.parametrize("seed", range(2))
def test_the_books_agree_after_whatever_was_done(seed):
    village = Village(seed)

    for _step in range(60):
        village.step()
        assert faults(village) == []

    assert ledger_prove(now=village.now).finding == ""
    assert {"buy", "stored", "window", "pass_time"} <= set(village.done)


def test_all_of_it_happens_to_happen():
    village = Village(99)

    for _step in range(120):
        village.step()

    assert set(STEPS) <= set(village.done)
    states = set(Trade.objects.values_list("state", "kind").distinct())
    assert {("done", "stored"), ("done", "window"), ("reversed", "stored")} <= states
    assert ledger_prove(now=village.now).finding == ""
