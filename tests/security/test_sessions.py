"""Sessions and tokens: an idle hour ends them, a sign-in begins anew, and a new password ends them everywhere."""

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from myhouse.documents.outbox import outbox_flush
from myhouse.models import AccessToken, User
from myhouse.services.accounts import user_rights_set
from myhouse.services.tokens import token_issue, token_use
from myhouse.tests.factories import NOW, PASSWORD, UserFactory, actor_of, home

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
OTHER = "quite another password"
HOUR = timedelta(hours=1)


@pytest.fixture
def user():
    return home()[0]


def sign_in(user, password=PASSWORD, client=None):
    client = client or Client()
    client.post(reverse("sign-in"), {"username": user.email, "password": password})
    return client


def is_in(client):
    return client.get(reverse("account")).status_code == 200


def by_token(secret):
    return Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code


def test_an_hour_without_a_request_signs_out_and_use_keeps_it(user, at_now):
    client = sign_in(user)

    at_now.move_to(NOW + timedelta(minutes=59), tick=False)
    used = is_in(client)
    at_now.move_to(NOW + timedelta(minutes=118), tick=False)
    kept = is_in(client)
    at_now.move_to(NOW + timedelta(minutes=179), tick=False)

    assert (used, kept, is_in(client)) == (True, True, False)


def test_signing_in_begins_a_new_session_whatever_the_browser_brought(user):
    client = Client()
    client.get(reverse("sign-in"))
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    client.cookies["myhouse_session"] = session.session_key

    sign_in(user, client=client)

    assert is_in(client)
    assert client.session.session_key != session.session_key
    assert not Session.objects.filter(session_key=session.session_key).exists()


def test_a_session_key_made_up_by_somebody_is_not_taken(user):
    client = Client()
    client.cookies["myhouse_session"] = "abcdefghijklmnopqrstuvwxyz012345"

    sign_in(user, client=client)

    assert client.cookies["myhouse_session"].value != "abcdefghijklmnopqrstuvwxyz012345"


def test_no_script_reads_the_cookie_and_no_other_site_sends_it(user):
    cookie = sign_in(user).cookies["myhouse_session"]

    assert (cookie["httponly"], cookie["samesite"], cookie["domain"]) == (True, "Lax", "")


def test_cookies_go_over_tls_only_once_it_is_switched_on(user, settings):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    client = sign_in(user)
    client.get(reverse("account"))

    assert {name: bool(cookie["secure"]) for name, cookie in client.cookies.items()} == dict.fromkeys(
        ["myhouse_session", "csrftoken", "django_language", "myhouse_theme"], True
    )


def test_signing_out_ends_the_session_on_the_server_too(user):
    client = sign_in(user)
    stolen = Client()
    stolen.cookies["myhouse_session"] = client.cookies["myhouse_session"].value

    client.post(reverse("sign-out"))

    assert (is_in(client), is_in(stolen)) == (False, False)


def test_signing_out_takes_a_form_and_no_link(user):
    client = sign_in(user)

    assert client.get(reverse("sign-out")).status_code == 405
    assert is_in(client)


def test_a_new_password_ends_the_other_sessions_and_all_tokens_but_not_this_session(user):
    here, elsewhere = sign_in(user), sign_in(user)
    _token, secret = token_issue(user=user, name="x", now=NOW)
    fields = {"old_password": PASSWORD, "new_password1": OTHER, "new_password2": OTHER}

    here.post(reverse("password-change"), fields)

    assert (is_in(here), is_in(elsewhere), by_token(secret)) == (True, False, 401)


def test_a_new_password_by_mail_ends_every_session_and_its_link_works_once(user, mailoutbox):
    stolen, client = sign_in(user), Client()
    client.post(reverse("password-reset"), {"email": user.email})
    outbox_flush(now=NOW)
    link = re.search(r"https?://[^/]+(/\S+)", mailoutbox[-1].body)[1]
    form = client.get(link, follow=True).request["PATH_INFO"]

    client.post(form, {"new_password1": OTHER, "new_password2": OTHER})
    again = Client().get(link, follow=True)

    assert (is_in(stolen), is_in(sign_in(user, OTHER))) == (False, True)
    assert again.context["validlink"] is False


def test_a_link_for_a_new_password_ends_after_two_hours(user, mailoutbox, at_now):
    Client().post(reverse("password-reset"), {"email": user.email})
    outbox_flush(now=NOW)
    link = re.search(r"https?://[^/]+(/\S+)", mailoutbox[-1].body)[1]
    at_now.move_to(NOW + 2 * HOUR + timedelta(seconds=1), tick=False)

    assert Client().get(link, follow=True).context["validlink"] is False


def test_a_closed_account_is_out_at_once(user):
    client = sign_in(user)
    _token, secret = token_issue(user=user, name="x", now=NOW)
    operator = UserFactory(is_staff=True, is_superuser=True)

    user_rights_set(user=user, is_active=False, is_staff=False, is_superuser=False, actor=actor_of(operator), now=NOW)

    assert (is_in(client), by_token(secret)) == (False, 401)
    assert not is_in(sign_in(user))


def test_passwords_are_kept_by_a_hash_that_costs():
    from config import settings

    assert settings.PASSWORD_HASHERS == ["django.contrib.auth.hashers.ScryptPasswordHasher"]


def test_a_token_is_kept_as_a_digest_and_lists_do_not_show_it(user):
    token, secret = token_issue(user=user, name="x", now=NOW)
    client = sign_in(user)

    assert secret not in str(list(AccessToken.objects.values()))
    assert len(token.digest) == 64
    assert secret not in client.get(reverse("account")).content.decode()
    assert by_token(token.digest) == 401


def test_a_token_ends_an_hour_after_its_last_use(user):
    _token, secret = token_issue(user=user, name="x", now=NOW)

    used = token_use(secret=secret, now=NOW + timedelta(minutes=59))
    kept = token_use(secret=secret, now=NOW + timedelta(minutes=118))

    assert used is not None
    assert kept is not None
    assert token_use(secret=secret, now=NOW + timedelta(minutes=178)) is None


def test_a_revoked_token_is_out_at_once(user):
    token, secret = token_issue(user=user, name="x", now=NOW)
    before = by_token(secret)

    sign_in(user).post(reverse("account-token-revoke", args=(token.pk,)))

    assert (before, by_token(secret)) == (200, 401)


def test_a_token_opens_no_page(user):
    _token, secret = token_issue(user=user, name="x", now=NOW)

    answer = Client().get(reverse("account"), headers={"Authorization": f"Bearer {secret}"})

    assert answer.status_code == 302


@pytest.mark.parametrize(
    "fields",
    [{"is_staff": "on"}, {"is_superuser": "on"}, {"is_active": ""}, {"email": "x@example.org"}, {"password": "x"}],
)
def test_a_form_changes_nothing_that_is_not_on_it(user, fields):
    client = sign_in(user)
    before = User.objects.filter(pk=user.pk).values("is_staff", "is_superuser", "is_active", "email", "password").get()

    answer = client.post(reverse("account"), {"name": "New", "language": "en", "theme": "auto", **fields})

    after = User.objects.filter(pk=user.pk).values("is_staff", "is_superuser", "is_active", "email", "password").get()
    assert answer.status_code == 302
    assert User.objects.get(pk=user.pk).name == "New"
    assert before == after


@pytest.mark.parametrize("field", ["is_staff", "is_superuser", "password", "role"])
def test_the_api_changes_nothing_that_is_not_its_own(user, field):
    _token, secret = token_issue(user=user, name="x", now=NOW)

    answer = Client().patch(
        "/api/v1/me",
        {field: True},
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_signing_up_makes_no_operator(client, mailoutbox):
    client.post(reverse("sign-up"), {"name": "New", "email": "new@example.org", "is_staff": "on", "is_superuser": "1"})
    outbox_flush(now=NOW)
    link = re.search(r"https?://[^/]+(/\S+)", mailoutbox[-1].body)[1]
    client.post(link, {"password": PASSWORD, "is_staff": "on", "is_superuser": "on"})

    made = User.objects.get(email="new@example.org")

    assert (made.is_staff, made.is_superuser) == (False, False)
