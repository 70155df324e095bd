"""What trading with neighbours did for a community, and what its market looks like now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import CharField, Count, F, Min, Sum
from django.db.models.functions import Cast
from numpy.typing import NDArray

from marketplace.models import Allocation, Offer, Trade
from marketplace.models.offers import OfferState, Side
from marketplace.selectors.slots import slots_ms
from myhouse.models import Community
from telemetry.calendar import Step, day_start_ms, local_edges, utc_datetime

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Savings:
    """What was bought from neighbours and used, what it cost, and what both sides had of it.

    Buyers saved what their suppliers would have charged beyond it; sellers gained what they were paid beyond what
    their suppliers would have. Where no supplier's price is known nothing is claimed.
    """

    traded_wh: int = 0
    paid_uct: int = 0
    buyers_saved_uct: int = 0
    sellers_gained_uct: int = 0

    @property
    def saved_uct(self) -> int:
        """What the community has of it together."""
        return self.buyers_saved_uct + self.sellers_gained_uct


@dataclass(frozen=True)
class SavingsBucket:
    """The savings of one local day or month."""

    start_ms: int
    end_ms: int
    savings: Savings


@dataclass(frozen=True)
class MarketState:
    """The market of a community at this moment."""

    open_offers: int
    offered_wh: int
    cheapest_uct_kwh: int | None
    trades_today: int
    traded_today_wh: int


def community_savings(*, community: Community, start: datetime, end: datetime) -> Savings:
    """Add up the quarter-hours that begin in [start, end); one query."""
    rows = Allocation.objects.filter(community_id=community.pk, slot_start__gte=start, slot_start__lt=end)
    sums = rows.values_list("side").annotate(Sum("energy_wh"), Sum("money_uct"), Sum("alternative_uct"))
    found = {side: values for side, *values in sums.order_by()}
    return _savings(found.get(Side.IMPORT, (0, 0, 0)), found.get(Side.EXPORT, (0, 0, 0)))


def savings_by_step(*, community: Community, start: date, end: date, step: Step) -> list[SavingsBucket]:
    """Add up each local day, week or month of [start, end), all of them in one query."""
    edges = local_edges(zone=community.time_zone, start=start, end=end, step=step)
    rows = Allocation.objects.filter(
        community_id=community.pk,
        slot_start__gte=utc_datetime(int(edges[0])),
        slot_start__lt=utc_datetime(int(edges[-1])),
    )
    # Summed up per quarter-hour by the database: local days have edges of their own.
    slots = list(
        rows.annotate(slot=Cast("slot_start", CharField()))
        .values_list("side", "slot")
        .annotate(Sum("energy_wh"), Sum("money_uct"), Sum("alternative_uct"))
        .order_by()
    )
    bought = _per_bucket([row for row in slots if row[0] == Side.IMPORT], edges)
    sold = _per_bucket([row for row in slots if row[0] == Side.EXPORT], edges)
    return [
        SavingsBucket(int(edges[i]), int(edges[i + 1]), _savings(bought[i], sold[i])) for i in range(len(edges) - 1)
    ]


def market_state(*, community: Community, now: datetime) -> MarketState:
    """Describe the open offers and today's trades; two queries."""
    offers = Offer.objects.filter(community_id=community.pk, state=OfferState.OPEN).exclude(closes_at__lte=now)
    book = offers.aggregate(count=Count("pk"), left=Sum("left_wh"), cheapest=Min("price_uct_kwh"))
    today = now.astimezone(ZoneInfo(community.time_zone)).date()
    midnight = utc_datetime(day_start_ms(community.time_zone, today))
    trades = Trade.objects.filter(community_id=community.pk, bought_at__gte=midnight)
    traded = trades.aggregate(count=Count("pk"), energy=Sum(F("energy_wh")))
    return MarketState(
        open_offers=book["count"],
        offered_wh=book["left"] or 0,
        cheapest_uct_kwh=book["cheapest"],
        trades_today=traded["count"],
        traded_today_wh=traded["energy"] or 0,
    )


def _savings(bought: Sequence[int], sold: Sequence[int]) -> Savings:
    energy, paid, alternative = bought
    _energy, earned, instead = sold
    return Savings(
        traded_wh=energy,
        paid_uct=paid,
        buyers_saved_uct=alternative - paid,
        sellers_gained_uct=earned - instead,
    )


def _per_bucket(rows: Sequence[tuple[object, ...]], edges: Ints) -> list[list[int]]:
    """Return the sums of energy, money and alternative of each bucket."""
    sums = np.zeros((len(edges) - 1, 3), np.int64)
    if rows:
        place = np.searchsorted(edges, slots_ms([str(row[1]) for row in rows]), side="right") - 1
        np.add.at(sums, place, np.array([row[2:] for row in rows], np.int64))
    listed: list[list[int]] = sums.tolist()
    return listed
