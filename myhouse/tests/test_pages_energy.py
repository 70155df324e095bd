"""The landing page, the household's page and its drill-down, as a browser without JavaScript gets them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from django.test import override_settings
from django.urls import reverse

from myhouse.models.households import Role
from myhouse.models.metering import PointRole, Quantity
from myhouse.panels import Panel
from myhouse.selectors.showcase import LEAST_HOMES, showcase_now
from myhouse.services.metering import measurement_start
from myhouse.statistics.tests.measured import contract_of, measured, point_of
from myhouse.tests.factories import CommunityFactory, CommunityMembershipFactory, HouseholdFactory, UserFactory, home
from telemetry.live import live_put
from telemetry.model import Kind, Quality, Reading

pytestmark = pytest.mark.django_db
QUARTERS = 96


def used_home(role: str = Role.OWNER):
    """A home with a day of measured import and export, yesterday and today, under a contract."""
    user, household = home(role=role, time_zone="Europe/Berlin")
    grid, roof = point_of(household), point_of(household, PointRole.PRODUCTION, "Roof")
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
    count = 3 * QUARTERS
    measured(grid, Quantity.IMPORT, start.isoformat(), np.full(count, 100.0))
    measured(grid, Quantity.EXPORT, start.isoformat(), np.full(count, 20.0))
    measured(roof, Quantity.PRODUCTION, start.isoformat(), np.full(count, 50.0))
    contract_of(household)
    return user, household


@pytest.fixture
def owner(client):
    user, household = used_home()
    client.force_login(user)
    return user, household


def yesterday() -> date:
    return (datetime.now(UTC) - timedelta(days=2)).date()


def span_url(household, unit: str, day: date | str) -> str:
    return reverse("energy-span", args=(household.pk, unit, day if isinstance(day, str) else day.isoformat()))


def live_homes(count: int, *, age: timedelta = timedelta(seconds=5)):
    """Homes of one community whose grid connections told their power that long ago."""
    community, now = CommunityFactory(), datetime.now(UTC)
    for _ in range(count):
        household = HouseholdFactory()
        CommunityMembershipFactory(household=household, community=community)
        measurement = measurement_start(
            metering_point=point_of(household),
            quantity=Quantity.POWER,
            starts_at=now - timedelta(days=1),
            kind=Kind.GAUGE,
        )
        at = int((now - age).timestamp() * 1000)
        live_put({measurement.series_id: Reading(at, 400.0, Quality.MEASURED)})
    return now


def test_the_landing_page_explains_itself_and_calls_to_sign_up(client):
    text = client.get("/").content.decode()
    assert reverse("sign-up") in text
    assert "Right now" not in text


def test_the_landing_page_shows_the_live_sum_of_several_homes(client):
    live_homes(LEAST_HOMES)
    assert "3 homes here make 0\u202fW and use 1.20\u202fkW" in client.get("/").content.decode()


def test_a_sum_that_would_tell_of_single_homes_is_not_shown():
    assert showcase_now(now=live_homes(LEAST_HOMES - 1)) is None


def test_old_values_are_not_shown_as_live():
    assert showcase_now(now=live_homes(LEAST_HOMES, age=timedelta(minutes=3))) is None


def test_a_member_is_led_from_the_landing_page_to_his_home(client, owner):
    _user, household = owner
    assert client.get("/").headers["Location"] == reverse("home")
    assert client.get(reverse("home")).headers["Location"] == reverse("household", args=(household.pk,))


@pytest.mark.parametrize(("is_staff", "page"), [(True, "operator"), (False, "households")])
def test_who_has_no_home_is_led_to_his_work_or_to_create_one(client, is_staff, page):
    client.force_login(UserFactory(is_staff=is_staff))
    assert client.get(reverse("home")).headers["Location"] == reverse(page)


def test_a_visitor_is_asked_to_sign_in(client):
    answer = client.get(reverse("household", args=(HouseholdFactory().pk,)))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("sign-in"))


@pytest.mark.parametrize("name", ["household", "energy"])
def test_a_strangers_home_answers_as_if_it_did_not_exist(client, owner, name):
    assert client.get(reverse(name, args=(HouseholdFactory().pk,))).status_code == 404


def test_an_empty_home_says_what_to_do_first(client):
    user, household = home()
    client.force_login(user)
    text = client.get(reverse("household", args=(household.pk,))).content.decode()
    assert "now it needs readings" in text
    assert reverse("appliances", args=(household.pk,)) in text


def test_the_households_page_needs_few_queries(client, owner, django_assert_max_num_queries):
    _user, household = owner
    url = reverse("household", args=(household.pk,))
    client.get(url)
    # Two of them begin and end the transaction that keeps the session.
    with django_assert_max_num_queries(17):
        assert client.get(url).status_code == 200


def test_a_home_that_was_not_read_for_days_is_not_taken_for_a_new_one(client):
    user, household = home(time_zone="Europe/Berlin")
    begin = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=20)
    measured(point_of(household), Quantity.IMPORT, begin.isoformat(), np.full(QUARTERS, 100.0))
    client.force_login(user)
    text = client.get(reverse("household", args=(household.pk,))).content.decode()
    assert "now it needs readings" not in text
    assert "No meter of this home reports live" in text


def test_a_home_without_live_meters_says_where_its_figures_come_from(client, owner):
    text = client.get(reverse("household", args=(owner[1].pk,))).content.decode()
    assert "No meter of this home reports live" in text
    assert "data-live-url" not in text


def given_panel(*, household, community, now):
    return Panel(title=f"Panel of {household.name}", template="components/loading.html", order=1)


def broken_panel(*, household, community, now):
    raise RuntimeError("the part above is broken")


def no_panel(*, household, community, now):
    return None


PANELS = [f"{__name__}.{name}" for name in ("broken_panel", "no_panel", "given_panel")]


@override_settings(DASHBOARD_PANELS=PANELS)
def test_panels_of_upper_floors_are_shown_and_a_broken_one_is_left_out(client, owner, caplog):
    answer = client.get(reverse("household", args=(owner[1].pk,)))
    assert f"Panel of {owner[1].name}" in answer.content.decode()
    assert "broken_panel" in caplog.text


@pytest.mark.parametrize(
    ("unit", "day", "start"),
    [
        ("week", "2026-06-17", "2026-06-15"),
        ("month", "2026-06-17", "2026-06-01"),
        ("year", "2026-06-17", "2026-01-01"),
    ],
)
def test_any_day_of_a_span_leads_to_its_one_address(client, owner, unit, day, start):
    answer = client.get(span_url(owner[1], unit, day))
    assert answer.headers["Location"] == span_url(owner[1], unit, start)


@pytest.mark.parametrize(
    ("unit", "day"), [("decade", "2026-01-01"), ("day", "2026-02-30"), ("day", "x"), ("day", "1999-01-01")]
)
def test_a_span_that_is_none_is_not_found(client, owner, unit, day):
    assert client.get(span_url(owner[1], unit, day)).status_code == 404


def test_the_picker_with_a_broken_date_is_not_found(client, owner):
    assert client.get(reverse("energy", args=(owner[1].pk,)), {"day": "tomorrow"}).status_code == 404


def test_a_day_shows_its_sums_its_curve_and_its_money(client, owner):
    text = client.get(span_url(owner[1], "day", yesterday())).content.decode()
    # 96 quarters of 100 + 50 − 20 Wh; 9.6 kWh bought at 30 ct.
    assert "12.5\u202fkWh" in text
    assert "€2.88" in text
    assert text.count("data-chart") == 2


def test_a_day_that_is_over_leads_on_and_today_does_not(client, owner):
    household = owner[1]
    over = client.get(span_url(household, "day", yesterday())).content.decode()
    assert 'rel="next"' in over
    today = client.get(reverse("energy", args=(household.pk,)), follow=True).content.decode()
    assert 'rel="next"' not in today


def test_what_stands_beside_can_be_chosen(client, owner):
    url = span_url(owner[1], "month", yesterday().replace(day=1))
    assert "bar--ghost" not in client.get(url, {"beside": "none"}).content.decode()
    pressed = re.findall(r'value="(\w+)" aria-pressed="true"', client.get(url, {"beside": "year"}).content.decode())
    assert "year" in pressed


def test_a_span_without_readings_says_so_and_offers_a_way(client, owner):
    text = client.get(span_url(owner[1], "day", "2010-05-05")).content.decode()
    assert "No readings of this time" in text
    assert reverse("uploads", args=(owner[1].pk,)) in text


def test_a_supplier_sees_sums_and_no_curve(client):
    user, household = used_home(Role.SUPPLIER)
    client.force_login(user)
    first = client.get(reverse("household", args=(household.pk,)))
    assert first.headers["Location"] == reverse("energy", args=(household.pk,))
    month = client.get(first.headers["Location"], follow=True)
    assert month.redirect_chain[-1][0] == span_url(household, "month", date.today().replace(day=1))
    assert month.content.decode().count("<tr data-x") == 1
    assert client.get(span_url(household, "day", yesterday())).status_code == 403


def test_the_page_speaks_the_language_of_the_reader(client, owner):
    text = client.get(span_url(owner[1], "day", yesterday()), headers={"accept-language": "de"}).content.decode()
    assert "12,5\u202fkWh" in text
    assert "Aus dem Netz" in text


def test_a_household_cannot_break_out_of_its_name(client, owner):
    household = owner[1]
    household.name = '"><script>alert(1)</script>'
    household.save()
    text = client.get(reverse("household", args=(household.pk,))).content.decode()
    assert "<script>alert" not in text
