"""The second factor: real codes, the vectors of RFC 6238, each code once, and no way in around it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pyotp
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

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
from myhouse.tests.factories import NOW, UserFactory, actor_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
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


def test_removing_what_is_off_is_refused():
    user = UserFactory()

    with pytest.raises(UnableToSetUpSecondFactor):
        factor_remove(user=user, actor=actor_of(user), now=NOW)


def test_an_operator_switches_it_off_for_who_has_lost_everything(guarded, capsys):
    user, _app, _codes = guarded

    call_command("second_factor_off", user.email.upper())

    assert not factor_on(user=user)
    assert AuditEntry.objects.filter(action="user.second_factor.off", subject_id=user.pk).exists()
    with pytest.raises(CommandError):
        call_command("second_factor_off", user.email)


@pytest.mark.django_db(transaction=True)
def test_of_two_sign_ins_with_one_code_at_once_one_wins(guarded):
    user, app, _codes = guarded
    code, gate = app.at(NOW), Barrier(4)

    def attempt(_number):
        gate.wait()
        try:
            check(user, code)
        except UnableToConfirmIdentity:
            return "refused"
        finally:
            connection.close()
        return "in"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(attempt, range(4)))

    assert outcomes == ["in", "refused", "refused", "refused"]
