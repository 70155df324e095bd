"""Founds the market of the soak, and says afterwards what its documents hold.

Run as `python -m tests.journeys.soak_market found|facts` with MYHOUSE_VAR naming the folder; prints JSON.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from devices.models import DeviceKind, KeySlot
from devices.services.channels import Binding
from devices.services.keys import device_key_issue
from devices.services.registry import device_register
from marketplace.models import Account, Entry, Offer, Trade, Transfer
from marketplace.services.cash import cash_confirm, deposit_request
from myhouse.documents.services import SYSTEM
from myhouse.models import Community, Household
from myhouse.services.accounts import user_sign_up
from myhouse.services.communities import community_create, household_join_community
from myhouse.services.households import household_create
from myhouse.services.metering import measurement_start, metering_point_create
from myhouse.services.tokens import token_issue
from telemetry.model import Batch, Kind
from telemetry.services import history_write

NAME, PASSWORD = "Soak", "sold and bought 4 ever"
HOMES = 16
CAPACITY_WH = 50_000_000
SURPLUS_WH = 2_000
DEPOSIT_UCT = 5_000 * 100_000_000
QUARTER_MS = 900_000
DAYS = 9


def found() -> dict:
    """Sixteen homes with money, a large battery that reports over HTTP, and surplus in every quarter-hour."""
    now = datetime.now(UTC)
    manager = user_sign_up(email="soak@example.org", password=PASSWORD, name="Manager", language="en", now=now)
    community = community_create(
        name=NAME, currency="EUR", time_zone="Europe/Berlin", country="DE", manager=manager, actor=SYSTEM, now=now
    )
    return {"community": str(community.pk), "homes": [home(number, community, now) for number in range(HOMES)]}


def home(number: int, community: Community, now: datetime) -> dict:
    email = f"soak-{number}@example.org"
    owner = user_sign_up(email=email, password=PASSWORD, name=f"Soak {number}", language="en", now=now)
    household = household_create(
        owner=owner,
        name=f"Soak {number}",
        time_zone="Europe/Berlin",
        currency="EUR",
        community=None,
        actor=SYSTEM,
        now=now,
    )
    since = now - timedelta(days=DAYS)
    household_join_community(household=household, community=community, starts_at=since, actor=SYSTEM, now=now)
    order = deposit_request(household=household, amount_uct=DEPOSIT_UCT, actor=SYSTEM, now=now)
    cash_confirm(order=order, actor=SYSTEM, now=now)
    return {
        "household": str(household.pk),
        "email": email,
        "password": PASSWORD,
        "token": token_issue(user=owner, name="soak", now=now)[1],
        "meter": meters(household, since, now),
    }


def meters(household: Household, since: datetime, now: datetime) -> str:
    """Give it a past of steady surplus and a battery; returns the key with which the battery's content is sent."""
    grid = metering_point_create(household=household, role="grid", name="Grid", actor=SYSTEM, now=now)
    begin = int(since.timestamp() * 1000) // QUARTER_MS * QUARTER_MS
    starts = np.arange(begin, int(now.timestamp() * 1000) - QUARTER_MS, QUARTER_MS, dtype=np.int64)
    for quantity, energy_wh in (("export_energy", SURPLUS_WH), ("import_energy", 0)):
        measured = measurement_start(
            metering_point=grid, quantity=quantity, starts_at=since, kind=Kind.INTERVAL, interval_ms=QUARTER_MS
        )
        batch = Batch.of(measured.series_id, starts, np.full(len(starts), float(energy_wh)))
        history_write(batch=batch, now_ms=int(now.timestamp() * 1000))
    metering_point_create(household=household, role="production", name="Roof", actor=SYSTEM, now=now)
    terms = {"capacity_wh": CAPACITY_WH, "max_charge_w": 5_000, "max_discharge_w": 5_000}
    battery = metering_point_create(
        household=household, role="battery", name="Battery", battery=terms, actor=SYSTEM, now=now
    )
    device = device_register(
        name="Battery",
        kind=DeviceKind.HTTP,
        household=household,
        external_id="battery",
        bindings=[Binding("state_of_charge", battery, "state_of_charge")],
        actor=SYSTEM,
        now=now,
    )
    return device_key_issue(device=device, slot=KeySlot.PRIMARY, actor=SYSTEM, now=now)[1]


def facts() -> dict:
    """What is stored of the soak's community: trades, offers, and every account beside the sum of its entries."""
    community = Community.objects.get(name=NAME)
    accounts = {account.pk: account for account in Account.objects.filter(community=community)}
    balances = dict.fromkeys(accounts, 0)
    for account_id, change in Entry.objects.filter(account_id__in=list(accounts)).values_list(
        "account_id", "balance_change"
    ):
        balances[account_id] += change
    return {
        "trades": [
            [
                str(t.pk),
                str(t.buyer_id),
                str(t.seller_id),
                str(t.offer_id),
                t.energy_wh,
                t.total_uct,
                t.paid_uct,
                t.state,
            ]
            for t in Trade.objects.filter(community=community)
        ],
        "offers": [
            [str(o.pk), str(o.seller_id), o.energy_wh, o.total_uct, o.left_wh, o.state]
            for o in Offer.objects.filter(community=community)
        ],
        "accounts": [
            [a.owner_kind, str(a.owner_id), a.asset, a.balance, a.reserved, balances[a.pk]] for a in accounts.values()
        ],
        "transfers": Transfer.objects.filter(community=community).count(),
        "deposit_uct": DEPOSIT_UCT,
    }


def main() -> None:
    """Do what is asked for."""
    print(json.dumps({"found": found, "facts": facts}[sys.argv[1]]()))


if __name__ == "__main__":
    main()
