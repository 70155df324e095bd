"""What a worker finds out for all households at once, and the tasks that let it."""

from datetime import timedelta

import pytest

from marketplace import tasks
from marketplace.models import Offer, SellableEnergy
from marketplace.models.offers import NOW_SLOT, OfferState
from marketplace.services import sellable
from marketplace.services.sellable import sellable_refresh_all
from marketplace.services.turns import all_served, turn_of
from marketplace.tests.factories import traders
from myhouse.documents.base import uuid7
from myhouse.documents.services import SYSTEM
from myhouse.models import Battery, CommunityMembership, MeteringPoint
from myhouse.models.metering import PointRole
from myhouse.services.suspension import household_suspend
from myhouse.tests.factories import NOW
from tests.statements import statements

pytestmark = pytest.mark.django_db


def test_one_run_refreshes_every_home_with_a_battery_or_production():
    homes = traders(homes=3)
    SellableEnergy.objects.all().delete()

    assert sellable_refresh_all(now=NOW) == 3

    assert [home.stored().expected_wh for home in homes] == [5_000] * 3
    assert SellableEnergy.objects.exclude(slot_start=NOW_SLOT).count() == 3 * 192
    assert sellable_refresh_all(now=NOW + timedelta(minutes=1)) == 0


def test_a_refresh_leaves_alone_what_is_offered_and_sold():
    seller, buyer = traders()
    buyer.buys(seller.offers_stored(1_000), 400)
    seller.offers_window(400)

    seller.charge(80, at=NOW + timedelta(minutes=14))

    row = seller.stored()
    assert (row.expected_wh, row.offered_wh, row.sold_wh) == (8_000, 600, 400)
    slots = SellableEnergy.objects.filter(household=seller.household, offered_wh=100).exclude(slot_start=NOW_SLOT)
    assert slots.count() == 4


def test_the_minutely_run_asks_as_many_queries_for_many_homes():
    homes = traders(homes=2)
    sellable_refresh_all(now=NOW)
    with statements() as few:
        sellable_refresh_all(now=NOW + timedelta(seconds=30))

    traders(homes=3, community=homes[0].community)
    sellable_refresh_all(now=NOW)
    with statements() as many:
        sellable_refresh_all(now=NOW + timedelta(seconds=30))

    assert len(many) == len(few) <= 10, few


def test_a_home_that_left_or_lost_its_battery_is_not_kept_as_it_was():
    left, lost = traders(homes=2)
    CommunityMembership.objects.filter(household=left.household).update(ends_at=NOW)
    points = MeteringPoint.objects.filter(household=lost.household, role=PointRole.BATTERY)
    Battery.objects.filter(metering_point_id__in=list(points.values_list("pk", flat=True))).delete()

    sellable_refresh_all(now=NOW + timedelta(minutes=1))

    assert lost.stored().expected_wh == 0
    assert left.stored().refreshed_at == NOW


@pytest.mark.django_db(transaction=True)
def test_rows_that_another_made_meanwhile_are_written_over(monkeypatch):
    (home,) = traders(homes=1, soc_pct=50)
    SellableEnergy.objects.all().delete()
    write, runs = sellable._stored_write, []

    def raced(held, with_battery, now):
        runs.append(held)
        if len(runs) == 1:
            write({home.household.pk: 1}, with_battery, now)
            SellableEnergy.objects.create(household=home.household, slot_start=NOW_SLOT, refreshed_at=now)
        write(held, with_battery, now)

    monkeypatch.setattr(sellable, "_stored_write", raced)
    sellable.stored_refresh(household_ids=[home.household.pk], now=NOW)

    assert len(runs) == 2
    assert home.stored().expected_wh == 5_000


def test_slots_of_days_ago_are_dropped():
    (home,) = traders(homes=1)
    old = SellableEnergy.objects.create(
        household=home.household, slot_start=NOW - timedelta(days=5), expected_wh=1, refreshed_at=NOW
    )

    sellable_refresh_all(now=NOW + timedelta(minutes=15))

    assert not SellableEnergy.objects.filter(pk=old.pk).exists()


def test_everybodys_turn_comes_within_some_minutes():
    ids = [uuid7() for _number in range(10)]

    turns = [turn_of(ids, now=NOW + timedelta(minutes=minute), at_most=3) for minute in range(10)]

    assert all(len(turn) == 3 for turn in turns)
    assert set().union(*turns) == set(ids)
    assert turn_of(ids, now=NOW, at_most=10) == sorted(ids)


def test_one_that_fails_keeps_nobody_waiting_and_fails_the_run():
    first, second, served = uuid7(), uuid7(), []

    def serve(one):
        served.append(one)
        if one == first:
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        all_served([first, second], serve)
    assert served == [first, second]


def test_a_suspended_households_offers_are_withdrawn():
    seller, buyer = traders()
    stored, window = seller.offers_stored(1_000), seller.offers_window(400)
    buyer.buys(stored, 300)

    household_suspend(household=seller.household, reason="Unpaid", actor=SYSTEM, now=NOW)

    assert set(Offer.objects.values_list("pk", "state")) == {
        (stored.pk, OfferState.WITHDRAWN),
        (window.pk, OfferState.WITHDRAWN),
    }
    assert (seller.stored().offered_wh, seller.stored().sold_wh) == (0, 300)


def test_every_task_of_the_market_runs_on_nothing():
    run = [tasks.sellable_refresh, tasks.offers_close, tasks.windows_settle, tasks.claims_use]

    assert [task() for task in run] == [0, 0, 0, 0]
    # What was not begun within its minute is not begun at all: the next one does the same.
    assert {entry["options"]["expires"] for entry in tasks.BEAT.values() if "options" in entry} == {60}
