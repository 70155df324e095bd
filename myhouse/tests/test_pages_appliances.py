"""The page of appliances, with and without JavaScript."""

import pytest
from django.urls import reverse

from myhouse.models import Appliance
from myhouse.tests.factories import ApplianceFactory, MembershipFactory, MeteringPointFactory, home

pytestmark = pytest.mark.django_db
COUNTS = {"stove": 1, "light": 10, "household": 3, "entertainment": 2, "solar_panel": 8, "windmill": 0}


@pytest.fixture
def at_home(client):
    owner, household = home()
    client.force_login(owner)
    return household


def url(household):
    return reverse("appliances", args=[household.pk])


def test_offers_the_six_kinds_as_steppers(client, at_home):
    page = client.get(url(at_home)).content.decode()

    assert page.count('class="stepper"') == 6
    assert 'name="windmill"' in page


def test_saves_the_counts_without_javascript(client, at_home):
    answer = client.post(url(at_home), COUNTS)
    page = client.get(answer.url).content.decode()

    assert Appliance.objects.get(kind="solar_panel").count == 8
    assert 'data-wh="8328"' in page


def test_answers_htmx_with_the_new_expected_values_only(client, at_home):
    answer = client.post(url(at_home), COUNTS, headers={"HX-Request": "true"})
    text = answer.content.decode()

    assert text.lstrip().startswith('<section class="card expected" id="expected"')
    assert 'id="by-kind"' in text
    assert "<html" not in text
    assert 'data-expected="production" data-wh="8328"' in text


def test_says_at_the_field_what_is_wrong_and_keeps_what_was_typed(client, at_home):
    page = client.post(url(at_home), {**COUNTS, "light": "-3"}).content.decode()

    assert 'value="-3"' in page
    assert "greater than or equal to 0" in page
    assert Appliance.objects.count() == 0


def test_tells_htmx_what_is_wrong(client, at_home):
    answer = client.post(url(at_home), {**COUNTS, "light": "-3"}, headers={"HX-Request": "true"})

    assert b'role="alert"' in answer.content


def test_adds_changes_and_removes_an_own_appliance(client, at_home):
    values = {"name": "Sauna", "count": 1, "rated_power_w": 6000, "daily_use_minutes": 30, "metering_point": ""}
    client.post(reverse("appliances-own-new", args=[at_home.pk]), values)
    sauna = Appliance.objects.get()

    client.post(reverse("appliances-own", args=[at_home.pk, sauna.pk]), {**values, "daily_use_minutes": 60})
    sauna.refresh_from_db()
    client.post(reverse("appliances-own-remove", args=[at_home.pk, sauna.pk]))

    assert sauna.daily_use_minutes == 60
    assert Appliance.objects.count() == 0


def test_refuses_a_meter_that_is_not_in_the_list(client, at_home):
    values = {"name": "Sauna", "count": 1, "rated_power_w": 6000, "daily_use_minutes": 30}
    strangers = MeteringPointFactory(role="consumer")

    page = client.post(
        reverse("appliances-own-new", args=[at_home.pk]), {**values, "metering_point": str(strangers.pk)}
    )

    assert "metering_point" in page.context["own_form"].errors
    assert Appliance.objects.count() == 0


def test_sets_the_meter_of_a_whole_kind(client, at_home):
    roof = MeteringPointFactory(household=at_home, role="production")

    client.post(
        reverse("appliances-meter", args=[at_home.pk]), {"kind": "solar_panel", "metering_point": str(roof.pk)}
    )

    assert Appliance.objects.get(kind="solar_panel").metering_point == roof
    assert str(roof.pk) in client.get(url(at_home)).content.decode()


def test_a_viewer_sees_the_values_but_no_form(client, at_home):
    ApplianceFactory(household=at_home, kind="stove", count=2)
    client.force_login(MembershipFactory(household=at_home, role="viewer").user)

    page = client.get(url(at_home))

    assert b'data-wh="1642"' in page.content
    assert b'class="stepper"' not in page.content
    assert client.post(url(at_home), COUNTS).status_code == 403


def test_asks_few_queries_however_many_appliances_there_are(client, at_home, django_assert_max_num_queries):
    for number in range(20):
        ApplianceFactory(household=at_home, kind="own", name=f"Own {number}", rated_power_w=10)
    client.get(url(at_home))

    with django_assert_max_num_queries(12):
        client.get(url(at_home))


def test_the_household_page_shows_the_new_expected_values_too(client, at_home):
    client.post(url(at_home), COUNTS)

    page = client.get(reverse("household", args=[at_home.pk])).content.decode()

    assert "8.33\u202fkWh" in page
