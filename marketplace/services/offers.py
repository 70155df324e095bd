"""Making, changing and ending offers."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import F
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from marketplace.models import Offer, SellableEnergy
from marketplace.models.offers import NOW_SLOT, OfferKind, OfferState
from marketplace.news import market_changed
from marketplace.rules.prices import price_per_kwh
from marketplace.rules.shares import largest_remainder, pro_rata
from marketplace.selectors.sellable import free_of, window_slots
from marketplace.services.sellable import (
    AHEAD,
    FRESH_TO_OFFER,
    QUARTER,
    slots_end,
    slots_offer,
    slots_refresh,
    stored_offer,
    stored_refresh,
)
from myhouse import formatting
from myhouse.documents.atomic import after_commit, atomic, guard
from myhouse.documents.base import FOREVER
from myhouse.documents.services import SYSTEM, Actor, audit_record
from myhouse.errors import Kind, NotFound, UnableTo
from myhouse.models import CommunityMembership, Household
from myhouse.selectors.households import community_of, household_require_active
from myhouse.services.notices import notice_tell
from telemetry.calendar import utc_datetime, utc_ms
from telemetry.model import QUARTER_MS

ENERGY_AT_MOST_WH = 10**10
TOTAL_AT_MOST_UCT = 10**14
WINDOW_AT_MOST = timedelta(hours=24)
OPEN_AT_MOST = 50
CLOSED_PER_RUN = 500
_REASON_LENGTH = 200

Window = tuple[datetime, datetime]


class UnableToOffer(UnableTo):
    """The offer cannot be made or changed so."""


class UnableToOfferNow(UnableToOffer):
    """It could be, were it not for what has happened meanwhile: sold, ended, changed, not that much there."""

    kind = Kind.CONFLICT


def offer_create(
    *,
    household: Household,
    kind: str,
    energy_wh: int,
    total_uct: int,
    window: Window | None,
    actor: Actor,
    now: datetime,
) -> Offer:
    """Offer stored energy now, or the surplus expected in a window, to the neighbours."""
    household_require_active(household)
    community = community_of(household=household, now=now)
    if community is None:
        raise UnableToOffer(
            _("Energy is offered to the neighbours of a community. Let this household join one first.")
        )
    amounts_check(energy_wh=energy_wh, total_uct=total_uct)
    if kind == OfferKind.STORED and window is not None:
        raise UnableToOffer(_("Stored energy is sold at once. Leave the window out."), field="window")
    if kind == OfferKind.WINDOW:
        window = _window_check(window, now)
    elif kind != OfferKind.STORED:
        raise UnableToOffer(_("Choose stored energy or expected surplus: stored, window."), field="kind")
    _refresh_if_old(household, kind, now)
    start, end = window or (NOW_SLOT, FOREVER)
    offer = Offer(
        community=community,
        seller=household,
        kind=kind,
        energy_wh=energy_wh,
        total_uct=total_uct,
        price_uct_kwh=price_per_kwh(total_uct=total_uct, energy_wh=energy_wh),
        left_wh=energy_wh,
        window_start=start,
        window_end=end,
        closes_at=start if window else FOREVER,
        created_by_id=actor.user_id,
        created_at=now,
        changed_at=now,
    )
    return _create(offer, actor, now)


@atomic
def offer_change(
    *,
    offer_id: uuid.UUID,
    household: Household,
    energy_wh: int,
    total_uct: int,
    version: int,
    actor: Actor,
    now: datetime,
) -> Offer:
    """Change amount and price while nothing of it is sold and nobody else changed it."""
    household_require_active(household)
    offer = _own_open(offer_id, household, now)
    amounts_check(energy_wh=energy_wh, total_uct=total_uct)
    if offer.left_wh != offer.energy_wh:
        raise UnableToOfferNow(_("A part of it is sold. Withdraw the rest and make a new offer."), field="energy_wh")
    before = {"energy_wh": offer.energy_wh, "total_uct": offer.total_uct}
    slots = offer.slots
    if energy_wh != offer.energy_wh:
        slots = _reserve_anew(offer, energy_wh, now)
    price = price_per_kwh(total_uct=total_uct, energy_wh=energy_wh)
    unchanged = Offer.objects.filter(
        pk=offer.pk, state=OfferState.OPEN, left_wh=F("energy_wh"), version=version, energy_wh=offer.energy_wh
    )
    written: dict[str, Any] = {"energy_wh": energy_wh, "left_wh": energy_wh, "total_uct": total_uct}
    written |= {"price_uct_kwh": price, "slots": slots, "changed_at": now}
    if unchanged.update(**written, version=F("version") + 1) != 1:
        raise UnableToOfferNow(_("It was changed meanwhile. Look at it again, then change it."), field="version")
    for name, value in written.items():
        setattr(offer, name, value)
    offer.version += 1
    _noted(offer, "offer.change", actor, now, before=before, energy_wh=energy_wh, total_uct=total_uct)
    return offer


@atomic
def offer_withdraw(*, offer_id: uuid.UUID, household: Household, actor: Actor, now: datetime) -> Offer:
    """Take back what is not sold of an offer of one's own; what is sold stays sold."""
    offer = _own_open(offer_id, household, now)
    return _withdrawn(offer, actor, now)


@atomic
def offer_withdraw_by_operator(*, offer_id: uuid.UUID, reason: str, actor: Actor, now: datetime) -> Offer:
    """Take an offer out of the book for a reason, which its seller is told."""
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= _REASON_LENGTH:
        raise UnableToOffer(
            _("Give the reason, in at most %(most)d characters: the seller reads it.") % {"most": _REASON_LENGTH},
            field="reason",
        )
    offer = Offer.objects.filter(pk=offer_id).first()
    if offer is None:
        raise NotFound(_("There is no such offer."))
    _open_check(offer)
    offer = _withdrawn(offer, actor, now, reason=reason)
    seller = Household.objects.get(pk=offer.seller_id)
    notice_tell(
        text=lambda language: (
            _("An operator withdrew your offer of %(energy)s: %(reason)s")
            % {"energy": formatting.energy(offer.left_wh, language), "reason": reason}
        ),
        now=now,
        household=seller,
        url=reverse("market-offers", args=[offer.seller_id]),
    )
    return offer


def offers_withdraw_of(*, household: Household, actor: Actor, now: datetime) -> int:
    """Withdraw all open offers of a household, as when it is suspended; inside the caller's transaction."""
    guard("offers", household.pk)
    offers = list(Offer.objects.filter(seller_id=household.pk, state=OfferState.OPEN))
    for offer in offers:
        _withdrawn(offer, actor, now)
    return len(offers)


def offers_close(*, now: datetime) -> int:
    """Close offers whose window has begun or whose seller left the community; returns how many, the rest follow."""
    due = list(Offer.objects.filter(state=OfferState.OPEN, closes_at__lte=now).order_by("closes_at")[:CLOSED_PER_RUN])
    return sum(_closed(offer, now) for offer in due + _left_behind(now))


def _left_behind(now: datetime) -> list[Offer]:
    """List open offers of households that do not belong to the offer's community any more."""
    still_open = Offer.objects.filter(state=OfferState.OPEN, closes_at__gt=now)
    sellers = set(still_open.values_list("seller_id", "community_id").distinct())
    memberships = CommunityMembership.objects.filter(
        household_id__in=list({seller for seller, _community in sellers}), starts_at__lte=now, ends_at__gt=now
    )
    gone = sellers - set(memberships.values_list("household_id", "community_id"))
    if not gone:
        return []
    offers = still_open.filter(seller_id__in=list({seller for seller, _community in gone}))[:CLOSED_PER_RUN]
    return [offer for offer in offers if (offer.seller_id, offer.community_id) in gone]


def amounts_check(*, energy_wh: int, total_uct: int) -> None:
    """Refuse amounts no offer may have."""
    if type(energy_wh) is not int or not 1 <= energy_wh <= ENERGY_AT_MOST_WH:
        raise UnableToOffer(_("Offer a whole number of Wh, from 1 Wh to 10 GWh."), field="energy_wh")
    if type(total_uct) is not int or not 0 <= total_uct <= TOTAL_AT_MOST_UCT:
        raise UnableToOffer(_("Give a price from 0 to 1000000 in the currency of the community."), field="total_uct")


def offer_end(*, offer: Offer) -> None:
    """Give the expected surplus back that an ended offer of a window did not sell; what it sold stays spoken for."""
    if offer.kind == OfferKind.WINDOW:
        slots = {utc_datetime(start): energy for start, energy in offer.slots if energy}
        sold = dict(zip(slots, pro_rata(offer.sold_wh, list(slots.values())), strict=True))
        sold = {slot: energy for slot, energy in sold.items() if energy}
        slots_end(household_id=offer.seller_id, slots=slots, sold=sold)


def offer_news(*, offer: Offer, event: str, now: datetime) -> None:
    """Tell open pages, once it is durable, what became of an offer."""
    payload = {
        "id": offer.pk,
        "event": event,
        "left_wh": offer.left_wh,
        "price_uct_kwh": offer.price_uct_kwh,
        "version": offer.version,
    }
    after_commit(
        partial(
            market_changed,
            community_id=offer.community_id,
            households=[offer.seller_id],
            kind="offer",
            payload=payload,
            now=now,
        )
    )


def _window_check(window: Window | None, now: datetime) -> Window:
    if window is None:
        raise UnableToOffer(_("Say from when until when the surplus is expected."), field="window")
    start, end = window
    if utc_ms(start) % QUARTER_MS or utc_ms(end) % QUARTER_MS:
        raise UnableToOffer(_("Let the window begin and end on a quarter-hour."), field="window")
    if not QUARTER <= end - start <= WINDOW_AT_MOST:
        raise UnableToOffer(_("Let the window last from 15 minutes to 24 hours."), field="window")
    if not now < start <= now + AHEAD:
        raise UnableToOffer(_("Let the window begin within the next 48 hours."), field="window")
    return utc_datetime(utc_ms(start)), utc_datetime(utc_ms(end))


def _refresh_if_old(household: Household, kind: str, now: datetime) -> None:
    """See that the rows an offer is made on are of now, also while no worker runs."""
    rows = SellableEnergy.objects.filter(household_id=household.pk)
    if kind == OfferKind.STORED:
        if not rows.filter(slot_start=NOW_SLOT, refreshed_at__gte=now - FRESH_TO_OFFER).exists():
            stored_refresh(household_ids=[household.pk], now=now)
        return
    # A forecast changes only when a quarter-hour is over, and is then written for one more at its end.
    last = utc_datetime((utc_ms(now) // QUARTER_MS + 1) * QUARTER_MS) + AHEAD - QUARTER
    if not rows.filter(slot_start=last).exists():
        slots_refresh(household_ids=[household.pk], now=now)


@atomic
def _create(offer: Offer, actor: Actor, now: datetime) -> Offer:
    guard("offers", offer.seller_id)
    if Offer.objects.filter(seller_id=offer.seller_id, state=OfferState.OPEN).count() >= OPEN_AT_MOST:
        raise UnableToOfferNow(
            _("This household has %(most)d open offers. Withdraw one first.") % {"most": OPEN_AT_MOST}
        )
    offer.slots = _reserve(offer, offer.energy_wh, now)
    offer.save(force_insert=True)
    amounts = {"energy_wh": offer.energy_wh, "total_uct": offer.total_uct}
    _noted(offer, "offer.create", actor, now, kind=offer.kind, **amounts)
    return offer


def _reserve(offer: Offer, energy_wh: int, now: datetime) -> list[list[int]]:
    """Reserve what is offered: battery content, or each slot's part of a window's expected surplus."""
    if offer.kind == OfferKind.STORED:
        if not stored_offer(household_id=offer.seller_id, energy_wh=energy_wh, now=now):
            _refuse_stored(offer)
        return []
    free = window_slots(household=offer.seller, start=offer.window_start, end=offer.window_end)
    if sum(free.values()) < energy_wh:
        raise UnableToOfferNow(
            _("In this window %(free)s of expected surplus are free. Offer at most that, or choose another window.")
            % {"free": formatting.energy(sum(free.values()), get_language())},
            field="energy_wh",
        )
    parts = dict(zip(free, largest_remainder(energy_wh, list(free.values())), strict=True))
    slots = {slot: energy for slot, energy in parts.items() if energy}
    if not slots_offer(household_id=offer.seller_id, slots=slots):
        raise UnableToOfferNow(_("The expected surplus has changed just now. Offer it again."), field="energy_wh")
    return [[utc_ms(slot), energy] for slot, energy in slots.items()]


def _reserve_anew(offer: Offer, energy_wh: int, now: datetime) -> list[list[int]]:
    if offer.kind == OfferKind.STORED:
        if not stored_offer(household_id=offer.seller_id, energy_wh=energy_wh - offer.energy_wh, now=now):
            _refuse_stored(offer)
        return []
    offer_end(offer=offer)
    return _reserve(offer, energy_wh, now)


def _refuse_stored(offer: Offer) -> None:
    row = SellableEnergy.objects.filter(household_id=offer.seller_id, slot_start=NOW_SLOT).first()
    if row is None:
        raise UnableToOffer(
            _("No battery is measured in this household. Offer expected surplus in a window instead."), field="kind"
        )
    raise UnableToOfferNow(
        _("The battery holds %(free)s that are not spoken for. Offer at most that.")
        % {"free": formatting.energy(free_of(row), get_language())},
        field="energy_wh",
    )


def _own_open(offer_id: uuid.UUID, household: Household, now: datetime) -> Offer:
    offer = Offer.objects.filter(pk=offer_id, seller_id=household.pk).first()
    if offer is None:
        raise NotFound(_("There is no such offer of this household."))
    _open_check(offer)
    if offer.closes_at <= now:
        raise UnableToOfferNow(_("Its window has begun: what was sold is delivered now."), field="window")
    return offer


def _open_check(offer: Offer) -> None:
    if offer.state == OfferState.SOLD:
        raise UnableToOfferNow(_("It is sold. Make a new offer."))
    if offer.state != OfferState.OPEN:
        raise UnableToOfferNow(_("It is no longer open. Make a new offer."))


def _ended(offer: Offer, state: OfferState, now: datetime) -> bool:
    """End an open offer as it was read; false when it changed meanwhile."""
    same = Offer.objects.filter(pk=offer.pk, state=OfferState.OPEN, left_wh=offer.left_wh, version=offer.version)
    if same.update(state=state, changed_at=now) != 1:
        return False
    offer.state, offer.changed_at = state, now
    if offer.kind == OfferKind.STORED:
        stored_offer(household_id=offer.seller_id, energy_wh=-offer.left_wh, now=now)
    else:
        offer_end(offer=offer)
    return True


def _withdrawn(offer: Offer, actor: Actor, now: datetime, **details: str) -> Offer:
    if not _ended(offer, OfferState.WITHDRAWN, now):
        raise UnableToOfferNow(_("A part of it was sold just now. Look at it again, then withdraw the rest."))
    _noted(offer, "offer.withdraw", actor, now, left_wh=offer.left_wh, **details)
    return offer


@atomic
def _closed(offer: Offer, now: datetime) -> bool:
    offer = Offer.objects.get(pk=offer.pk)
    if not _ended(offer, OfferState.CLOSED, now):
        return False
    _noted(offer, "offer.close", SYSTEM, now, left_wh=offer.left_wh)
    return True


def _noted(offer: Offer, action: str, actor: Actor, now: datetime, **details: Any) -> None:
    """Write down who did what to an offer, and tell open pages once it is durable."""
    audit_record(actor=actor, action=action, now=now, subject=offer, community_id=offer.community_id, details=details)
    offer_news(offer=offer, event=action.removeprefix("offer."), now=now)
