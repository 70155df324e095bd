"""Signing up: the address is proven by a mailed link before there is an account.

The page answers the same whether an address has an account or not, and only the mail tells; nobody can find out
who is a member. Until the link is opened nothing is stored but the mail: name and address travel signed in the link.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic
from myhouse.errors import FieldError
from myhouse.models import Household, Invitation, User
from myhouse.services.accounts import UnableToSignUp, user_sign_up
from myhouse.services.households import invitation_accept, invitation_find
from myhouse.services.letters import letter_known, letter_sign_up

LINK_LASTS = timedelta(hours=24)
_SALT = "myhouse.sign-up"


@dataclass(frozen=True)
class Wish:
    """What somebody who wants an account told us; `invitation` is the secret of a link he followed."""

    email: str
    name: str
    language: str
    invitation: str = ""


@atomic
def sign_up_begin(*, wish: Wish, now: datetime) -> None:
    """Mail a link to finish the sign-up; to the holder of an account mail that there is one."""
    email = wish.email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        message = _("Give a complete e-mail address, such as name@example.org.")
        raise UnableToSignUp(message, field="email") from None
    known = User.objects.filter(email=email).first()
    if known is not None:
        letter_known(to=email, name=known.name, language=known.language, now=now)
        return
    token = signing.dumps({**asdict(wish), "email": email}, salt=_SALT, compress=True)
    letter_sign_up(to=email, name=wish.name, token=token, language=wish.language, now=now)


def sign_up_read(*, token: str) -> Wish:
    """Return the wish a mailed link carries; refuse a forged or old one."""
    try:
        return Wish(**signing.loads(token, salt=_SALT, max_age=LINK_LASTS))
    except (signing.BadSignature, TypeError):
        raise UnableToSignUp(_("This link is not valid any more. Sign up again to get a new one.")) from None


@atomic
def sign_up_finish(*, token: str, password: str, now: datetime) -> tuple[User, Household | None]:
    """Make the account a mailed link stands for, and join the household it was invited to."""
    wish = sign_up_read(token=token)
    user = user_sign_up(email=wish.email, password=password, name=wish.name, language=wish.language, now=now)
    if not wish.invitation:
        return user, None
    membership = invitation_accept(secret=wish.invitation, user=user, now=now)
    return user, membership.household


@atomic
def sign_up_invited(*, secret: str, password: str, name: str, language: str, now: datetime) -> tuple[User, Household]:
    """Make an account and join at once, by an invitation that was mailed to the address of the account."""
    invitation = invitation_find(secret=secret, now=now)
    if not address_proven(invitation):
        raise UnableToSignUp(
            _("The address is not proven yet. Sign up and open the link in the mail."),
            errors=[FieldError("email", _("Give your address first."))],
        )
    user = user_sign_up(email=invitation.email, password=password, name=name, language=language, now=now)
    return user, invitation_accept(secret=secret, user=user, now=now).household


def address_proven(invitation: Invitation) -> bool:
    """Whether holding the link proves the address: it was mailed there and shown nowhere else."""
    return bool(invitation.email)
