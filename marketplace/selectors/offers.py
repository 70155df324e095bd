"""The order book as a household sees it, and its own offers."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from marketplace.models import Offer, SellableEnergy
from marketplace.models.offers import NOW_SLOT, OfferKind, OfferState
from marketplace.rules import prices as rules
from marketplace.rules.forecast import FRESH_FOR
from myhouse.documents.pages import LIMIT, UnableToPage, page
from myhouse.errors import NotFound
from myhouse.models import Community, Household
from myhouse.selectors.households import community_of, neighbour_names
from myhouse.selectors.reference import Figures
from myhouse.selectors.tariffs import contract_rules, contracts_of, prices_shown
from myhouse.tariffs.pricing import UNKNOWN
from telemetry.calendar import utc_ms
from telemetry.model import QUARTER_MS

SORTS = {
    "price": "price_uct_kwh",
    "-price": "-price_uct_kwh",
    "newest": "-created_at",
    "energy": "-left_wh",
    "window": "window_start",
}


@dataclass(frozen=True)
class BookQuery:
    """What a reader of the book asks for: one kind or all, at least so much, at most so dear."""

    kind: str = ""
    sort: str = "price"
    min_wh: int | None = None
    max_price_uct_kwh: int | None = None
    cursor: str | None = None
    limit: int = LIMIT


@dataclass(frozen=True)
class OfferLine:
    """An offer with what its reader wants to know: what the rest costs, here and at his own supplier.

    `supplier_uct_kwh` is the mean gross price of the reader's supplier in the window (stored: now); None where it is
    not known. `deliverable_wh` is less than what is left when the seller's battery holds less now.
    """

    offer: Offer
    seller_name: str
    own: bool
    left_total_uct: int
    price_uct_kwh: int
    supplier_uct_kwh: int | None
    saving_uct: int | None
    deliverable_wh: int


@dataclass(frozen=True)
class BookPage:
    """A page of offers, and the cursor of the next one while there is more."""

    lines: list[OfferLine]
    next_cursor: str | None


def book_page(
    *, household: Household, query: BookQuery, now: datetime, community: Community | None = None
) -> BookPage:
    """List the open offers of the household's community; the same few queries for any number of offers.

    Hand in its `community` where that is known already.
    """
    if query.sort not in SORTS:
        raise UnableToPage(_("Sort by one of %(sorts)s.") % {"sorts": ", ".join(SORTS)}, field="sort")
    community = community or community_of(household=household, now=now)
    if community is None:
        return BookPage([], None)
    rows = Offer.objects.filter(community_id=community.pk, state=OfferState.OPEN)
    # Said the other way round, or the database would look offers up by when they close, and sort them all.
    rows = rows.exclude(closes_at__lte=now)
    if query.kind:
        if query.kind not in OfferKind.values:
            raise UnableToPage(_("Choose one of %(kinds)s.") % {"kinds": ", ".join(OfferKind.values)}, field="kind")
        rows = rows.filter(kind=query.kind)
    if query.min_wh is not None:
        rows = rows.filter(left_wh__gte=query.min_wh)
    if query.max_price_uct_kwh is not None:
        rows = rows.filter(price_uct_kwh__lte=query.max_price_uct_kwh)
    return _page(rows, SORTS[query.sort], query.cursor, query.limit, household=household, now=now)


def own_offers_page(
    *,
    household: Household,
    cursor: str | None = None,
    limit: int = LIMIT,
    now: datetime | None = None,
    since: datetime | None = None,
) -> BookPage:
    """List the offers the household made (from `since` on), the newest first."""
    rows = Offer.objects.filter(seller_id=household.pk)
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    return _page(rows, "-created_at", cursor, limit, household=household, now=now or timezone.now())


def offer_for(
    *,
    household: Household,
    offer_id: uuid.UUID,
    now: datetime,
    community: Community | None = None,
    ended: bool = False,
) -> OfferLine:
    """Return an open offer of the community or one of one's own, or refuse as if it did not exist.

    With `ended` those of the community that are no longer open too: for who was about to buy, and is told why not.
    """
    offer = Offer.objects.filter(pk=offer_id).first()
    community = community or community_of(household=household, now=now)
    seen = offer is not None and (
        offer.seller_id == household.pk
        or ((ended or offer.state == OfferState.OPEN) and community is not None and offer.community_id == community.pk)
    )
    if offer is None or not seen:
        raise NotFound(_("There is no such offer, or it is no longer open."))
    return _lines([offer], household=household, now=now)[0]


def part_price(*, offer: Offer, energy_wh: int) -> int:
    """Return what this much of the offer would cost now."""
    return rules.part_price(
        total_uct=offer.total_uct, energy_wh=offer.energy_wh, sold_wh=offer.sold_wh, part_wh=energy_wh
    )


def _page(
    rows: QuerySet[Offer], order: str, cursor: str | None, limit: int, *, household: Household, now: datetime
) -> BookPage:
    found = page(rows, order=order, cursor=cursor, limit=limit)
    return BookPage(_lines(found.items, household=household, now=now), found.next_cursor)


def _lines(offers: Sequence[Offer], *, household: Household, now: datetime) -> list[OfferLine]:
    """Fill in what is not in the offers: names, batteries and the reader's own tariff, each for all at once."""
    if not offers:
        return []
    sellers = list(dict.fromkeys(offer.seller_id for offer in offers))
    names = neighbour_names(household_ids=sellers, now=now)
    held = _held(sellers, now)
    tariff = _Tariff.of(household, offers, now)
    deliverable = {offer.pk: _deliverable(offer, held, now) for offer in offers}
    return [
        _line(
            offer,
            name=names[offer.seller_id],
            own=offer.seller_id == household.pk,
            supplier=tariff.mean_uct_kwh(offer),
            deliverable_wh=deliverable[offer.pk],
        )
        for offer in offers
    ]


def _line(offer: Offer, *, name: str, own: bool, supplier: int | None, deliverable_wh: int) -> OfferLine:
    left_total = part_price(offer=offer, energy_wh=offer.left_wh)
    saving = None if supplier is None or own else supplier * offer.left_wh // 1000 - left_total
    return OfferLine(
        offer=offer,
        seller_name=name,
        own=own,
        left_total_uct=left_total,
        price_uct_kwh=offer.price_uct_kwh,
        supplier_uct_kwh=supplier,
        saving_uct=saving,
        deliverable_wh=deliverable_wh,
    )


def _deliverable(offer: Offer, held: dict[uuid.UUID, int], now: datetime) -> int:
    """Return how much of the offer can be bought now."""
    if offer.state != OfferState.OPEN or offer.closes_at <= now:
        return 0
    return min(offer.left_wh, held.get(offer.seller_id, 0)) if offer.kind == OfferKind.STORED else offer.left_wh


def _held(sellers: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, int]:
    """Return what each seller's battery holds beyond what is sold of it; nothing where that is not known now."""
    rows = SellableEnergy.objects.filter(household_id__in=list(sellers), slot_start=NOW_SLOT)
    return {
        row.household_id: max(row.expected_wh - row.sold_wh, 0) for row in rows if row.refreshed_at >= now - FRESH_FOR
    }


@dataclass(frozen=True, eq=False)
class _Tariff:
    """What the reader's supplier charges per Wh in each quarter-hour from the running one on."""

    first_ms: int
    prices: NDArray[np.int64]

    @classmethod
    def of(cls, household: Household, offers: Sequence[Offer], now: datetime) -> _Tariff:
        """Price the quarter-hours that the offers are about (two queries)."""
        first = utc_ms(now) // QUARTER_MS * QUARTER_MS
        ends = [utc_ms(offer.window_end) for offer in offers if offer.kind == OfferKind.WINDOW]
        starts = np.arange(first, max([first + QUARTER_MS, *ends]), QUARTER_MS, dtype=np.int64)
        contracts = contract_rules(contracts=contracts_of(household=household), zone=household.time_zone)
        market = Figures.load().market
        found = prices_shown(
            contracts=contracts, direction="import", starts=starts, zone=household.time_zone, market=market
        )
        return cls(first, found)

    def mean_uct_kwh(self, offer: Offer) -> int | None:
        """Return the mean price of an offer's time, rounded half up; nothing where no price is known."""
        begin, end = 0, 1
        if offer.kind == OfferKind.WINDOW:
            begin = max((utc_ms(offer.window_start) - self.first_ms) // QUARTER_MS, 0)
            end = max((utc_ms(offer.window_end) - self.first_ms) // QUARTER_MS, 0)
        prices = self.prices[begin:end]
        prices = prices[prices != UNKNOWN]
        if not len(prices):
            return None
        return int((2 * int(prices.sum()) * 1000 + len(prices)) // (2 * len(prices)))
