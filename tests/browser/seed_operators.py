"""Adds to the seeded installation what operators work on: a second community with a trade and an order, and staff.

Run as `python -m tests.browser.seed_operators` with MYHOUSE_VAR naming the folder; prints what the tests need as JSON.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from marketplace.models.offers import OfferKind
from marketplace.services.cash import cash_confirm, deposit_request
from marketplace.services.offers import offer_create
from marketplace.services.proof import ledger_prove
from marketplace.services.sellable import sellable_refresh
from marketplace.services.trades import offer_buy
from myhouse.documents.models import OutboxMessage
from myhouse.documents.services import SYSTEM
from myhouse.models import Community, Household, User
from myhouse.services.accounts import user_rights_set, user_sign_up
from myhouse.services.communities import community_create, household_join_community
from myhouse.services.failures import failure_record
from myhouse.services.households import household_create
from myhouse.services.metering import BatteryTerms, measurement_start, metering_point_create
from telemetry.model import Batch, Quality
from telemetry.services import readings_write

EURO = 100_000_000
PASSWORD = "sun on the roof 7"
OPERATOR_EMAIL, MANAGER_EMAIL = "operator@example.org", "manager@example.org"
NAMES = ("Oak Street 1", "Oak Street 2", "Oak Street 3")


def person(email: str, name: str, now: datetime, *, operator: bool) -> User:
    user = user_sign_up(email=email, password=PASSWORD, name=name, language="en", now=now)
    return user_rights_set(user=user, is_active=True, is_staff=True, is_superuser=operator, actor=SYSTEM, now=now)


def homes(owner: User, community: Community, since: datetime, now: datetime) -> list[Household]:
    found = []
    for name in NAMES:
        household = household_create(
            owner=owner, name=name, time_zone="Europe/Berlin", currency="EUR", community=None, actor=SYSTEM, now=now
        )
        household_join_community(household=household, community=community, starts_at=since, actor=SYSTEM, now=now)
        found.append(household)
    return found


def charge(household: Household, since: datetime, now: datetime) -> None:
    """Give the home a battery that is nearly full."""
    terms = BatteryTerms(capacity_wh=9_000, max_charge_w=4_000, max_discharge_w=4_000)
    point = metering_point_create(
        household=household, role="battery", name="Battery", actor=SYSTEM, now=now, battery=terms
    )
    gauge = measurement_start(metering_point=point, quantity="state_of_charge", starts_at=since, simulated=True)
    now_ms = int(now.timestamp() * 1000)
    readings_write(batch=Batch.of(gauge.series_id, now_ms, 80.0, Quality.SIMULATED), now_ms=now_ms)
    sellable_refresh(household=household, now=now)


def trade(seller: Household, buyer: Household, now: datetime) -> None:
    """Sell 1.2 of 3 kWh; the rest stays on offer."""
    offer = offer_create(
        household=seller,
        kind=OfferKind.STORED,
        energy_wh=3_000,
        total_uct=60_000_000,
        window=None,
        actor=SYSTEM,
        now=now,
    )
    offer_buy(offer_id=offer.pk, household=buyer, energy_wh=1_200, actor=SYSTEM, now=now)


def main() -> None:
    """Add staff and their community, and say what is in it."""
    now = datetime.now(UTC)
    since = now - timedelta(days=30)
    person(OPERATOR_EMAIL, "The operator", now, operator=True)
    manager = person(MANAGER_EMAIL, "The manager", now, operator=False)
    owner = user_sign_up(email="oak@example.org", password=PASSWORD, name="Oak owner", language="en", now=now)
    community = community_create(
        name="Oak Street",
        currency="EUR",
        time_zone="Europe/Berlin",
        country="DE",
        manager=manager,
        actor=SYSTEM,
        now=now,
        simulated=True,
    )
    seller, buyer, third = homes(owner, community, since, now)
    for household in (seller, third):
        charge(household, since, now)
    opening = deposit_request(household=buyer, amount_uct=20 * EURO, actor=SYSTEM, now=now)
    cash_confirm(order=opening, actor=SYSTEM, now=now)
    trade(seller, buyer, now)
    order = deposit_request(household=third, amount_uct=30 * EURO, actor=SYSTEM, now=now)
    error = TimeoutError("The weather service did not answer.")
    failure_record(name="weather.forecast_pull", args=["DE"], kwargs={}, error=error, traceback="", now=now)
    OutboxMessage.objects.all().delete()
    ledger_prove(now=now)
    told = {
        "operator": OPERATOR_EMAIL,
        "manager": MANAGER_EMAIL,
        "password": PASSWORD,
        "homes": {household.name: str(household.pk) for household in (seller, buyer, third)},
        "reference": order.reference,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
