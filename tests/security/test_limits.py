"""How often something may be tried: each door counts, and says in seconds when to come back."""

import pytest
from django.test import Client
from django.urls import reverse

from devices.ingest import limits
from marketplace.limits import OFFERS, PURCHASES
from myhouse.authentication import WRONG_TOKENS
from myhouse.services.tokens import token_issue
from myhouse.tests.factories import NOW, PASSWORD, UserFactory, home
from myhouse.views.accounts import MAIL_ACCOUNT, SIGN_IN_ACCOUNT, SIGN_IN_ADDRESS, SIGN_UP_ADDRESS
from tests.security.world import Visitor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]


def sign_in(number, email="x@example.org"):
    return Client().post(reverse("sign-in"), {"username": email, "password": "wrong"})


def sign_in_anybody(number):
    return sign_in(number, f"x{number}@example.org")


def sign_up(number):
    return Client().post(reverse("sign-up"), {"name": "X", "email": f"x{number}@example.org"})


def reset(number):
    return Client().post(reverse("password-reset"), {"email": "x@example.org"})


def token(number):
    body = {"email": "x@example.org", "password": "wrong"}
    return Client().post("/api/v1/tokens", body, content_type="application/json")


def wrong_token(number):
    return Client().get("/api/v1/me", headers={"Authorization": f"Bearer nothing{number}"})


DOORS = {
    "sign-in-by-account": (sign_in, SIGN_IN_ACCOUNT),
    "sign-in-by-address": (sign_in_anybody, SIGN_IN_ADDRESS),
    "sign-up": (sign_up, SIGN_UP_ADDRESS),
    "reset": (reset, MAIL_ACCOUNT),
    "token": (token, SIGN_IN_ACCOUNT),
    "wrong-token": (wrong_token, WRONG_TOKENS),
}


def assert_closed(answer, limit):
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= limit.window_s


@pytest.mark.parametrize(("knock", "limit"), DOORS.values(), ids=DOORS)
def test_a_door_closes_after_so_many_tries_and_opens_again(knock, limit, at_now):
    let_in = [knock(number).status_code for number in range(limit.tries)]
    refused = knock(limit.tries)
    at_now.shift(int(refused.headers.get("Retry-After", 0)))

    assert 429 not in let_in
    assert_closed(refused, limit)
    assert knock(limit.tries + 1).status_code != 429


def test_a_closed_door_does_not_open_to_the_right_password():
    user = UserFactory()
    for number in range(SIGN_IN_ACCOUNT.tries):
        sign_in(number, user.email)

    answer = Client().post(reverse("sign-in"), {"username": user.email, "password": PASSWORD})

    assert_closed(answer, SIGN_IN_ACCOUNT)


def test_the_account_is_counted_however_its_address_is_written():
    for number in range(SIGN_IN_ACCOUNT.tries):
        sign_in(number, "Anna@Example.org " if number % 2 else "anna@example.org")

    assert_closed(sign_in(0, "ANNA@example.org"), SIGN_IN_ACCOUNT)


def test_pages_and_api_count_the_same_tries_of_an_account():
    for number in range(SIGN_IN_ACCOUNT.tries):
        sign_in(number)

    assert_closed(token(0), SIGN_IN_ACCOUNT)


def test_buying_is_bounded(strangers):
    visitor = Visitor(strangers.owner)
    path = f"/api/v1/households/{strangers.household.pk}/offers/{strangers.ids['offer_id']}/purchases"

    answers = [visitor.ask("POST", path, {"energy_wh": "1"}) for _number in range(PURCHASES.tries + 1)]

    assert 429 not in {answer.status_code for answer in answers[:-1]}
    assert_closed(answers[-1], PURCHASES)


def test_offering_is_bounded(strangers):
    visitor = Visitor(strangers.owner)
    path = f"/households/{strangers.household.pk}/market/offers/new/"
    form = {"kind": "stored", "energy_kwh": "1", "total": "0.10", "price": "0.10"}

    answers = [visitor.ask("POST", path, form) for _number in range(OFFERS.tries + 1)]

    assert_closed(answers[-1], OFFERS)


def test_a_household_cannot_be_counted_out_by_a_stranger():
    """The tries of one member are his own."""
    stranger, other = Visitor(home()[0]), Visitor(home()[0])
    nowhere = "/api/v1/households/00000000-0000-0000-0000-000000000001/offers"
    for _number in range(OFFERS.tries + 1):
        stranger.ask("POST", nowhere)

    assert other.ask("POST", nowhere).status_code == 404


def test_wrong_device_keys_of_one_address_are_bounded():
    limits._buckets.clear()

    tries = (ingest(f"mhd_{number:040d}") for number in range(3 * limits.GUESSES.burst))
    # However slow the machine is, more come in than are forgotten meanwhile.
    answers = [next(tries) for _within in range(limits.GUESSES.burst)]
    answers.append(next(answer for answer in tries if answer.status_code != 401))
    limits._buckets.clear()

    assert {answer.status_code for answer in answers[:-1]} == {401}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1


def ingest(key):
    return Client().post(
        "/ingest/packets", data="[]", content_type="application/json", headers={"Authorization": f"Bearer {key}"}
    )


def test_without_the_counter_nobody_guesses_on(settings):
    """With the broker away a password is not looked at: it could be guessed without end."""
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"
    user, _household = home()

    answer = Client().post(reverse("sign-in"), {"username": user.email, "password": PASSWORD})

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert token_issue(user=user, name="x", now=NOW) is not None
