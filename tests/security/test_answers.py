"""An answer never gives a secret back, and tells a fault of ours without its inside."""

import json

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from config.errors import server_error
from myhouse.tests.factories import UserFactory
from tests.security.world import Visitor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
SECRET = "s3cr3t-V4lue-0123456789"


def sign_in():
    return Client().post(reverse("sign-in"), {"username": "x@example.org", "password": SECRET})


def sign_in_without_address():
    return Client().post(reverse("sign-in"), {"username": "x", "password": SECRET})


def token():
    return api({"email": "x@example.org", "password": SECRET})


def token_without_address():
    return api({"email": "x", "password": SECRET, "code": SECRET})


def token_of_broken_json():
    return Client().post("/api/v1/tokens", data=f'{{"password": "{SECRET}"', content_type="application/json")


def bearer():
    return Client().get("/api/v1/me", headers={"Authorization": f"Bearer {SECRET}"})


def device():
    return Client().post(
        "/ingest/packets", data="[]", content_type="application/json", headers={"Authorization": SECRET}
    )


def new_password():
    signed_in = Visitor(UserFactory()).client
    return signed_in.post(
        reverse("password-change"), {"old_password": SECRET, "new_password1": SECRET, "new_password2": SECRET + "x"}
    )


def second_factor():
    signed_in = Visitor(UserFactory()).client
    return signed_in.post(reverse("second-factor-set-up"), {"password": SECRET, "code": "000000"})


def display():
    return Client().get(f"/display/{SECRET}/")


def api(body):
    return Client().post("/api/v1/tokens", data=json.dumps(body), content_type="application/json")


ASKED = (
    sign_in,
    sign_in_without_address,
    token,
    token_without_address,
    token_of_broken_json,
    bearer,
    device,
    new_password,
    second_factor,
    display,
)


@pytest.mark.parametrize("ask", ASKED, ids=[ask.__name__ for ask in ASKED])
def test_no_answer_gives_back_what_was_secret(ask):
    answer = ask()

    assert answer.status_code in {200, 400, 401, 404, 410, 422}
    assert SECRET not in answer.content.decode()
    assert SECRET not in str(answer.headers)


@pytest.mark.parametrize("path", ["/", "/api/v1/me", "/ingest/packets"])
def test_a_fault_of_ours_is_told_without_its_inside(path):
    answer = server_error(RequestFactory().get(path))

    assert answer.status_code == 500
    assert "Traceback" not in answer.content.decode()


def test_a_view_that_breaks_shows_nothing_of_it(monkeypatch):
    """Through the whole chain, as a browser would see it."""
    from myhouse.views import accounts

    def broken(**_asked):
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(accounts, "tokens_of", broken)
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory())

    answer = client.get(reverse("account"))

    assert answer.status_code == 500
    assert SECRET not in answer.content.decode()
    assert "ZeroDivisionError" not in answer.content.decode()


def test_what_is_shown_once_is_not_kept_by_the_browser(strangers):
    client = Visitor(strangers.owner).client
    home = strangers.household.pk
    shown = [
        client.post(reverse("account-token-new"), {"name": "x"}),
        client.post(reverse("settings-display-new", args=(home,)), {"name": "x"}),
        client.post(reverse("members-invite", args=(home,)), {"role": "viewer"}),
        client.get(reverse("second-factor-set-up")),
    ]

    assert [answer.status_code for answer in shown] == [200] * 4
    assert all("no-store" in answer.headers["Cache-Control"] for answer in shown)
