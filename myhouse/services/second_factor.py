"""The second factor at sign-in: codes of an authenticator app (TOTP, RFC 6238) and recovery codes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

import pyotp
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import Kind, UnableTo
from myhouse.limits import Limit, limit_clear, limit_hit
from myhouse.models import RecoveryCode, SecondFactor, User

ISSUER = "MyHouse"
STEP_S = 30
# The phone's clock may be this many steps away from ours.
STEPS_AWAY = 1
RECOVERY_CODES = 10
# What was begun and not confirmed is begun anew after this.
SET_UP_WITHIN = timedelta(minutes=30)
CODE_ACCOUNT = Limit("second-factor", tries=10, window_s=900)
CODE_ACCOUNT_DAY = Limit("second-factor-day", tries=60, window_s=86_400)
PASSWORD_AGAIN = Limit("password-again", tries=10, window_s=900)
# Without letters and digits that look alike.
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class UnableToSetUpSecondFactor(UnableTo):
    """The second factor is not in the state the request takes it to be in."""

    kind = Kind.CONFLICT


class UnableToConfirmIdentity(UnableTo):
    """The code or the password asked again is not the right one."""

    kind = Kind.INVALID


def factor_secret(factor: SecondFactor) -> str:
    """Return the secret that the app holds too, in base32; it is derived when needed and kept nowhere."""
    message = b"second factor " + factor.salt.encode() + factor.user_id.bytes
    digest = hmac.new(settings.SECRET_KEY.encode(), message, hashlib.sha256).digest()
    return base64.b32encode(digest[:20]).decode("ascii")


def factor_uri(*, factor: SecondFactor, user: User) -> str:
    """Return what the QR code says to the app."""
    return pyotp.TOTP(factor_secret(factor)).provisioning_uri(name=user.email, issuer_name=ISSUER)


def step_of(*, secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that the code belongs to, if it is one near now."""
    totp, here = pyotp.TOTP(secret, interval=STEP_S), int(now.timestamp()) // STEP_S
    found = None
    # Every step is compared, so that the time taken tells nothing.
    for step in range(here - STEPS_AWAY, here + STEPS_AWAY + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def identity_confirm(*, user: User, password: str, now: datetime) -> None:
    """Refuse unless this is the user's password; counted, so that an open session cannot be used to guess it."""
    limit_hit(limit=PASSWORD_AGAIN, subject=str(user.pk), now=now)
    if not check_password(password, user.password):
        raise UnableToConfirmIdentity(_("This is not your password. Type it again."), field="password")
    limit_clear(limit=PASSWORD_AGAIN, subject=str(user.pk), now=now)


@atomic
def factor_begin(*, user: User, now: datetime) -> SecondFactor:
    """Make a secret to be scanned, or return the one just made; it counts only once it is confirmed by a code."""
    factor = SecondFactor.objects.filter(user_id=user.pk).first()
    if factor is not None and factor.confirmed_at is not None:
        raise UnableToSetUpSecondFactor(_("The second factor is on already. Remove it first to set up another app."))
    if factor is not None and now - factor.created_at < SET_UP_WITHIN:
        return factor
    SecondFactor.objects.filter(user_id=user.pk, confirmed_at=None).delete()
    return SecondFactor.objects.create(user=user, salt=secrets.token_urlsafe(32), created_at=now)


def factor_confirm(*, user: User, code: str, actor: Actor, now: datetime) -> list[str]:
    """Switch the second factor on by a first code of the app; returns the recovery codes, shown this once."""
    _count(user, now)
    codes = _confirm(user=user, code=_plain(code), actor=actor, now=now)
    _forget(user, now)
    return codes


@atomic
def _confirm(*, user: User, code: str, actor: Actor, now: datetime) -> list[str]:
    factor = SecondFactor.objects.filter(user_id=user.pk, confirmed_at=None).first()
    if factor is None or now - factor.created_at >= SET_UP_WITHIN:
        raise UnableToSetUpSecondFactor(_("This took too long. Begin again and scan the new picture."))
    step = step_of(secret=factor_secret(factor), code=code, now=now)
    if step is None:
        raise UnableToConfirmIdentity(
            _("The code is not the one we expect. Check the clock of your phone and type the newest code."),
            field="code",
        )
    changed = SecondFactor.objects.filter(pk=factor.pk, confirmed_at=None).update(confirmed_at=now, last_step=step)
    if changed != 1:
        raise UnableToSetUpSecondFactor(_("The second factor is on already."))
    audit_record(actor=actor, action="user.second_factor.on", now=now, subject=user)
    return _recovery_codes_make(user)


def factor_check(*, user: User, code: str, actor: Actor, now: datetime) -> None:
    """Refuse unless the code is a fresh one of the user's app, or a recovery code not yet used; it is then used up."""
    _count(user, now)
    plain = _plain(code)
    if plain.isdigit() and len(plain) == 6:
        _app_code_use(user=user, code=plain, now=now)
    else:
        _recovery_code_use(user=user, code=plain, actor=actor, now=now)
    _forget(user, now)


@atomic
def factor_remove(*, user: User, actor: Actor, now: datetime) -> None:
    """Switch the second factor off; the recovery codes go with it."""
    deleted, _rows = SecondFactor.objects.filter(user_id=user.pk).delete()
    RecoveryCode.objects.filter(user_id=user.pk).delete()
    if not deleted:
        raise UnableToSetUpSecondFactor(_("The second factor is off already."))
    audit_record(actor=actor, action="user.second_factor.off", now=now, subject=user)


@atomic
def recovery_codes_renew(*, user: User, actor: Actor, now: datetime) -> list[str]:
    """Give out new recovery codes; the former ones end."""
    if not SecondFactor.objects.filter(user_id=user.pk, confirmed_at__lte=now).exists():
        raise UnableToSetUpSecondFactor(_("The second factor is off. Set it up first."))
    audit_record(actor=actor, action="user.recovery_codes", now=now, subject=user)
    return _recovery_codes_make(user)


@atomic
def _app_code_use(*, user: User, code: str, now: datetime) -> None:
    factor = SecondFactor.objects.filter(user_id=user.pk, confirmed_at__lte=now).first()
    step = None if factor is None else step_of(secret=factor_secret(factor), code=code, now=now)
    # Conditional: of two requests with one code only the first gets in, and none with an older one.
    if factor is None or step is None or not _step_take(factor, step):
        raise _refused()


def _step_take(factor: SecondFactor, step: int) -> bool:
    return SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step).update(last_step=step) == 1


@atomic
def _recovery_code_use(*, user: User, code: str, actor: Actor, now: datetime) -> None:
    digest = _digest(user, code)
    if RecoveryCode.objects.filter(user_id=user.pk, digest=digest, used_at=None).update(used_at=now) != 1:
        raise _refused()
    audit_record(actor=actor, action="user.recovery_code.use", now=now, subject=user)


def _refused() -> UnableToConfirmIdentity:
    return UnableToConfirmIdentity(
        _("This code does not work, or was used already. Wait for the next one, or take a recovery code."),
        field="code",
    )


def _recovery_codes_make(user: User) -> list[str]:
    RecoveryCode.objects.filter(user_id=user.pk).delete()
    codes = ["".join(secrets.choice(_LETTERS) for _place in range(12)) for _number in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(user, code)) for code in codes)
    return ["-".join((code[:4], code[4:8], code[8:])) for code in codes]


def _digest(user: User, code: str) -> str:
    # 60 random bits bound to the account: nothing to gain from a slow hash.
    return hashlib.sha256(user.pk.bytes + code.encode()).hexdigest()


def _plain(code: str) -> str:
    """Drop what people type between the parts of a code."""
    return "".join(code.split()).replace("-", "").upper()[:40]


def _count(user: User, now: datetime) -> None:
    limit_hit(limit=CODE_ACCOUNT, subject=str(user.pk), now=now)
    limit_hit(limit=CODE_ACCOUNT_DAY, subject=str(user.pk), now=now)


def _forget(user: User, now: datetime) -> None:
    limit_clear(limit=CODE_ACCOUNT, subject=str(user.pk), now=now)
    limit_clear(limit=CODE_ACCOUNT_DAY, subject=str(user.pk), now=now)
