"""A market for the seeded street: money, batteries, weeks of trades that met the meters, offers that stand open."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import count

import numpy as np

from marketplace.models.ledger import Asset, TransferKind
from marketplace.models.offers import OfferKind
from marketplace.services.cash import cash_confirm, deposit_request, payout_request
from marketplace.services.claims import claims_use
from marketplace.services.ledger import Movement, accounts_of_household, issuing_account, ledger_write
from marketplace.services.offers import offer_create
from marketplace.services.sellable import sellable_refresh
from marketplace.services.trades import offer_buy
from myhouse.documents.models import OutboxMessage
from myhouse.documents.services import SYSTEM
from myhouse.models import Community, Household, Measurement, MeteringPoint, Notice
from myhouse.models.metering import PointRole
from myhouse.services.metering import BatteryTerms, measurement_start, metering_point_create
from myhouse.services.tariffs import contract_create
from telemetry.live import live_put
from telemetry.model import Batch, Kind, Quality, Reading
from telemetry.services import history_write, readings_write

EURO = 100_000_000
QUARTER_MS = 900_000
DAYS_TRADED = 40
SOC_PCT = 72.0
_keys = count()


def market(
    *, community: Community, home: Household, street: list[Household], since: datetime, now: datetime
) -> dict[str, str]:
    """Let the homes have traded, and leave offers open; returns the gauges that must stay fresh, by name."""
    sellers = street[:2]
    gauges = {f"soc_{number}": _equip(one, since, now) for number, one in enumerate(sellers)}
    for one in street:
        _contracts(one, since.date(), now)
    for one in (home, *street):
        _opening(community, one, 40 * EURO, since)
    for days in range(DAYS_TRADED, 0, -1):
        _day_traded(community, home, sellers[days % 2], now - timedelta(days=days))
    _now(home, sellers, now)
    # What happened before anybody looks is no news.
    Notice.objects.all().delete()
    OutboxMessage.objects.all().delete()
    return {name: gauge.pk.hex for name, gauge in gauges.items()}


def _equip(household: Household, since: datetime, now: datetime) -> Measurement:
    """A battery whose state of charge is known each evening and now, and a meter that fed in at noon."""
    terms = BatteryTerms(capacity_wh=9_000, max_charge_w=4_000, max_discharge_w=4_000)
    battery = metering_point_create(
        household=household, role="battery", name="Battery", actor=SYSTEM, now=now, battery=terms
    )
    gauge = measurement_start(metering_point=battery, quantity="state_of_charge", starts_at=since, simulated=True)
    now_ms = int(now.timestamp() * 1000)
    times = np.array([_evening_ms(now - timedelta(days=days)) for days in range(DAYS_TRADED, 0, -1)], np.int64)
    history_write(
        batch=Batch.of(gauge.series_id, times, np.full(len(times), SOC_PCT), Quality.SIMULATED), now_ms=now_ms
    )
    _charged(gauge, now)
    grid = MeteringPoint.objects.get(household=household, role=PointRole.GRID)
    begin = now - timedelta(days=DAYS_TRADED + 2)
    starts = np.arange(
        int(begin.timestamp() * 1000) // QUARTER_MS * QUARTER_MS, now_ms - QUARTER_MS, QUARTER_MS, np.int64
    )
    noon = np.clip(np.cos((((starts / 3_600_000 + 1) % 24) - 12.5) / 4 * np.pi / 2), 0, None)
    for quantity, values in (("export_energy", 620 * noon), ("import_energy", 90 * (1 - noon))):
        meter = measurement_start(
            metering_point=grid,
            quantity=quantity,
            starts_at=begin,
            kind=Kind.INTERVAL,
            simulated=True,
            interval_ms=QUARTER_MS,
        )
        today = now_ms // 86_400_000 * 86_400_000
        for chosen, service in ((starts < today, history_write), (starts >= today, readings_write)):
            if chosen.any():
                batch = Batch.of(meter.series_id, starts[chosen], values[chosen], Quality.SIMULATED)
                service(batch=batch, now_ms=now_ms)
    return gauge


def _charged(gauge: Measurement, now: datetime) -> None:
    now_ms = int(now.timestamp() * 1000)
    readings_write(batch=Batch.of(gauge.series_id, now_ms, SOC_PCT, Quality.SIMULATED), now_ms=now_ms)
    live_put({gauge.series_id: Reading(now_ms, SOC_PCT, Quality.SIMULATED)})


def _evening_ms(day: datetime) -> int:
    return int(day.replace(hour=16, minute=55, second=0, microsecond=0).timestamp() * 1000)


def _contracts(household: Household, since: date, now: datetime) -> None:
    for direction, price in (("import", 31_400), ("export", 7_900)):
        contract_create(
            household=household,
            direction=direction,
            supplier_name="Demo supplier",
            name="One price",
            starts_on=since,
            ends_on=None,
            terms={"price": {"kind": "flat", "uct_per_wh": price}, "vat_per_mille": 0},
            actor=SYSTEM,
            now=now,
        )


def _opening(community: Community, household: Household, amount_uct: int, at: datetime) -> None:
    movement = Movement(
        kind=TransferKind.MOVE,
        debit=issuing_account(community=community, asset=Asset.MONEY, for_id=household.pk, now=at),
        credit=accounts_of_household(household=household, community=community, now=at).money,
        amount=amount_uct,
        key=f"seed-{next(_keys)}",
        cause="opening",
        cause_id=household.pk,
    )
    ledger_write(movements=[movement], now=at)


def _day_traded(community: Community, buyer: Household, seller: Household, day: datetime) -> None:
    """In the evening the home buys from a neighbour's battery; by next morning its meter has used it up."""
    at = day.replace(hour=17, minute=0, second=0, microsecond=0)
    sellable_refresh(household=seller, now=at)
    energy = 1_400 + 130 * (at.day % 7)
    offer = _offered(seller, OfferKind.STORED, energy, energy * (17_500 + 400 * (at.day % 5)), at)
    offer_buy(offer_id=offer.pk, household=buyer, energy_wh=energy, actor=SYSTEM, now=at)
    claims_use(now=at + timedelta(hours=15), households=[buyer.pk, seller.pk])


def _offered(seller, kind, energy_wh, total_uct, at, window=None):
    return offer_create(
        household=seller, kind=kind, energy_wh=energy_wh, total_uct=total_uct, window=window, actor=SYSTEM, now=at
    )


def _now(home: Household, sellers: list[Household], now: datetime) -> None:
    """Offers of both kinds, one of them sold in part, and money that waits for an operator."""
    battery = MeteringPoint.objects.get(household=home, role=PointRole.BATTERY)
    _charged(Measurement.objects.get(metering_point=battery, quantity="state_of_charge"), now)
    for one in (home, *sellers):
        sellable_refresh(household=one, now=now)
    first, second = sellers
    cheap = _offered(first, OfferKind.STORED, 2_500, 46_250_000, now)
    _offered(second, OfferKind.STORED, 1_800, 37_800_000, now)
    _offered(second, OfferKind.STORED, 600, 21_000_000, now)
    noon = (now + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
    window = (noon, noon + timedelta(hours=2, minutes=30))
    expected = _offered(first, OfferKind.WINDOW, 4_000, 56_000_000, now, window)
    mine = _offered(home, OfferKind.STORED, 1_500, 29_250_000, now)
    for offer, buyer, energy in ((cheap, home, 700), (expected, home, 1_200), (mine, first, 450)):
        offer_buy(offer_id=offer.pk, household=buyer, energy_wh=energy, actor=SYSTEM, now=now)
    deposit = deposit_request(household=home, amount_uct=25 * EURO, actor=SYSTEM, now=now)
    cash_confirm(order=deposit, actor=SYSTEM, now=now)
    deposit_request(household=home, amount_uct=15 * EURO, actor=SYSTEM, now=now)
    payout_request(household=home, amount_uct=8 * EURO, note="Savings account of no. 7", actor=SYSTEM, now=now)
