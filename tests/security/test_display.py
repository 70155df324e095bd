"""The display link: shows one household to whoever holds it, ends at once, and opens nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.test import Client
from django.urls import reverse

from myhouse.consumers import NOT_YOURS, SUMS_ONLY, DisplayConsumer
from myhouse.documents.models import AuditEntry
from myhouse.documents.services import SYSTEM
from myhouse.models import DisplayLink, Household, Membership, User
from myhouse.models.metering import PointRole, Quantity
from myhouse.routing import websocket_urlpatterns
from myhouse.services.displays import DISPLAYS_AT_MOST, UnableToCreateDisplay, display_create, display_revoke
from myhouse.services.metering import measurement_start, metering_point_create
from myhouse.tests.factories import NOW, HouseholdFactory, MembershipFactory, actor_of, home
from myhouse.tests.test_live import OpenPage
from telemetry.model import Kind


def given(household, user, now=NOW):
    """A link and its path."""
    link, secret = display_create(household=household, name="Hall", owner=user, actor=actor_of(user), now=now)
    return link, reverse("display", args=(secret,))


@pytest.fixture
def shown(db, time_machine):
    time_machine.move_to(NOW, tick=False)
    user, household = home(name="Linden Lane 7")
    link, path = given(household, user)
    return user, household, link, path


def test_shows_the_household_without_an_account_and_without_a_way_to_other_pages(client, shown):
    _user, _household, _link, path = shown

    answer = client.get(path)
    page = answer.content.decode()

    assert answer.status_code == 200
    assert "Linden Lane 7" in page
    assert "<a " not in page
    assert "<form" not in page
    assert 'http-equiv="refresh"' in page
    assert client.cookies == {}


def test_is_kept_by_nobody_on_the_way(client, shown):
    headers = client.get(shown[3]).headers

    assert headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in headers["Cache-Control"]
    assert "noindex" in headers["X-Robots-Tag"]


def test_its_secret_is_kept_as_a_digest_only(shown):
    _user, _household, link, path = shown
    rows = str([*DisplayLink.objects.values(), *AuditEntry.objects.values()])

    assert path.split("/")[2] not in rows
    assert len(link.digest) == 64
    assert [entry.action for entry in AuditEntry.objects.all()] == ["display.create"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_takes_nothing(shown, method):
    assert getattr(Client(), method)(shown[3]).status_code == 405


def test_is_gone_once_revoked_and_says_what_to_do(client, shown):
    user, household, link, path = shown
    display_revoke(household=household, display_id=link.pk, actor=actor_of(user), now=NOW)

    answer = client.get(path)

    assert answer.status_code == 404
    assert b"An owner of the home can make a new one" in answer.content
    assert b"Linden" not in answer.content
    assert b"<a " not in answer.content


def test_goes_with_the_owner_who_made_it(client, shown):
    user, household, _link, path = shown
    MembershipFactory(household=household)
    Membership.objects.filter(user=user).update(ends_at=NOW - timedelta(seconds=1))

    assert client.get(path).status_code == 404


def test_goes_with_the_role_and_with_the_account(client, shown):
    user, _household, _link, path = shown
    Membership.objects.filter(user=user).update(role="viewer")
    as_viewer = client.get(path).status_code
    Membership.objects.filter(user=user).update(role="owner")
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert (as_viewer, client.get(path).status_code) == (404, 404)


def test_rests_while_the_household_is_suspended_and_ends_when_it_is_erased(client, shown):
    _user, household, _link, path = shown
    Household.objects.filter(pk=household.pk).update(suspended_at=NOW)
    resting = client.get(path)
    Household.objects.filter(pk=household.pk).update(suspended_at=None, erased_at=NOW)

    assert (resting.status_code, client.get(path).status_code) == (403, 404)
    assert b"comes back by itself" in resting.content
    assert b"Linden" not in resting.content


def test_notes_its_last_use_but_not_every_one(client, shown, time_machine):
    link, path = shown[2], shown[3]
    client.get(path)
    time_machine.move_to(NOW + timedelta(minutes=1), tick=False)
    client.get(path)
    early = DisplayLink.objects.get(pk=link.pk).last_used_at
    time_machine.move_to(NOW + timedelta(minutes=6), tick=False)
    client.get(path)

    assert early == NOW
    assert DisplayLink.objects.get(pk=link.pk).last_used_at == NOW + timedelta(minutes=6)


def test_the_secret_opens_no_other_page_and_no_api(shown):
    _user, household, _link, path = shown
    secret = path.split("/")[2]
    client = Client()
    client.get(path)

    assert client.get(f"/households/{household.pk}/").status_code == 302
    as_token = client.get(f"/api/v1/households/{household.pk}", headers={"Authorization": f"Bearer {secret}"})
    assert as_token.status_code == 401


def test_guessing_secrets_is_bounded_but_showing_is_not(client, shown):
    path = shown[3]
    guesses = [client.get("/display/nothing-of-the-kind/").status_code for _number in range(61)]

    assert guesses == [404] * 60 + [429]
    assert client.get(path).status_code == 200


def test_an_owner_makes_one_sees_it_once_and_revokes_it(client, shown):
    user, household, _link, _path = shown
    client.force_login(user)
    settings = reverse("settings", args=(household.pk,))

    made = client.post(reverse("settings-display-new", args=(household.pk,)), {"name": "Kitchen"})
    secret = made.context["display_url"].split("/")[-2]
    again = client.get(settings)
    link = DisplayLink.objects.get(name="Kitchen")
    ended = client.post(reverse("settings-display-revoke", args=(household.pk, link.pk)))

    assert secret in made.content.decode()
    assert b"<svg" in made.content
    assert "no-store" in made.headers["Cache-Control"]
    assert b"Kitchen" in again.content
    assert secret not in again.content.decode()
    assert ended.status_code == 302
    assert Client().get(f"/display/{secret}/").status_code == 404


def test_a_viewer_neither_sees_nor_makes_nor_ends_one(client, shown):
    _user, household, link, _path = shown
    viewer = MembershipFactory(household=household, role="viewer").user
    client.force_login(viewer)

    page = client.get(reverse("settings", args=(household.pk,)))
    made = client.post(reverse("settings-display-new", args=(household.pk,)), {"name": "Mine"})
    ended = client.post(reverse("settings-display-revoke", args=(household.pk, link.pk)))

    assert b"Wall displays" not in page.content
    assert (made.status_code, ended.status_code) == (403, 403)
    assert DisplayLink.objects.filter(revoked_at__gt=NOW).count() == 1


def test_a_link_of_another_household_is_not_ended(shown):
    user, household = home()

    from myhouse.errors import NotFound

    with pytest.raises(NotFound):
        display_revoke(household=household, display_id=shown[2].pk, actor=actor_of(user), now=NOW)


def test_refuses_one_without_a_name_and_one_too_many(shown):
    user, household, _link, _path = shown
    with pytest.raises(UnableToCreateDisplay):
        display_create(household=household, name=" ", owner=user, actor=actor_of(user), now=NOW)
    for _number in range(DISPLAYS_AT_MOST - 1):
        given(household, user)

    with pytest.raises(UnableToCreateDisplay):
        given(household, user)


@sync_to_async
def live_home():
    """A household with a gauge at its grid connection and a display link, as of the real clock."""
    now = datetime.now(UTC)
    membership = MembershipFactory(starts_at=now - timedelta(days=9), household=HouseholdFactory())
    point = metering_point_create(
        household=membership.household, role=PointRole.GRID, name="Grid", actor=SYSTEM, now=now
    )
    measurement_start(
        metering_point=point, quantity=Quantity.POWER, starts_at=now - timedelta(days=9), kind=Kind.GAUGE
    )
    link, path = given(membership.household, membership.user, now)
    return membership, link, path.split("/")[2]


def page_of(secret):
    scope = {"type": "websocket", "path": f"/live/display/{secret}/", "headers": []}
    return OpenPage(URLRouter(websocket_urlpatterns), scope)


@pytest.mark.django_db(transaction=True)
async def test_an_open_display_gets_states_until_the_link_is_revoked(monkeypatch):
    monkeypatch.setattr(DisplayConsumer, "recheck_s", 0.05)
    membership, link, secret = await live_home()
    page = page_of(secret)
    await page.connect()
    first = await page.frame()

    await sync_to_async(display_revoke)(
        household=membership.household,
        display_id=link.pk,
        actor=actor_of(membership.user),
        now=datetime.now(UTC),
    )

    assert first["kind"] == "state"
    assert await page.closing_code() == NOT_YOURS


@pytest.mark.django_db(transaction=True)
async def test_an_open_display_closes_when_the_household_is_suspended(monkeypatch):
    monkeypatch.setattr(DisplayConsumer, "recheck_s", 0.05)
    membership, _link, secret = await live_home()
    page = page_of(secret)
    await page.connect()

    await sync_to_async(Household.objects.filter(pk=membership.household_id).update)(suspended_at=datetime.now(UTC))

    assert await page.closing_code() == SUMS_ONLY


@pytest.mark.django_db(transaction=True)
async def test_a_wrong_secret_gets_no_states():
    page = page_of("nothing-of-the-kind")
    await page.connect()

    assert await page.closing_code() == NOT_YOURS


def test_an_open_display_is_asked_again_within_half_a_minute():
    assert DisplayConsumer.recheck_s is not None
    assert DisplayConsumer.recheck_s <= 30
