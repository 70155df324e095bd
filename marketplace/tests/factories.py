"""A community that trades, for tests: meters, batteries, contracts and money, all made by their services."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from marketplace.models import Account, SellableEnergy
from marketplace.models.ledger import Asset, TransferKind
from marketplace.models.offers import NOW_SLOT, OfferKind
from marketplace.services.ledger import Movement, accounts_of_household, issuing_account, ledger_write
from marketplace.services.offers import offer_create
from marketplace.services.sellable import sellable_refresh
from marketplace.services.trades import offer_buy
from myhouse.documents.services import SYSTEM
from myhouse.models import Community, Household, Measurement, User
from myhouse.models.metering import PointRole, Quantity
from myhouse.services.metering import measurement_start, metering_point_create
from myhouse.services.tariffs import contract_create
from myhouse.tests.factories import NOW, CommunityFactory, CommunityMembershipFactory, actor_of, home
from telemetry.calendar import utc_ms
from telemetry.model import QUARTER_MS, Batch, Kind
from telemetry.services import history_write

EURO = 100_000_000
CENT_PER_KWH = 1_000  # µct per Wh
LONG_AGO = NOW - timedelta(days=400)
CAPACITY_WH = 10_000
IMPORT_UCT_WH, EXPORT_UCT_WH = 32 * CENT_PER_KWH, 8 * CENT_PER_KWH
_deposits = itertools.count()


@dataclass
class Trader:
    """A household that trades, its owner, and the series its meters write to."""

    user: User
    household: Household
    community: Community
    imported: Measurement
    exported: Measurement
    soc: Measurement

    @property
    def actor(self):
        return actor_of(self.user)

    def money(self) -> Account:
        return accounts_of_household(household=self.household, community=self.community, now=NOW).money

    def energy(self) -> Account:
        return accounts_of_household(household=self.household, community=self.community, now=NOW).energy

    def stored(self) -> SellableEnergy:
        return SellableEnergy.objects.get(household=self.household, slot_start=NOW_SLOT)

    def measure(self, *, start, imports=(), exports=()):
        """Write Wh per quarter-hour from `start` on into the meter at the grid connection."""
        for measurement, energies in ((self.imported, imports), (self.exported, exports)):
            if len(energies):
                _write(measurement, start, energies)

    def charge(self, pct, *, at=NOW):
        """Let the battery tell its state of charge, and the market take note."""
        history_write(batch=Batch.of(self.soc.series_id, [utc_ms(at)], [pct]), now_ms=_late_ms())
        sellable_refresh(household=self.household, now=at)

    def offers_stored(self, energy_wh=1_000, total_uct=20_000_000, *, now=NOW):
        return offer_create(
            household=self.household,
            kind=OfferKind.STORED,
            energy_wh=energy_wh,
            total_uct=total_uct,
            window=None,
            actor=self.actor,
            now=now,
        )

    def offers_window(self, energy_wh=1_000, total_uct=20_000_000, *, start=None, end=None, now=NOW):
        start = start or NOW + timedelta(hours=1)
        return offer_create(
            household=self.household,
            kind=OfferKind.WINDOW,
            energy_wh=energy_wh,
            total_uct=total_uct,
            window=(start, end or start + timedelta(hours=1)),
            actor=self.actor,
            now=now,
        )

    def buys(self, offer, energy_wh=None, *, version=None, now=NOW):
        return offer_buy(
            offer_id=offer.pk,
            household=self.household,
            energy_wh=energy_wh or offer.left_wh,
            version=version,
            actor=self.actor,
            now=now,
        )


def traders(*, homes=2, money_uct=10 * EURO, soc_pct=50, past_export_wh=500, community=None, now=NOW) -> list[Trader]:
    """Households of one community: meters, a 10 kWh battery, contracts (32 ct in, 8 ct out) and money.

    `past_export_wh` is what each exported in every quarter-hour of the last eight days, so that surplus is expected.
    """
    community = community or CommunityFactory()
    return [_trader(community, money_uct, soc_pct, past_export_wh, now) for _number in range(homes)]


def deposit(household, community, amount_uct, *, now=NOW):
    """Put money on a household's account, as a confirmed deposit does."""
    money = accounts_of_household(household=household, community=community, now=now).money
    outside = issuing_account(community=community, asset=Asset.MONEY, for_id=household.pk, now=now)
    movement = Movement(
        kind=TransferKind.MOVE,
        debit=outside,
        credit=money,
        amount=amount_uct,
        key=f"opening-{household.pk}-{next(_deposits)}",
        cause="opening",
        cause_id=household.pk,
    )
    ledger_write(movements=[movement], now=now)


def _trader(community, money_uct, soc_pct, past_export_wh, now) -> Trader:
    user, household = home()
    CommunityMembershipFactory(household=household, community=community)
    grid = _point(household, PointRole.GRID, "Grid")
    _point(household, PointRole.PRODUCTION, "Roof")
    battery = _point(household, PointRole.BATTERY, "Battery")
    trader = Trader(
        user=user,
        household=household,
        community=community,
        imported=_interval(grid, Quantity.IMPORT),
        exported=_interval(grid, Quantity.EXPORT),
        soc=measurement_start(
            metering_point=battery, quantity=Quantity.STATE_OF_CHARGE, starts_at=LONG_AGO, kind=Kind.GAUGE
        ),
    )
    _contract(household, "import", IMPORT_UCT_WH)
    _contract(household, "export", EXPORT_UCT_WH)
    if money_uct:
        deposit(household, community, money_uct, now=now)
    if past_export_wh:
        start = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=8)
        quarters = np.arange(utc_ms(start), utc_ms(now) // QUARTER_MS * QUARTER_MS, QUARTER_MS)
        trader.measure(start=start, exports=np.full(len(quarters), past_export_wh), imports=np.zeros(len(quarters)))
    trader.charge(soc_pct, at=now)
    return trader


def _point(household, role, name):
    battery = {"capacity_wh": CAPACITY_WH, "max_charge_w": 5_000, "max_discharge_w": 5_000}
    return metering_point_create(
        household=household,
        role=role,
        name=name,
        battery=battery if role == PointRole.BATTERY else None,
        actor=SYSTEM,
        now=LONG_AGO,
    )


def _interval(point, quantity):
    return measurement_start(
        metering_point=point, quantity=quantity, starts_at=LONG_AGO, kind=Kind.INTERVAL, interval_ms=QUARTER_MS
    )


def _contract(household, direction, uct_per_wh):
    contract_create(
        household=household,
        direction=direction,
        supplier_name="Stadtwerke",
        name="Plain",
        starts_on=LONG_AGO.date(),
        ends_on=None,
        terms={"price": {"kind": "flat", "uct_per_wh": uct_per_wh}, "vat_per_mille": 0},
        actor=SYSTEM,
        now=LONG_AGO,
    )


def _write(measurement, start, energies):
    values = np.asarray(energies, np.float64)
    times = utc_ms(start) + np.arange(len(values), dtype=np.int64) * QUARTER_MS
    history_write(batch=Batch.of(measurement.series_id, times, values), now_ms=_late_ms())


def _late_ms() -> int:
    """Any time after all of the readings."""
    return utc_ms(datetime.now(UTC) + timedelta(days=4_000))
