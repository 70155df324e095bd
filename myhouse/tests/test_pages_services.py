"""The page of the services that an owner lets into his household."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from myhouse.models import AccessToken
from myhouse.services.tokens import service_token_issue
from myhouse.tests.factories import NOW, MembershipFactory, actor_of, home

pytestmark = pytest.mark.django_db
FORM = {"name": "Heat pump", "scopes": ["readings:read", "devices:read"], "last_day": "2027-01-31"}


@pytest.fixture(autouse=True)
def _at_now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def at_home(client):
    """A signed-in owner with his household."""
    owner, household = home(name="Garden Street 5")
    client.force_login(owner)
    return owner, household


def test_lets_a_service_in_until_the_end_of_a_local_day_and_shows_its_token_once(client, at_home):
    _owner, household = at_home
    address = reverse("services", args=[household.pk])

    shown = client.post(address, FORM).content.decode()
    again = client.get(address).content.decode()

    token = AccessToken.objects.get()
    secret = re.search(r"<code>(mhs_[^<]+)</code>", shown).group(1)
    assert (token.household_id, token.scopes) == (household.pk, FORM["scopes"])
    assert token.expires_at == datetime(2027, 1, 31, 22, 59, 59, 999000, tzinfo=UTC)
    assert secret not in again
    assert "Heat pump" in again
    assert "31 Jan 2027" in again


@pytest.mark.parametrize(
    "changed", [{"name": ""}, {"scopes": []}, {"last_day": "2026-06-14"}, {"last_day": "9999-12-31"}]
)
def test_says_at_the_field_what_is_wrong_and_keeps_the_rest(client, at_home, changed):
    _owner, household = at_home

    page = client.post(reverse("services", args=[household.pk]), FORM | changed)

    assert list(page.context["form"].errors) == list(changed)
    assert not AccessToken.objects.exists()


def test_ends_a_service_that_another_owner_let_in(client, at_home):
    _owner, household = at_home
    other = MembershipFactory(household=household).user
    token, _secret = service_token_issue(
        user=other,
        household=household,
        name="Adviser",
        scopes=["readings:read"],
        expires_at=NOW + timedelta(days=3),
        actor=actor_of(other),
        now=NOW,
    )

    answer = client.post(reverse("services-revoke", args=[household.pk, token.pk]), follow=True)

    assert not AccessToken.objects.exists()
    assert b"can enter no more" in answer.content


def test_a_viewer_neither_sees_nor_makes_service_tokens(client):
    viewer, household = home(role="viewer")
    client.force_login(viewer)

    assert client.get(reverse("services", args=[household.pk])).status_code == 403
    assert client.post(reverse("services", args=[household.pk]), FORM).status_code == 403
    assert b"Services" not in client.get(reverse("settings", args=[household.pk])).content
