"""The pages of households: list, founding, joining, members, settings."""

from datetime import timedelta

import pytest
from django.urls import reverse

from myhouse.documents.outbox import outbox_flush
from myhouse.models import Battery, Household, Invitation, Membership, MeteringPoint, User
from myhouse.tests.factories import (
    NOW,
    PASSWORD,
    BatteryFactory,
    MembershipFactory,
    MeteringPointFactory,
    UserFactory,
    home,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def at_home(client):
    """A signed-in owner with his household."""
    owner, household = home(name="Garden Street 5")
    client.force_login(owner)
    return owner, household


def test_says_what_to_do_without_a_household(client):
    client.force_login(UserFactory())

    page = client.get(reverse("households"))

    assert b"Create a household" in page.content
    assert b"invitation link" in page.content


def test_creates_a_household_and_asks_next_what_it_owns(client):
    client.force_login(UserFactory())

    answer = client.post(reverse("households-new"), {"name": "Hill 1", "time_zone": "Europe/Paris", "currency": "EUR"})

    household = Household.objects.get()
    assert (household.name, household.time_zone) == ("Hill 1", "Europe/Paris")
    assert answer.url == reverse("appliances", args=[household.pk])
    assert client.session["household_id"] == str(household.pk)


def test_keeps_what_was_typed_when_a_household_is_refused(client):
    client.force_login(UserFactory())

    page = client.post(reverse("households-new"), {"name": "Hill 1", "time_zone": "Nowhere", "currency": "EUR"})

    assert b'value="Hill 1"' in page.content
    assert Household.objects.count() == 0


def test_remembers_the_household_that_was_opened_last(client, at_home):
    owner, first = at_home
    _same, second = home(user=owner, name="Alley 2")

    client.get(reverse("members", args=[second.pk]))
    frame = client.get(reverse("account")).context

    assert frame["household"] == second
    assert {one.pk for one in frame["households"]} == {first.pk, second.pk}


def invite(client, household, **fields):
    return client.post(reverse("members-invite", args=[household.pk]), {"role": "viewer", "email": "", **fields})


def path_of(link):
    return "/join/" + link.split("/join/")[1]


def test_shows_the_link_of_an_invitation_this_once(client, at_home):
    _owner, household = at_home

    link = invite(client, household).context["link"]

    assert (
        link.split("/join/")[1].strip("/").encode() not in client.get(reverse("members", args=[household.pk])).content
    )


def test_a_signed_in_guest_joins_by_one_press(client, at_home):
    _owner, household = at_home
    link = path_of(invite(client, household).context["link"])
    guest = UserFactory()
    client.force_login(guest)

    shown = client.get(link)
    joined = client.post(link)

    assert b"Garden Street 5" in shown.content
    assert joined.url == reverse("household", args=[household.pk])
    assert Membership.objects.filter(user=guest, household=household, role="viewer").exists()


def test_looking_at_an_invitation_does_not_use_it(client, at_home):
    _owner, household = at_home
    link = path_of(invite(client, household).context["link"])

    client.logout()
    client.get(link)
    client.post(link)

    assert Invitation.objects.get().used_at is None


def test_leads_a_guest_without_account_through_sign_in_back_to_the_invitation(client, at_home):
    _owner, household = at_home
    link = path_of(invite(client, household).context["link"])
    client.logout()

    page = client.get(link).content.decode()

    assert f"{reverse('sign-in')}?next={link}" in page


def test_a_mailed_invitation_is_not_shown_to_the_owner_and_signs_up_directly(client, at_home, mailoutbox):
    _owner, household = at_home
    answer = invite(client, household, email="new@example.org", role="owner")
    outbox_flush(now=NOW)
    link = path_of(mailoutbox[0].body.split()[mailoutbox[0].body.split().index("join:") + 1])
    client.logout()

    assert answer.status_code == 302
    done = client.post(link + "sign-up/", {"name": "New", "password": PASSWORD})

    user = User.objects.get(email="new@example.org")
    assert done.url == reverse("home")
    assert Membership.objects.filter(user=user, household=household, role="owner").exists()


def mailed_invitation(client, household, mailoutbox):
    invite(client, household, email="new@example.org")
    outbox_flush(now=NOW)
    client.logout()
    words = mailoutbox[-1].body.split()
    return path_of(next(word for word in words if "/join/" in word)) + "sign-up/"


def test_says_at_the_field_that_the_password_of_an_invited_one_is_too_weak(client, at_home, mailoutbox):
    _owner, household = at_home
    link = mailed_invitation(client, household, mailoutbox)

    page = client.post(link, {"name": "New", "password": "1234567890"})

    assert page.status_code == 200
    assert "password" in page.context["form"].errors
    assert Invitation.objects.get().used_at is None


def test_tells_an_invited_one_who_has_an_account_to_sign_in(client, at_home, mailoutbox):
    _owner, household = at_home
    link = mailed_invitation(client, household, mailoutbox)
    UserFactory(email="new@example.org")

    page = client.post(link, {"name": "New", "password": PASSWORD})

    assert page.status_code == 410
    assert b"Sign in" in page.content
    assert Invitation.objects.get().used_at is None


def test_says_why_a_used_invitation_does_nothing(client, at_home):
    _owner, household = at_home
    link = path_of(invite(client, household).context["link"])
    client.force_login(UserFactory())
    client.post(link)

    client.force_login(UserFactory())
    page = client.get(link)

    assert page.status_code == 410
    assert b"used already" in page.content


def test_revokes_an_invitation(client, at_home):
    _owner, household = at_home
    invite(client, household)
    invitation = Invitation.objects.get()

    client.post(reverse("members-revoke", args=[household.pk, invitation.pk]))

    invitation.refresh_from_db()
    assert invitation.revoked_at == NOW


def test_changes_a_role(client, at_home):
    _owner, household = at_home
    member = MembershipFactory(household=household, role="viewer")

    client.post(reverse("members-role", args=[household.pk, member.pk]), {"role": "owner"})

    member.refresh_from_db()
    assert member.role == "owner"


def test_tells_the_last_owner_to_appoint_another_before_he_leaves(client, at_home):
    owner, household = at_home
    own = Membership.objects.get(user=owner)

    page = client.post(reverse("members-remove", args=[household.pk, own.pk]), follow=True)

    own.refresh_from_db()
    assert b"A household needs an owner" in page.content
    assert own.ends_at.year == 9999


def test_a_viewer_may_leave_but_remove_nobody(client, at_home):
    owner, household = at_home
    viewer = MembershipFactory(household=household, role="viewer")
    client.force_login(viewer.user)

    removing = client.post(reverse("members-remove", args=[household.pk, Membership.objects.get(user=owner).pk]))
    leaving = client.post(reverse("members-remove", args=[household.pk, viewer.pk]))

    assert removing.status_code == 403
    assert leaving.url == reverse("households")
    assert client.get(reverse("members", args=[household.pk])).status_code == 404


def test_shows_addresses_of_members_to_owners_only(client, at_home):
    owner, household = at_home
    viewer = MembershipFactory(household=household, role="viewer")
    client.force_login(viewer.user)

    page = client.get(reverse("members", args=[household.pk]))

    assert owner.email.encode() not in page.content
    assert owner.name.encode() in page.content


def test_a_supplier_does_not_see_the_members(client, at_home):
    _owner, household = at_home
    client.force_login(MembershipFactory(household=household, role="supplier").user)

    assert client.get(reverse("members", args=[household.pk])).status_code == 403


def test_the_members_page_asks_as_many_queries_for_twenty_members_as_for_two(
    client, at_home, django_assert_max_num_queries
):
    _owner, household = at_home
    MembershipFactory.create_batch(20, household=household, role="viewer")
    client.get(reverse("members", args=[household.pk]))

    with django_assert_max_num_queries(13):
        client.get(reverse("members", args=[household.pk]))


def test_changes_the_settings(client, at_home):
    _owner, household = at_home
    values = {"name": "New name", "time_zone": "Europe/Berlin", "currency": "EUR", "connection_limit_w": 30_000}

    client.post(reverse("settings", args=[household.pk]), values)

    household.refresh_from_db()
    assert (household.name, household.connection_limit_w) == ("New name", 30_000)


def test_a_viewer_sees_the_settings_but_changes_nothing(client, at_home):
    _owner, household = at_home
    client.force_login(MembershipFactory(household=household, role="viewer").user)
    url = reverse("settings", args=[household.pk])

    assert client.get(url).status_code == 200
    assert client.post(url, {"name": "Mine"}).status_code == 403


def test_adds_a_battery_with_its_metering_point(client, at_home):
    _owner, household = at_home
    values = {
        "role": "battery",
        "name": "Cellar",
        "capacity_wh": 9_600,
        "max_charge_w": 4_000,
        "max_discharge_w": 4_600,
    }

    client.post(reverse("settings-point-new", args=[household.pk]), values)

    assert Battery.objects.get().metering_point.name == "Cellar"


def test_says_what_a_battery_lacks(client, at_home):
    _owner, household = at_home

    page = client.post(reverse("settings-point-new", args=[household.pk]), {"role": "battery", "name": "Cellar"})

    assert b"what the battery can hold" in page.content
    assert MeteringPoint.objects.count() == 0


def test_changes_a_battery_and_says_what_is_wrong(client, at_home):
    _owner, household = at_home
    battery = BatteryFactory(metering_point__household=household)
    url = reverse("settings-battery", args=[household.pk, battery.metering_point_id])

    wrong = client.post(url, {"capacity_wh": 0, "max_charge_w": 1, "max_discharge_w": 1})
    client.post(url, {"capacity_wh": 5_000, "max_charge_w": 1, "max_discharge_w": 1})

    battery.refresh_from_db()
    assert b"greater than or equal to 1" in wrong.content
    assert battery.capacity_wh == 5_000


def test_a_point_without_battery_has_none_to_change(client, at_home):
    _owner, household = at_home
    point = MeteringPointFactory(household=household)

    answer = client.post(reverse("settings-battery", args=[household.pk, point.pk]), {})

    assert answer.status_code == 404


def test_renames_and_removes_a_metering_point(client, at_home):
    _owner, household = at_home
    point = MeteringPointFactory(household=household)

    client.post(reverse("settings-point", args=[household.pk, point.pk]), {"name": "Cellar"})
    renamed = MeteringPoint.objects.get().name
    client.post(reverse("settings-point-remove", args=[household.pk, point.pk]))

    assert renamed == "Cellar"
    assert MeteringPoint.objects.count() == 0


def test_bounds_the_invitations_a_member_sends_in_an_hour(client, at_home):
    _owner, household = at_home

    answers = {invite(client, household).status_code for _ in range(31)}

    assert answers == {200, 429}


def test_closes_when_the_membership_ends(client, at_home, time_machine):
    owner, household = at_home
    Membership.objects.filter(user=owner).update(ends_at=NOW + timedelta(minutes=1))
    url = reverse("members", args=[household.pk])

    before = client.get(url).status_code
    time_machine.move_to(NOW + timedelta(minutes=1))

    assert (before, client.get(url).status_code) == (200, 404)
