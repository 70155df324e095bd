"""A small market for benchmarks: sellers with full batteries and open offers, buyers with money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

CAPACITY_WH = 4_000_000
# Far more than a run can buy, so that no offer ends in the middle of it.
OFFER_WH = 2_000_000
EURO = 100_000_000
DEPOSIT_UCT = 1_000 * EURO


@dataclass
class Market:
    """Who trades, and the open offers, one per seller."""

    community: Any
    sellers: list[Any]
    buyers: list[Any]
    offers: list[Any]


def market_prepare(*, sellers: int, buyers: int, now: datetime) -> Market:
    """Found a community, fill batteries and accounts, and put the offers into the book; all by services."""
    from marketplace.services.offers import offer_create
    from myhouse.documents.services import SYSTEM
    from myhouse.models import Community

    community = Community.objects.create(name="Bench", created_at=now)
    sold_by = [_home(f"Seller {number}", community, now) for number in range(sellers)]
    bought_by = [_home(f"Buyer {number}", community, now) for number in range(buyers)]
    offers = []
    for home in sold_by:
        _battery(home, now)
        offers.append(
            offer_create(
                household=home,
                kind="stored",
                energy_wh=OFFER_WH,
                total_uct=OFFER_WH * 18_000,
                window=None,
                actor=SYSTEM,
                now=now,
            )
        )
    for home in bought_by:
        _deposit(home, now)
    return Market(community, sold_by, bought_by, offers)


def _home(name: str, community: Any, now: datetime) -> Any:
    from myhouse.documents.services import SYSTEM
    from myhouse.models import User
    from myhouse.services.communities import household_join_community
    from myhouse.services.households import household_create

    owner = User.objects.create_user(f"{name.replace(' ', '-').lower()}@example.org", None, name=name)
    home = household_create(
        owner=owner, name=name, time_zone="Europe/Berlin", currency="EUR", community=None, actor=SYSTEM, now=now
    )
    household_join_community(
        household=home, community=community, starts_at=now - timedelta(days=1), actor=SYSTEM, now=now
    )
    return home


def _battery(home: Any, now: datetime) -> None:
    """A battery that is full at this moment, as its meter says."""
    from myhouse.documents.services import SYSTEM
    from myhouse.services.metering import measurement_start, metering_point_create
    from telemetry.live import live_put
    from telemetry.model import Batch, Quality, Reading
    from telemetry.services import readings_write

    grid = metering_point_create(household=home, role="grid", name="Grid", actor=SYSTEM, now=now)
    point = metering_point_create(
        household=home,
        role="battery",
        name="Battery",
        parent=grid,
        battery={"capacity_wh": CAPACITY_WH, "max_charge_w": 5_000, "max_discharge_w": 5_000},
        actor=SYSTEM,
        now=now,
    )
    content = measurement_start(
        metering_point=point, quantity="state_of_charge", starts_at=now - timedelta(hours=1), simulated=False
    )
    at = int(now.timestamp() * 1000)
    readings_write(batch=Batch.of(content.series_id, at, 100.0, Quality.MEASURED), now_ms=at)
    live_put({content.series_id: Reading(at, 100.0, Quality.MEASURED)})


def _deposit(home: Any, now: datetime) -> None:
    from marketplace.services.cash import cash_confirm, deposit_request
    from myhouse.documents.services import SYSTEM

    order = deposit_request(household=home, amount_uct=DEPOSIT_UCT, actor=SYSTEM, now=now)
    cash_confirm(order=order, actor=SYSTEM, now=now)
