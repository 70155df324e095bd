"""Offers: what can be offered, changed and withdrawn, and what each refusal says."""

from datetime import timedelta

import pytest

from marketplace.models import Offer, SellableEnergy
from marketplace.models.offers import NOW_SLOT, OfferState
from marketplace.services.offers import (
    UnableToOffer,
    UnableToOfferNow,
    offer_change,
    offer_create,
    offer_withdraw,
    offer_withdraw_by_operator,
    offers_close,
)
from marketplace.tests.factories import EURO, traders
from myhouse.documents.models import AuditEntry
from myhouse.documents.services import SYSTEM
from myhouse.errors import Kind, NotFound
from myhouse.models import CommunityMembership, Household, Notice
from myhouse.selectors.households import UnableWhileSuspended
from myhouse.tests.factories import NOW, home

pytestmark = pytest.mark.django_db

SOON = NOW + timedelta(hours=1)


def test_stored_energy_is_offered_up_to_what_the_battery_holds():
    (seller,) = traders(homes=1, soc_pct=50)

    offer = seller.offers_stored(4_000, 80_000_000)

    assert (offer.state, offer.left_wh, offer.price_uct_kwh) == (OfferState.OPEN, 4_000, 20_000_000)
    row = seller.stored()
    assert (row.expected_wh, row.offered_wh, row.sold_wh) == (5_000, 4_000, 0)
    with pytest.raises(UnableToOfferNow) as refused:
        seller.offers_stored(1_001)
    assert "1.00" in refused.value.message
    assert (refused.value.field, refused.value.kind) == ("energy_wh", Kind.CONFLICT)
    assert seller.offers_stored(1_000).left_wh == 1_000


def test_a_battery_whose_state_is_old_counts_as_empty():
    (seller,) = traders(homes=1, soc_pct=50)

    with pytest.raises(UnableToOfferNow):
        seller.offers_stored(1, now=NOW + timedelta(minutes=16))

    assert seller.stored().expected_wh == 0


def test_a_home_without_a_battery_is_told_to_offer_surplus():
    (member,) = traders(homes=1)
    _user, household = home()
    member.community.household_memberships.create(household=household, starts_at=NOW)

    with pytest.raises(UnableToOffer) as refused:
        offer_create(household=household, kind="stored", energy_wh=1, total_uct=1, window=None, actor=SYSTEM, now=NOW)

    assert refused.value.field == "kind"


def test_a_window_reserves_the_expected_surplus_of_its_quarter_hours():
    (seller,) = traders(homes=1, past_export_wh=500)

    offer = seller.offers_window(1_001, start=SOON, end=SOON + timedelta(hours=1))

    assert [energy for _start, energy in offer.slots] == [251, 250, 250, 250]
    rows = SellableEnergy.objects.filter(household=seller.household, offered_wh__gt=0).order_by("slot_start")
    assert [(row.slot_start, row.offered_wh) for row in rows] == [
        (SOON + place * timedelta(minutes=15), energy) for place, energy in enumerate([251, 250, 250, 250])
    ]
    assert offer.closes_at == SOON
    with pytest.raises(UnableToOfferNow) as refused:
        seller.offers_window(1_000, start=SOON, end=SOON + timedelta(hours=1))
    assert "999 Wh" in refused.value.message.replace("\u202f", " ")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOW + timedelta(minutes=20), NOW + timedelta(minutes=60)),
        (SOON, SOON),
        (SOON, SOON + timedelta(hours=25)),
        (NOW, SOON),
        (NOW - timedelta(hours=1), SOON),
        (NOW + timedelta(hours=49), NOW + timedelta(hours=50)),
    ],
)
def test_refuses_a_window_off_the_grid_too_long_begun_or_too_far_ahead(start, end):
    (seller,) = traders(homes=1)

    with pytest.raises(UnableToOffer) as refused:
        seller.offers_window(100, start=start, end=end)

    assert refused.value.field == "window"


@pytest.mark.parametrize(
    ("energy", "total", "field"),
    [
        (0, 1, "energy_wh"),
        (-5, 1, "energy_wh"),
        (10**10 + 1, 1, "energy_wh"),
        (1.5, 1, "energy_wh"),
        (True, 1, "energy_wh"),
        (1, -1, "total_uct"),
        (1, 10**14 + 1, "total_uct"),
    ],
)
def test_refuses_amounts_that_make_no_sense(energy, total, field):
    (seller,) = traders(homes=1)

    with pytest.raises(UnableToOffer) as refused:
        seller.offers_stored(energy, total)

    assert refused.value.field == field


def test_refuses_an_offer_of_a_home_without_a_community_or_suspended():
    (seller,) = traders(homes=1)
    _user, alone = home()
    Household.objects.filter(pk=seller.household.pk).update(suspended_at=NOW, suspended_reason="Unpaid")

    with pytest.raises(UnableWhileSuspended):
        seller.offers_stored()
    with pytest.raises(UnableToOffer):
        offer_create(household=alone, kind="stored", energy_wh=1, total_uct=1, window=None, actor=SYSTEM, now=NOW)


def test_refuses_the_fifty_first_open_offer():
    (seller,) = traders(homes=1)
    for _number in range(50):
        seller.offers_stored(1, 1)

    with pytest.raises(UnableToOfferNow):
        seller.offers_stored(1, 1)

    assert seller.stored().offered_wh == 50


def test_an_unsold_offer_is_changed_and_reserves_what_it_then_needs():
    (seller,) = traders(homes=1)
    stored, window = seller.offers_stored(1_000), seller.offers_window(1_000)

    changed = [
        offer_change(
            offer_id=offer.pk,
            household=seller.household,
            energy_wh=400,
            total_uct=EURO,
            version=1,
            actor=seller.actor,
            now=NOW,
        )
        for offer in (stored, window)
    ]

    assert {(o.energy_wh, o.left_wh, o.total_uct, o.version, o.price_uct_kwh) for o in changed} == {
        (400, 400, EURO, 2, 250_000_000)
    }
    assert seller.stored().offered_wh == 400
    slots = SellableEnergy.objects.filter(household=seller.household).exclude(slot_start=NOW_SLOT)
    assert sorted(slots.filter(offered_wh__gt=0).values_list("offered_wh", flat=True)) == [100] * 4


def test_refuses_to_change_what_is_sold_in_part_ended_or_changed_by_another():
    seller, buyer = traders()
    sold, old, gone = (seller.offers_stored(500) for _number in range(3))
    buyer.buys(sold, 1)
    offer_withdraw(offer_id=gone.pk, household=seller.household, actor=seller.actor, now=NOW)
    asked = {"household": seller.household, "energy_wh": 400, "total_uct": 1, "actor": seller.actor, "now": NOW}

    for offer, version, field in ((sold, 1, "energy_wh"), (old, 7, "version"), (gone, 1, "")):
        with pytest.raises(UnableToOfferNow) as refused:
            offer_change(offer_id=offer.pk, version=version, **asked)
        assert refused.value.field == field

    assert seller.stored().offered_wh == 499 + 500


def test_a_withdrawn_rest_can_be_offered_again_and_what_is_sold_stays_sold():
    seller, buyer = traders()
    stored, window = seller.offers_stored(5_000), seller.offers_window(2_000)
    buyer.buys(stored, 1_000)
    buyer.buys(window, 1_000)

    for offer in (stored, window):
        ended = offer_withdraw(offer_id=offer.pk, household=seller.household, actor=seller.actor, now=NOW)
        assert ended.state == OfferState.WITHDRAWN

    row = seller.stored()
    assert (row.offered_wh, row.sold_wh) == (0, 1_000)
    slots = SellableEnergy.objects.filter(household=seller.household, sold_wh__gt=0).exclude(slot_start=NOW_SLOT)
    assert [(slot.offered_wh, slot.sold_wh) for slot in slots] == [(0, 250)] * 4
    assert seller.offers_window(1_000).left_wh == 1_000


def test_a_stranger_cannot_tell_an_offer_from_none():
    seller, other = traders()
    offer = seller.offers_stored()

    with pytest.raises(NotFound):
        offer_withdraw(offer_id=offer.pk, household=other.household, actor=other.actor, now=NOW)
    with pytest.raises(NotFound):
        offer_change(
            offer_id=offer.pk,
            household=other.household,
            energy_wh=1,
            total_uct=1,
            version=1,
            actor=other.actor,
            now=NOW,
        )


def test_an_operator_withdraws_an_offer_with_a_reason_that_its_seller_reads():
    (seller,) = traders(homes=1)
    offer = seller.offers_stored(1_000)

    with pytest.raises(UnableToOffer):
        offer_withdraw_by_operator(offer_id=offer.pk, reason=" ", actor=SYSTEM, now=NOW)
    offer_withdraw_by_operator(offer_id=offer.pk, reason="A  typing error", actor=SYSTEM, now=NOW)

    assert "A typing error" in Notice.objects.get(user=seller.user).text
    assert AuditEntry.objects.get(action="offer.withdraw").details["reason"] == "A typing error"
    assert seller.stored().offered_wh == 0


def test_an_offer_closes_when_its_window_begins_and_frees_what_it_did_not_sell():
    seller, buyer = traders()
    offer = seller.offers_window(2_000, start=SOON)
    later = seller.offers_window(400, start=SOON + timedelta(hours=2))
    buyer.buys(offer, 600)

    assert offers_close(now=SOON - timedelta(seconds=1)) == 0
    assert offers_close(now=SOON) == 1
    assert offers_close(now=SOON) == 0

    states = dict(Offer.objects.values_list("pk", "state"))
    assert states == {offer.pk: OfferState.CLOSED, later.pk: OfferState.OPEN}
    slots = SellableEnergy.objects.filter(household=seller.household, sold_wh__gt=0)
    assert [(slot.offered_wh, slot.sold_wh) for slot in slots] == [(0, 150)] * 4
    with pytest.raises(UnableToOfferNow):
        offer_withdraw(offer_id=offer.pk, household=seller.household, actor=seller.actor, now=SOON)


def test_every_change_of_an_offer_is_audited():
    (seller,) = traders(homes=1)
    offer = seller.offers_stored(1_000)
    offer_withdraw(offer_id=offer.pk, household=seller.household, actor=seller.actor, now=NOW)

    written = AuditEntry.objects.filter(subject_id=offer.pk).order_by("pk")
    assert [(e.action, e.actor_id, e.community_id) for e in written] == [
        ("offer.create", seller.user.pk, seller.community.pk),
        ("offer.withdraw", seller.user.pk, seller.community.pk),
    ]


def test_the_offers_of_a_seller_who_left_the_community_are_closed():
    seller, other = traders()
    gone, kept = seller.offers_stored(1_000), other.offers_stored(1_000)
    CommunityMembership.objects.filter(household=seller.household).update(ends_at=NOW)

    assert offers_close(now=NOW) == 1

    assert dict(Offer.objects.values_list("pk", "state")) == {gone.pk: OfferState.CLOSED, kept.pk: OfferState.OPEN}
    assert seller.stored().offered_wh == 0


@pytest.mark.parametrize(
    ("kind", "window", "field"),
    [
        ("stored", (SOON, SOON + timedelta(hours=1)), "window"),
        ("window", None, "window"),
        ("sunshine", None, "kind"),
    ],
)
def test_refuses_a_kind_that_is_none_and_a_window_that_does_not_belong_to_it(kind, window, field):
    (seller,) = traders(homes=1)

    with pytest.raises(UnableToOffer) as refused:
        offer_create(
            household=seller.household, kind=kind, energy_wh=1, total_uct=1, window=window, actor=SYSTEM, now=NOW
        )

    assert refused.value.field == field


def test_refuses_to_change_an_offer_to_more_than_the_battery_holds_or_after_its_window_has_begun():
    (seller,) = traders(homes=1, soc_pct=50)
    stored, window = seller.offers_stored(1_000), seller.offers_window(1_000, start=SOON)
    asked = {"household": seller.household, "total_uct": 1, "version": 1, "actor": SYSTEM}

    with pytest.raises(UnableToOfferNow) as refused:
        offer_change(offer_id=stored.pk, energy_wh=5_001, now=NOW, **asked)
    assert refused.value.field == "energy_wh"
    with pytest.raises(UnableToOfferNow) as refused:
        offer_change(offer_id=window.pk, energy_wh=100, now=SOON, **asked)
    assert refused.value.field == "window"
    assert seller.stored().offered_wh == 1_000


def test_refuses_to_withdraw_what_is_sold_or_is_none():
    seller, buyer = traders()
    offer = seller.offers_stored(1_000)
    buyer.buys(offer)

    with pytest.raises(UnableToOfferNow) as refused:
        offer_withdraw_by_operator(offer_id=offer.pk, reason="A fault", actor=SYSTEM, now=NOW)
    assert "sold" in refused.value.message
    with pytest.raises(NotFound):
        offer_withdraw_by_operator(offer_id=buyer.household.pk, reason="A fault", actor=SYSTEM, now=NOW)


def test_surplus_is_expected_anew_when_a_quarter_hour_has_passed_since():
    (seller,) = traders(homes=1)
    later = NOW + timedelta(minutes=15)
    start = NOW + timedelta(hours=47)

    offer = seller.offers_window(1_000, start=start, end=start + timedelta(hours=1, minutes=15), now=later)

    assert [energy for _start, energy in offer.slots] == [200] * 5
