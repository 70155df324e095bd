"""The second factor: real codes, the vectors of RFC 6238, each code once, and no way in around it."""

import re
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from django.test import Client
from django.urls import reverse

from myhouse.documents.models import AuditEntry
from myhouse.errors import TooMany
from myhouse.models import RecoveryCode, SecondFactor
from myhouse.selectors.second_factor import factor_on, factor_state
from myhouse.services.second_factor import (
    UnableToConfirmIdentity,
    UnableToSetUpSecondFactor,
    factor_begin,
    factor_check,
    factor_confirm,
    factor_remove,
    factor_secret,
    recovery_codes_renew,
    step_of,
)
from myhouse.tests.factories import NOW, PASSWORD, UserFactory, actor_of, home

pytestmark = pytest.mark.django_db
# RFC 6238, appendix B, SHA-1: the last six of its eight digits.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
STEP = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def at_now(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def guarded():
    """A user with the factor on since a minute ago, his app and his recovery codes."""
    user, _household = home()
    before = NOW - 2 * STEP
    app = pyotp.TOTP(factor_secret(factor_begin(user=user, now=before)))
    codes = factor_confirm(user=user, code=app.at(before), actor=actor_of(user), now=before)
    return user, app, codes


def password_page(client, user, **extra):
    return client.post(reverse("sign-in"), {"username": user.email, "password": PASSWORD, **extra})


def check(user, code, now=NOW):
    factor_check(user=user, code=code, actor=actor_of(user), now=now)


@pytest.mark.parametrize(("seconds", "code"), RFC_VECTORS)
def test_takes_the_published_codes(seconds, code):
    now = datetime.fromtimestamp(seconds, UTC)

    assert step_of(secret=RFC_SECRET, code=code[-6:], now=now) == seconds // 30


@pytest.mark.parametrize("away", [-2, 2])
def test_refuses_a_code_two_steps_away(guarded, away):
    user, app, _codes = guarded

    with pytest.raises(UnableToConfirmIdentity):
        check(user, app.at(NOW + away * STEP))


@pytest.mark.parametrize("away", [-1, 0, 1])
def test_takes_a_code_of_a_clock_one_step_away(guarded, away):
    user, app, _codes = guarded

    check(user, app.at(NOW + away * STEP))

    assert SecondFactor.objects.get().last_step == int(NOW.timestamp()) // 30 + away


def test_takes_no_code_twice_and_none_older_than_the_last(guarded):
    user, app, _codes = guarded
    check(user, app.at(NOW))

    for code in (app.at(NOW), app.at(NOW - STEP)):
        with pytest.raises(UnableToConfirmIdentity):
            check(user, code)


def test_keeps_neither_secret_nor_recovery_code(guarded):
    _user, app, codes = guarded
    rows = str([*SecondFactor.objects.values(), *RecoveryCode.objects.values(), *AuditEntry.objects.values()])

    assert app.secret not in rows
    assert [code for code in codes if code in rows or code.replace("-", "") in rows] == []
    assert len(set(codes)) == 10


def test_the_secret_follows_from_the_key_of_the_installation(guarded, settings):
    _user, app, _codes = guarded
    factor = SecondFactor.objects.get()

    settings.SECRET_KEY = "another one"

    assert factor_secret(factor) != app.secret


def test_a_recovery_code_works_once_however_it_is_typed(guarded):
    user, _app, codes = guarded
    check(user, f" {codes[0].lower().replace('-', ' ')} ")

    with pytest.raises(UnableToConfirmIdentity):
        check(user, codes[0])
    assert factor_state(user=user).recovery_left == 9
    assert AuditEntry.objects.filter(action="user.recovery_code.use").count() == 1


def test_new_recovery_codes_end_the_former_ones(guarded):
    user, _app, codes = guarded
    fresh = recovery_codes_renew(user=user, actor=actor_of(user), now=NOW)

    with pytest.raises(UnableToConfirmIdentity):
        check(user, codes[1])
    check(user, fresh[1])


def test_a_recovery_code_of_somebody_else_does_not_work(guarded):
    _user, _app, codes = guarded
    other = UserFactory()
    SecondFactor.objects.create(user=other, salt="x", confirmed_at=NOW)

    with pytest.raises(UnableToConfirmIdentity):
        check(other, codes[0])


def test_the_eleventh_code_in_a_quarter_of_an_hour_is_refused_even_if_right(guarded):
    user, app, _codes = guarded
    for _number in range(10):
        with pytest.raises(UnableToConfirmIdentity):
            check(user, "000000")

    with pytest.raises(TooMany) as refusal:
        check(user, app.at(NOW))

    assert 0 < refusal.value.retry_after_s <= 900


def test_is_not_on_before_a_first_code_confirms_it():
    user = UserFactory()
    factor = factor_begin(user=user, now=NOW)

    with pytest.raises(UnableToConfirmIdentity):
        factor_confirm(user=user, code="000000", actor=actor_of(user), now=NOW)

    assert not factor_on(user=user)
    assert factor_begin(user=user, now=NOW).salt == factor.salt


def test_a_set_up_that_took_too_long_begins_again():
    user = UserFactory()
    factor = factor_begin(user=user, now=NOW)
    later = NOW + timedelta(minutes=31)

    with pytest.raises(UnableToSetUpSecondFactor):
        factor_confirm(user=user, code=pyotp.TOTP(factor_secret(factor)).at(later), actor=actor_of(user), now=later)

    assert factor_begin(user=user, now=later).salt != factor.salt


def test_cannot_be_set_up_over_one_that_is_on(guarded):
    with pytest.raises(UnableToSetUpSecondFactor):
        factor_begin(user=guarded[0], now=NOW)


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

    assert b"a stolen password alone opens nothing" in client.get(reverse("operator")).content
    assert b"a stolen password alone opens nothing" in client.get(reverse("account")).content


def test_removing_what_is_off_is_refused():
    user = UserFactory()

    with pytest.raises(UnableToSetUpSecondFactor):
        factor_remove(user=user, actor=actor_of(user), now=NOW)
