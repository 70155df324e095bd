"""The demo's households as traders, and what any of them can do in the market, by the services everybody uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from config.demo.people import COMMUNITY
from config.demo.traders import Trader, part_of, price_of, traders_plan
from devices.simulator.community import Spec
from marketplace.selectors.accounts import balance_of
from marketplace.selectors.offers import BookQuery, OfferLine, book_page
from marketplace.services.cash import cash_confirm, deposit_request
from marketplace.services.offers import offer_create, offer_withdraw
from marketplace.services.trades import offer_buy
from myhouse.documents.services import Actor
from myhouse.errors import UnableTo
from myhouse.models import Community, CommunityMembership, Household

R = TypeVar("R")
EURO = 100_000_000
LABEL = "demo neighbour"
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A simulated home and its household."""

    trader: Trader
    household: Household

    @property
    def actor(self) -> Actor:
        """Who did it, in the audit log: not a person."""
        return Actor(label=LABEL)


@dataclass(frozen=True, slots=True)
class Street:
    """The demo community and its homes, in their order."""

    spec: Spec
    community: Community
    neighbours: tuple[Neighbour, ...]

    def without_visitors(self) -> Street:
        """The same street without the homes that have a login."""
        return replace(self, neighbours=tuple(one for one in self.neighbours if not one.trader.is_visitor))


def street_of(spec: Spec, *, now: datetime) -> Street | None:
    """The demo's households that belong to its community now; None without the community."""
    community = Community.objects.filter(name=COMMUNITY, simulated=True).first()
    if community is None:
        return None
    memberships = CommunityMembership.objects.filter(community=community)
    ids = list(memberships.values_list("household_id", flat=True))
    there = set(memberships.filter(ends_at__gt=now).values_list("household_id", flat=True))
    # Keys count up with time, and the homes were settled in their order.
    households = list(Household.objects.filter(pk__in=ids).order_by("pk")[: spec.homes])
    neighbours = tuple(
        Neighbour(trader, household)
        for trader, household in zip(traders_plan(spec), households, strict=False)
        if household.pk in there
    )
    return Street(spec, community, neighbours)


def tried(act: Callable[[], R]) -> R | None:
    """Do it if the market lets one; what it refuses is not done."""
    try:
        return act()
    except UnableTo:
        return None


def start_money(neighbour: Neighbour, amount_uct: int, *, now: datetime) -> None:
    """Pay in and have it confirmed, as a member and his operator do."""
    order = deposit_request(household=neighbour.household, amount_uct=amount_uct, actor=neighbour.actor, now=now)
    cash_confirm(order=order, actor=neighbour.actor, now=now)


def sell(
    neighbour: Neighbour,
    kind: str,
    energy_wh: int,
    *,
    now: datetime,
    uct_kwh: int,
    window: tuple[datetime, datetime] | None = None,
) -> Any | None:
    """Offer it; None if it is too little to bother or the market refuses."""
    if energy_wh < 200:
        return None
    return tried(
        lambda: offer_create(
            household=neighbour.household,
            kind=kind,
            energy_wh=energy_wh,
            total_uct=price_of(energy_wh, uct_kwh),
            window=window,
            actor=neighbour.actor,
            now=now,
        )
    )


def withdraw(neighbour: Neighbour, offer_id: Any, *, now: datetime) -> Any | None:
    """Take the unsold rest back."""
    return tried(
        lambda: offer_withdraw(offer_id=offer_id, household=neighbour.household, actor=neighbour.actor, now=now)
    )


def buy(neighbour: Neighbour, offer: Any, energy_wh: int, *, now: datetime) -> Any | None:
    """Buy so much of an offer."""
    return tried(
        lambda: offer_buy(
            offer_id=offer.pk, household=neighbour.household, energy_wh=energy_wh, actor=neighbour.actor, now=now
        )
    )


def book_for(neighbour: Neighbour, *, now: datetime, limit: int = 20) -> list[OfferLine]:
    """What others offer, the cheapest first."""
    query = BookQuery(kind="", sort="price", min_wh=None, max_price_uct_kwh=None, cursor=None, limit=limit)
    found = tried(lambda: book_page(household=neighbour.household, query=query, now=now))
    return [] if found is None else [line for line in found.lines if not line.own]


def is_sated(neighbour: Neighbour, *, now: datetime) -> bool:
    """Whether it has bought enough for a while."""
    return balance_of(household=neighbour.household, now=now).energy_wh >= neighbour.trader.appetite_wh


def share_of(free_wh: int, share: float) -> int:
    """What it would offer of so much that is free."""
    return part_of(free_wh, share)
