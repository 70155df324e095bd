"""The second factor on pages and API: no way to a session or a token leads around it."""

import re
from datetime import timedelta

import pyotp
import pytest
from django.test import Client
from django.urls import reverse

from myhouse.documents.models import AuditEntry
from myhouse.models import RecoveryCode
from myhouse.selectors.second_factor import factor_on
from myhouse.tests.factories import NOW, PASSWORD, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]


def password_page(client, user, **extra):
    return client.post(reverse("sign-in"), {"username": user.email, "password": PASSWORD, **extra})


def test_the_password_alone_signs_nobody_in(client, guarded):
    user, _app, _codes = guarded

    answer = password_page(client, user, next="/account/")

    assert (answer.status_code, answer.url) == (302, "/sign-in/code/?next=%2Faccount%2F")
    assert "_auth_user_id" not in client.session
    assert client.get(reverse("account")).status_code == 302


def test_password_and_code_sign_in_with_a_new_session_and_lead_where_one_wanted(client, guarded):
    user, app, _codes = guarded
    password_page(client, user)
    before = client.session.session_key

    answer = client.post(reverse("sign-in-code"), {"code": app.at(NOW), "next": "/account/"})

    assert (answer.status_code, answer.url) == (302, "/account/")
    assert client.session["_auth_user_id"] == str(user.pk)
    assert client.session.session_key != before
    assert "half_sign_in" not in client.session


def test_a_wrong_code_leaves_one_outside(client, guarded):
    password_page(client, guarded[0])

    answer = client.post(reverse("sign-in-code"), {"code": "123456"})

    assert answer.status_code == 200
    assert "code" in answer.context["form"].errors
    assert "_auth_user_id" not in client.session


def test_the_code_never_leads_to_another_site(client, guarded):
    user, app, _codes = guarded
    password_page(client, user)

    answer = client.post(reverse("sign-in-code"), {"code": app.at(NOW), "next": "//evil.example/"})

    assert answer.url == reverse("home")


def test_the_code_page_knows_nobody_without_a_password_first(client, guarded):
    _user, app, _codes = guarded

    answer = client.post(reverse("sign-in-code"), {"code": app.at(NOW)})

    assert (answer.status_code, answer.url) == (302, reverse("sign-in"))


def test_the_password_must_be_typed_again_after_five_minutes(client, guarded, at_now):
    user, app, _codes = guarded
    password_page(client, user)
    at_now.move_to(NOW + timedelta(minutes=5, seconds=1), tick=False)

    answer = client.post(reverse("sign-in-code"), {"code": app.at(NOW + timedelta(minutes=5))})

    assert answer.url == reverse("sign-in")
    assert "_auth_user_id" not in client.session


def test_a_password_changed_between_password_and_code_ends_the_attempt(client, guarded):
    user, app, _codes = guarded
    password_page(client, user)
    user.set_password("another long password")
    user.save()

    answer = client.post(reverse("sign-in-code"), {"code": app.at(NOW)})

    assert answer.url == reverse("sign-in")


def test_the_operators_sign_in_asks_for_the_code_too(client, guarded):
    user, app, _codes = guarded
    user.is_staff = user.is_superuser = True
    user.save()

    first = client.post(
        "/admin/login/?next=/admin/", {"username": user.email, "password": PASSWORD, "next": "/admin/"}
    )
    barred = client.get("/admin/").status_code
    second = client.post(first.url, {"code": app.at(NOW), "next": "/admin/"})

    assert first.url.startswith(reverse("sign-in-code"))
    assert barred == 302
    assert second.url == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_a_new_password_by_mail_does_not_get_around_it(client, guarded, mailoutbox):
    from myhouse.documents.outbox import outbox_flush

    user, _app, _codes = guarded
    client.post(reverse("password-reset"), {"email": user.email})
    outbox_flush(now=NOW)
    link = re.search(r"https?://[^/]+(/\S+)", mailoutbox[-1].body)[1]
    form = client.get(link, follow=True)
    client.post(
        form.request["PATH_INFO"], {"new_password1": "quite another one", "new_password2": "quite another one"}
    )

    answer = client.post(reverse("sign-in"), {"username": user.email, "password": "quite another one"})

    assert answer.url.startswith(reverse("sign-in-code"))
    assert "_auth_user_id" not in client.session


def token_asked(user, **fields):
    body = {"email": user.email, "password": PASSWORD, **fields}
    return Client().post("/api/v1/tokens", body, content_type="application/json")


def test_a_token_by_the_api_needs_the_code_too(guarded):
    user, app, codes = guarded

    without = token_asked(user)
    wrong = token_asked(user, code="000000")
    right = token_asked(user, code=app.at(NOW))
    again = token_asked(user, code=app.at(NOW))
    recovered = token_asked(user, code=codes[0])

    assert [a.status_code for a in (without, wrong, right, again, recovered)] == [401, 401, 201, 401, 201]
    assert without.json()["errors"][0]["field"] == "code"


def test_a_wrong_password_does_not_tell_that_there_is_a_second_factor(guarded):
    known = token_asked(guarded[0], password="wrong wrong wrong")
    unknown = token_asked(UserFactory.build(), password="wrong wrong wrong")

    assert known.json() == unknown.json()


def test_is_set_up_on_the_page_with_password_and_a_real_code(client):
    user = UserFactory()
    client.force_login(user)
    page = client.get(reverse("second-factor-set-up"))
    secret = page.context["secret"].replace(" ", "")
    code = pyotp.TOTP(secret).at(NOW)

    wrong = client.post(reverse("second-factor-set-up"), {"password": "wrong", "code": code})
    done = client.post(reverse("second-factor-set-up"), {"password": PASSWORD, "code": code})

    assert b"<svg" in page.content
    assert "password" in wrong.context["form"].errors
    assert len(done.context["codes"]) == 10
    assert "no-store" in done.headers["Cache-Control"]
    assert factor_on(user=user)
    assert AuditEntry.objects.filter(action="user.second_factor.on", actor_id=user.pk).count() == 1
    assert "10 recovery codes" in client.get(reverse("account")).content.decode()


def test_is_removed_with_password_and_code_only(client, guarded):
    user, app, codes = guarded
    client.force_login(user)
    page = reverse("second-factor")

    client.post(page, {"password": PASSWORD, "code": "000000", "wish": "remove"})
    client.post(page, {"password": "wrong", "code": app.at(NOW), "wish": "remove"})
    still = factor_on(user=user)
    done = client.post(page, {"password": PASSWORD, "code": codes[3], "wish": "remove"})

    assert (still, done.status_code, factor_on(user=user)) == (True, 302, False)
    assert RecoveryCode.objects.count() == 0
    assert AuditEntry.objects.filter(action="user.second_factor.off").count() == 1


def test_gives_new_recovery_codes_on_the_page(client, guarded):
    user, app, codes = guarded
    client.force_login(user)

    answer = client.post(reverse("second-factor"), {"password": PASSWORD, "code": app.at(NOW), "wish": "codes"})

    assert len(set(answer.context["codes"]) | set(codes)) == 20


def test_an_open_session_does_not_serve_to_guess_the_password(client, guarded):
    user, _app, _codes = guarded
    client.force_login(user)
    guess = {"password": "wrong", "code": "000000"}
    for _number in range(10):
        client.post(reverse("second-factor"), guess)

    refused = client.post(reverse("second-factor"), guess)
    elsewhere = client.post(reverse("password-change"), {"old_password": "wrong"})

    assert (refused.status_code, elsewhere.status_code) == (429, 429)


def test_staff_without_it_see_a_hint(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    assert b"a stolen password alone opens nothing" in client.get("/admin/").content
    assert b"a stolen password alone opens nothing" in client.get(reverse("account")).content
