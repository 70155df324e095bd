"""Rules that read and then write hold on MongoDB also when several would break them at the same moment."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from devices.models import DeviceChannel, DeviceKey, SwapQuestion
from devices.services.channels import Binding, channel_bind
from devices.services.keys import device_key_issue, device_key_revoke, device_key_rotate
from devices.services.swaps import swap_question_open
from devices.tests.factories import http_meter
from marketplace.models import Account, CashOrder, Offer
from marketplace.services import cash, offers
from marketplace.services.ledger import accounts_of_household
from marketplace.tests.factories import EURO, traders
from myhouse.documents.atomic import atomic, guard
from myhouse.documents.base import FOREVER
from myhouse.documents.services import SYSTEM
from myhouse.errors import Busy, UnableTo
from myhouse.models import (
    AccessToken,
    Appliance,
    Community,
    CommunityMembership,
    CommunityRole,
    DisplayLink,
    Invitation,
    Measurement,
    Membership,
    MeteringPoint,
    PrivacyJob,
    SupplierContract,
)
from myhouse.models.metering import PointRole
from myhouse.privacy.services import export_request
from myhouse.scopes import Scope
from myhouse.services import appliances, displays, households, metering, tokens
from myhouse.services.communities import (
    community_create,
    community_manager_add,
    community_manager_remove,
    household_join_community,
)
from myhouse.services.tariffs import contract_create
from myhouse.tests.factories import NOW, CommunityFactory, MembershipFactory, UserFactory, actor_of, home

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
AT_ONCE = 6
TRIES = 5
LATER = NOW + timedelta(days=10)


@pytest.fixture
def house():
    return home()


@pytest.fixture(autouse=True)
def _at_now(time_machine):
    time_machine.move_to(NOW)


def patiently(job: Any) -> None:
    """Try again while too much is being changed at once, as a client does after `Retry-After`."""
    for _again in range(TRIES - 1):
        try:
            return job()
        except Busy as busy:
            time.sleep(busy.retry_after_s)
    return job()


def together(*jobs) -> Counter:
    """Run jobs in threads that begin at the same moment; count how they ended."""
    ends: list[str] = []
    gate = threading.Barrier(len(jobs))

    def run(job: Any) -> None:
        connection.ensure_connection()
        gate.wait()
        try:
            patiently(job)
        except UnableTo as refusal:
            ends.append(type(refusal).__name__)
        except Exception as error:  # noqa: BLE001 - the test shall see whatever it was
            ends.append(f"{type(error).__name__}: {error}")
        else:
            ends.append("done")

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(ends)


def one_wins(job, refusal: str, kept) -> None:
    assert together(*([job] * AT_ONCE)) == {"done": 1, refusal: AT_ONCE - 1}
    assert kept.count() == 1


def test_a_guard_outside_of_a_block_is_a_fault():
    with pytest.raises(transaction.TransactionManagementError):
        guard("anything")


@pytest.mark.parametrize(("guarded", "counted"), [(False, [0, 0]), (True, [0, 1])])
def test_two_blocks_that_only_insert_both_find_nothing_unless_guarded(house, guarded, counted):
    met = threading.Barrier(2)
    first = set()

    @atomic
    def block() -> None:
        if guarded:
            guard("appliances", house[1].pk)
        known = Appliance.objects.filter(household=house[1]).count()
        if threading.get_ident() not in first and not guarded:
            first.add(threading.get_ident())
            met.wait(timeout=10)
        Appliance.objects.create(household=house[1], kind="own", name=f"{threading.get_ident()}", count=known)

    assert together(block, block) == {"done": 2}
    assert sorted(Appliance.objects.values_list("count", flat=True)) == counted


def test_contracts_do_not_overlap(house):
    user, household = house
    terms = {"price": {"kind": "flat", "uct_per_wh": 30_000}, "vat_per_mille": 0}

    def make() -> None:
        contract_create(
            household=household, direction="import", supplier_name="A", name="B", starts_on=date(2026, 1, 1),
            ends_on=None, terms=terms, actor=actor_of(user), now=NOW,
        )  # fmt: skip

    one_wins(make, "ContractsOverlapError", SupplierContract.objects.filter(household=household))


def test_a_quantity_is_measured_by_one_series_at_a_time(house):
    point = metering.metering_point_create(household=house[1], role=PointRole.GRID, name="G", actor=SYSTEM, now=NOW)
    days = itertools.count(1)

    def start() -> None:
        ends_at = NOW + timedelta(days=next(days))
        metering.measurement_start(metering_point=point, quantity="power", starts_at=NOW, ends_at=ends_at)

    one_wins(start, "UnableToMeasure", Measurement.objects.filter(metering_point=point))


def test_a_household_has_one_grid_connection(house):
    def add() -> None:
        metering.metering_point_create(household=house[1], role=PointRole.GRID, name="G", actor=SYSTEM, now=NOW)

    one_wins(add, "UnableToSaveMeteringPoint", MeteringPoint.objects.filter(household=house[1]))


def test_a_point_is_removed_or_measured_at_never_both(house):
    point = metering.metering_point_create(household=house[1], role=PointRole.GRID, name="G", actor=SYSTEM, now=NOW)

    again = MeteringPoint.objects.get(pk=point.pk)

    ends = together(
        lambda: metering.measurement_start(metering_point=point, quantity="power", starts_at=NOW),
        lambda: metering.metering_point_remove(point=again, actor=SYSTEM, now=NOW),
    )

    assert ends["done"] >= 1
    assert Measurement.objects.count() <= MeteringPoint.objects.filter(pk=point.pk).count()


def test_a_household_joins_one_community_at_a_time(house):
    joined = itertools.count(1)
    communities = [CommunityFactory(currency="EUR") for _one in range(AT_ONCE)]

    def join() -> None:
        household_join_community(
            household=house[1], community=communities[next(joined) - 1], starts_at=NOW, actor=SYSTEM, now=NOW
        )

    one_wins(join, "UnableToJoinCommunity", CommunityMembership.objects.filter(household=house[1]))


def test_of_the_last_two_managers_or_owners_one_stays(house):
    user, household = house
    managers = [UserFactory(), UserFactory()]
    community = CommunityFactory()
    for one in managers:
        community_manager_add(community=community, user=one, actor=SYSTEM, now=NOW)
    second = MembershipFactory(household=household, role="owner")
    first = Membership.objects.get(user=user, household=household)

    dismissed = together(
        *(
            lambda one=one: community_manager_remove(community=community, user=one, actor=SYSTEM, now=NOW)
            for one in managers
        )
    )
    left = together(
        *(
            lambda one=one: households.member_remove(
                household=household, membership_id=one.pk, actor=actor_of(user), now=NOW
            )
            for one in (first, second)
        )
    )

    assert dismissed == {"done": 1, "UnableToChangeCommunity": 1}
    assert CommunityRole.objects.filter(community=community).count() == 1
    assert left == {"done": 1, "UnableToChangeMember": 1}
    assert Membership.objects.filter(household=household, ends_at=FOREVER).count() == 1


def test_a_name_is_taken_once():
    def found() -> None:
        community_create(
            name="Elm", currency="EUR", time_zone="Europe/Berlin", country="DE", manager=None, actor=SYSTEM, now=NOW
        )

    one_wins(found, "UnableToChangeCommunity", Community.objects.filter(name="Elm"))


def test_there_are_never_more_than_are_allowed(house, monkeypatch):
    """Each bound set to one: of several who make the first at once, one does."""
    user, household = house
    actor = actor_of(user)
    for module, name in [
        (households, "_INVITATIONS_AT_MOST"), (tokens, "_TOKENS_AT_MOST"), (displays, "DISPLAYS_AT_MOST"),
        (appliances, "_OWN_AT_MOST"),
    ]:  # fmt: skip
        monkeypatch.setattr(module, name, 1)
    names = (f"a{number}" for number in itertools.count())
    until = NOW + timedelta(days=9)
    own = {"household": household, "actor": actor, "now": NOW}
    rights = [next(iter(Scope)).value]

    one_wins(
        lambda: households.invitation_create(role="viewer", email="", **own),
        "UnableToInvite", Invitation.objects.filter(household=household),
    )  # fmt: skip
    one_wins(
        lambda: tokens.token_issue(user=user, name="x", now=NOW),
        "UnableToIssueToken", AccessToken.objects.filter(kind="user"),
    )  # fmt: skip
    one_wins(
        lambda: tokens.service_token_issue(user=user, name="x", scopes=rights, expires_at=until, **own),
        "UnableToIssueToken", AccessToken.objects.filter(kind="service"),
    )  # fmt: skip
    one_wins(
        lambda: displays.display_create(name="x", owner=user, **own),
        "UnableToCreateDisplay", DisplayLink.objects.filter(household=household),
    )  # fmt: skip
    one_wins(
        lambda: appliances.own_appliance_add(name=next(names), rated_power_w=1, daily_use_minutes=1, **own),
        "UnableToSaveAppliance", Appliance.objects.filter(household=household),
    )  # fmt: skip
    one_wins(
        lambda: export_request(user=user, actor=actor, now=NOW), "UnableToAsk", PrivacyJob.objects.filter(user=user)
    )


def test_a_household_has_never_more_offers_or_orders_than_are_allowed(monkeypatch):
    seller, *_others = traders(homes=1)
    monkeypatch.setattr(offers, "OPEN_AT_MOST", 1)
    monkeypatch.setattr(cash, "OPEN_AT_MOST", 1)
    asked = CashOrder.objects.filter(household=seller.household, state="requested")

    one_wins(lambda: seller.offers_stored(100, 1), "UnableToOfferNow", Offer.objects.all())
    one_wins(
        lambda: cash.deposit_request(household=seller.household, amount_uct=EURO, actor=seller.actor, now=NOW),
        "UnableToOrder", asked,
    )  # fmt: skip


def test_a_device_holds_one_key_a_slot_one_question_a_channel_and_a_series_one_channel():
    meter = http_meter(now=NOW)
    device_key_revoke(key=DeviceKey.objects.get(device=meter.device), actor=SYSTEM, now=NOW)
    live = DeviceKey.objects.filter(device=meter.device, revoked_at=FOREVER)
    channel = DeviceChannel.objects.filter(device=meter.device).first()
    names = (f"c{number}" for number in itertools.count())

    one_wins(
        lambda: device_key_issue(device=meter.device, slot="primary", actor=SYSTEM, now=NOW), "UnableToChangeKey", live
    )
    assert together(*[lambda: device_key_rotate(device=meter.device, actor=SYSTEM, now=NOW)] * 4) == {"done": 4}
    assert sorted(live.values_list("slot", flat=True)) == ["primary", "secondary"]
    together(*[lambda: swap_question_open(channel=channel, before=(NOW, 2.0), after=(NOW, 1.0), now=NOW)] * AT_ONCE)
    assert SwapQuestion.objects.filter(channel=channel).count() == 1
    one_wins(
        lambda: channel_bind(
            device=meter.device,
            binding=Binding(name=next(names), metering_point=meter.point, quantity="export_energy"),
            actor=SYSTEM,
            now=NOW,
        ),
        "UnableToBindChannel",
        DeviceChannel.objects.filter(name__in=[f"c{number}" for number in range(AT_ONCE)]),
    )


def test_accounts_opened_by_many_at_once_are_opened_once():
    seller, *_others = traders(homes=1, money_uct=0)
    Account.objects.filter(owner_kind="household").delete()
    seen = set()

    @atomic
    def opened() -> None:
        pair = accounts_of_household(household=seller.household, community=seller.community, now=NOW)
        seen.add((pair.money.pk, pair.energy.pk))

    assert together(*([opened] * AT_ONCE)) == {"done": AT_ONCE}
    assert Account.objects.filter(owner_kind="household").count() == 2
    (kept,) = {
        (row.money.pk, row.energy.pk)
        for row in [accounts_of_household(household=seller.household, community=seller.community, now=LATER)]
    }
    assert kept in seen
