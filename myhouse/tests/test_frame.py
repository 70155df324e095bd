"""The frame of every page: what the navigation offers, what is marked, which brightness holds."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from myhouse.templatetags.frame import THEME_COOKIE, url_or_nothing
from myhouse.templatetags.quantities import about, ago_words, change, clock, co2, energy, money, percent, power, price
from myhouse.tests.factories import NOW, UserFactory, home

pytestmark = pytest.mark.django_db


def marked(text: str) -> list[str]:
    return re.findall(r'aria-current="page">([^<]+)<', text)


def test_a_guest_is_offered_to_sign_in_or_up(client):
    text = client.get("/").content.decode()
    assert reverse("sign-in") in text
    assert reverse("sign-up") in text
    assert reverse("account") not in text


def test_a_member_is_offered_every_page_of_the_household(client):
    user, household = home()
    client.force_login(user)
    text = client.get(reverse("appliances", args=(household.pk,))).content.decode()
    for name in ("household", "energy", "contracts", "uploads", "members", "settings"):
        assert f'href="{reverse(name, args=(household.pk,))}"' in text
    assert marked(text) == ["Appliances"]


def test_a_page_below_an_entry_keeps_it_marked(client):
    user, household = home()
    client.force_login(user)
    url = reverse("contract-new", args=(household.pk, "import", "flat"))
    assert "Tariffs" in marked(client.get(url).content.decode())


def test_a_member_without_a_household_is_offered_none(client):
    client.force_login(UserFactory())
    text = client.get(reverse("account")).content.decode()
    assert "/households/0" not in text
    assert marked(text) == ["Account"]


def test_a_page_that_does_not_exist_is_not_linked():
    assert url_or_nothing("there-is-no-such-page") == ""


@pytest.mark.parametrize(("cookie", "theme"), [("dark", "dark"), ("pitch-black", "auto"), ("", "auto")])
def test_the_brightness_of_a_guest_is_that_of_his_browser(client, cookie, theme):
    client.cookies[THEME_COOKIE] = cookie
    assert f'data-theme="{theme}"' in client.get("/").content.decode()


def test_the_brightness_of_a_member_goes_with_him(client):
    client.force_login(UserFactory(theme="dark"))
    assert 'data-theme="dark"' in client.get(reverse("account")).content.decode()


def test_filters_write_quantities_in_the_readers_language():
    assert about(energy(12_360)) == "≈\u202f12.4\u202fkWh"
    assert (power(412.4), co2(1_240), percent(64), change(0.12)) == ("412\u202fW", "1.24\u202fkg", "64%", "+12%")
    assert (money(150_000_000, "EUR"), price(31_200, "EUR")) == ("€1.50", "31.2\u202fct/kWh")


def test_ages_are_told_in_words():
    assert [ago_words(age) for age in (None, 10, 200, 7_300, 200_000)] == [
        "never",
        "10 s ago",
        "3 min ago",
        "2 h ago",
        "2 days ago",
    ]


def test_times_are_those_in_the_zone_of_the_community():
    assert clock(NOW, "Europe/Berlin") == "12:00"
