"""The pages of accounts, as a browser without JavaScript sees them."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from myhouse.documents.outbox import outbox_flush
from myhouse.models import AccessToken, User
from myhouse.tests.factories import NOW, PASSWORD, CommunityMembershipFactory, CommunityRoleFactory, UserFactory, home

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_now(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


def sign_in(client, user, password=PASSWORD, **extra):
    return client.post(reverse("sign-in"), {"username": user.email, "password": password, **extra})


def mailed_path(mailoutbox):
    outbox_flush(now=NOW)
    return re.search(r"https?://[^/]+(/\S+)", mailoutbox[-1].body)[1]


def test_signs_up_by_a_mailed_link_and_lands_where_a_household_is_created(client, mailoutbox):
    client.post(reverse("sign-up"), {"name": "New", "email": "New@example.org"})
    link = mailed_path(mailoutbox)

    shown = client.get(link)
    done = client.post(link, {"password": PASSWORD})

    assert shown.status_code == 200
    assert (done.status_code, done.url) == (302, reverse("households"))
    assert client.get(done.url).status_code == 200
    assert User.objects.get().email == "new@example.org"


def test_answers_a_sign_up_the_same_whether_the_address_is_known_or_not(client, mailoutbox):
    UserFactory(email="known@example.org")

    answers = [
        client.post(reverse("sign-up"), {"name": "X", "email": address})
        for address in ("known@example.org", "new@example.org")
    ]

    assert [(a.status_code, a.url) for a in answers] == [(302, reverse("sign-up-sent"))] * 2
    outbox_flush(now=NOW)
    assert {mail.subject for mail in mailoutbox} == {"Finish your sign-up", "You have an account already"}


def test_keeps_what_was_typed_when_the_address_is_incomplete(client):
    answer = client.post(reverse("sign-up"), {"name": "Ada", "email": "ada"})

    assert b'value="Ada"' in answer.content
    assert b'aria-invalid="true"' in answer.content


def test_says_that_a_weak_password_is_refused_and_why(client, mailoutbox):
    client.post(reverse("sign-up"), {"name": "New", "email": "new@example.org"})

    answer = client.post(mailed_path(mailoutbox), {"password": "1234567890"})

    assert answer.status_code == 200
    assert "password" in answer.context["form"].errors
    assert User.objects.count() == 0


def test_says_that_an_old_link_is_dead_and_what_to_do(client):
    answer = client.get(reverse("sign-up-finish", args=["forged:forged"]))

    assert answer.status_code == 410
    assert b"Sign up again" in answer.content


def test_signs_in_with_the_address_in_any_case(client):
    user = UserFactory(email="ada@example.org", language="de", theme="dark")

    answer = client.post(reverse("sign-in"), {"username": "ADA@Example.org", "password": PASSWORD})

    assert (answer.status_code, answer.url) == (302, reverse("home"))
    assert client.session["_auth_user_id"] == str(user.pk)
    assert (answer.cookies["django_language"].value, answer.cookies["myhouse_theme"].value) == ("de", "dark")


def test_does_not_tell_which_of_address_and_password_is_wrong(client):
    user = UserFactory()

    wrong_password = sign_in(client, user, "nonsense nonsense")
    unknown = client.post(reverse("sign-in"), {"username": "nobody@example.org", "password": "nonsense nonsense"})

    assert wrong_password.context["form"].errors == unknown.context["form"].errors


def test_goes_on_to_the_page_asked_for_but_never_to_another_site(client):
    user = UserFactory()

    inside = sign_in(client, user, next="/account/")
    client.logout()
    outside = sign_in(client, user, next="https://evil.example/")

    assert (inside.url, outside.url) == ("/account/", reverse("home"))


def test_refuses_the_eleventh_try_on_one_account_and_says_when_to_come_back(client):
    user = UserFactory()
    for _ in range(10):
        sign_in(client, user, "wrong wrong wrong")

    refused = sign_in(client, user)

    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 900
    assert "_auth_user_id" not in client.session


def test_lets_one_sign_in_again_after_the_window(client, at_now):
    user = UserFactory()
    for _ in range(11):
        sign_in(client, user, "wrong wrong wrong")

    at_now.move_to(NOW + timedelta(minutes=15), tick=False)

    assert sign_in(client, user).status_code == 302


def test_mails_one_address_at_most_three_times_an_hour(client):
    answers = [client.post(reverse("password-reset"), {"email": "a@example.org"}).status_code for _ in range(4)]

    assert answers == [302, 302, 302, 429]


def test_signs_out_after_an_hour_without_a_request(client, at_now):
    sign_in(client, UserFactory())

    at_now.move_to(NOW + timedelta(minutes=59), tick=False)
    within = client.get(reverse("account"))
    at_now.move_to(NOW + timedelta(minutes=118), tick=False)
    renewed = client.get(reverse("account"))
    at_now.move_to(NOW + timedelta(minutes=178, seconds=1), tick=False)
    late = client.get(reverse("account"))

    assert [within.status_code, renewed.status_code, late.status_code] == [200, 200, 302]
    assert late.url.startswith(reverse("sign-in"))


def test_signs_out_by_post_only(client):
    sign_in(client, UserFactory())

    assert client.get(reverse("sign-out")).status_code == 405
    assert client.post(reverse("sign-out")).status_code == 302
    assert "_auth_user_id" not in client.session


def test_refuses_a_form_without_the_csrf_token():
    from django.test import Client

    answer = Client(enforce_csrf_checks=True).post(reverse("sign-in"), {"username": "a", "password": "b"})

    assert answer.status_code == 403


def test_sets_a_new_password_by_a_mailed_link_that_works_once(client, mailoutbox):
    user = UserFactory()
    client.post(reverse("password-reset"), {"email": user.email.upper()})
    link = mailed_path(mailoutbox)
    form = client.get(link, follow=True)
    values = {"new_password1": "another long secret", "new_password2": "another long secret"}

    done = client.post(form.request["PATH_INFO"], values)
    again = client.get(link, follow=True)

    user.refresh_from_db()
    assert (done.status_code, done.url) == (302, reverse("sign-in"))
    assert user.check_password("another long secret")
    assert b"used already" in again.content


def test_answers_a_reset_the_same_for_an_unknown_address_and_mails_nothing(client, mailoutbox):
    answer = client.post(reverse("password-reset"), {"email": "nobody@example.org"})
    outbox_flush(now=NOW)

    assert (answer.status_code, answer.url, mailoutbox) == (302, reverse("password-reset-sent"), [])


def test_writes_mails_in_the_language_of_the_account(client, mailoutbox):
    UserFactory(email="ada@example.org", language="de")
    client.post(reverse("password-reset"), {"email": "ada@example.org"})
    outbox_flush(now=NOW)

    assert "/password/reset/" in mailoutbox[0].body


def test_changes_the_password_and_ends_other_sessions_but_not_this_one(client):
    from django.test import Client

    user, other = UserFactory(), Client()
    sign_in(client, user)
    sign_in(other, user)
    values = {
        "old_password": PASSWORD,
        "new_password1": "another long secret",
        "new_password2": "another long secret",
    }

    client.post(reverse("password-change"), values)

    assert client.get(reverse("account")).status_code == 200
    assert other.get(reverse("account")).status_code == 302


def test_changes_the_account(client):
    user = UserFactory()
    client.force_login(user)
    values = {"name": "Ada", "language": "de", "theme": "dark", "name_shown_to_neighbours": "on"}

    answer = client.post(reverse("account"), values)

    user.refresh_from_db()
    assert answer.status_code == 302
    assert (user.name, user.language, user.theme, user.name_shown_to_neighbours) == ("Ada", "de", "dark", True)


def test_shows_a_new_token_this_once(client):
    client.force_login(UserFactory())

    shown = client.post(reverse("account-token-new"), {"name": "My script"})
    later = client.get(reverse("account"))

    secret = shown.context["secret"]
    assert secret.encode() in shown.content
    assert secret.encode() not in later.content
    assert b"My script" in later.content


def test_revokes_a_token(client):
    user = UserFactory()
    client.force_login(user)
    client.post(reverse("account-token-new"), {"name": "My script"})

    client.post(reverse("account-token-revoke", args=[AccessToken.objects.get().pk]))

    assert AccessToken.objects.count() == 0


def test_keeps_the_brightness_for_a_visitor_and_returns_to_the_page(client):
    answer = client.post(reverse("theme-set"), {"theme": "dark", "next": "/sign-in/"})
    outside = client.post(reverse("theme-set"), {"theme": "dark", "next": "//evil.example/"})

    assert (answer.url, outside.url) == ("/sign-in/", "/")
    assert b'data-theme="dark"' in client.get("/sign-in/").content


def test_keeps_the_language_for_the_account(client):
    user = UserFactory()
    client.force_login(user)

    client.post(reverse("set_language"), {"language": "de", "next": "/account/"})

    user.refresh_from_db()
    assert user.language == "de"


def keep_mail_in(folder, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = folder


def test_shows_the_operator_the_mail_that_is_kept(client, settings, tmp_path):
    keep_mail_in(tmp_path, settings)
    client.post(reverse("sign-up"), {"name": "New", "email": "new@example.org"})
    outbox_flush(now=NOW)
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    page = client.get(reverse("operator-mail"))

    assert b"Finish your sign-up" in page.content
    assert b'href="http://127.0.0.1:8000/sign-up/finish/' in page.content


def test_shows_a_manager_the_mail_of_own_members_only(client, settings, tmp_path):
    keep_mail_in(tmp_path, settings)
    manager = UserFactory(is_staff=True)
    role = CommunityRoleFactory(user=manager)
    member, household = home()
    CommunityMembershipFactory(household=household, community=role.community)
    operator = UserFactory(is_staff=True, is_superuser=True)
    for user in (member, operator, UserFactory()):
        client.post(reverse("password-reset"), {"email": user.email})
    outbox_flush(now=NOW)
    client.force_login(manager)

    mails = client.get(reverse("operator-mail")).context["mails"]

    assert [mail.to for mail in mails] == [member.email]


def test_hides_the_mail_page_from_everybody_else(client, settings, tmp_path):
    keep_mail_in(tmp_path, settings)
    client.force_login(UserFactory())

    assert client.get(reverse("operator-mail")).status_code == 404


def test_allows_no_inline_script_or_style(client):
    client.force_login(UserFactory())
    for name in ("account", "households", "households-new", "password-change"):
        page = client.get(reverse(name))
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        text = page.content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)


def test_the_account_page_asks_few_queries(client, django_assert_max_num_queries):
    client.force_login(UserFactory())
    client.get(reverse("account"))

    with django_assert_max_num_queries(8):
        client.get(reverse("account"))


def test_hides_the_operators_page_from_members(client):
    client.force_login(UserFactory())

    assert client.get(reverse("operator")).status_code == 404
    assert reverse("operator").encode() not in client.get(reverse("account")).content
