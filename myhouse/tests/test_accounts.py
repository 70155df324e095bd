"""Accounts and tokens."""

from datetime import timedelta

import pytest

from myhouse.documents.models import OutboxMessage
from myhouse.models import User
from myhouse.services.accounts import (
    UnableToChangeAccount,
    UnableToSignUp,
    user_change,
    user_password_set,
    user_sign_up,
)
from myhouse.services.households import UnableToJoin, invitation_create
from myhouse.services.sign_up import Wish, sign_up_begin, sign_up_finish, sign_up_invited, sign_up_read
from myhouse.services.tokens import token_issue, token_use
from myhouse.tests.factories import NOW, PASSWORD, UserFactory, actor_of, home

pytestmark = pytest.mark.django_db
NEW = {"email": "New@Example.org", "password": PASSWORD, "name": "New One", "language": "de", "now": NOW}


def test_signs_up_with_the_address_in_lower_case():
    user = user_sign_up(**NEW)

    assert (user.email, user.language, user.check_password(PASSWORD)) == ("new@example.org", "de", True)


def test_refuses_an_address_that_differs_in_case_only():
    user_sign_up(**NEW)

    with pytest.raises(UnableToSignUp) as refused:
        user_sign_up(**{**NEW, "email": "NEW@example.ORG"})

    assert refused.value.field == "email"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"),
        ("name", " "),
        ("name", "x" * 81),
        ("language", "xx"),
        ("password", "short"),
        ("password", "1234567890123"),
        ("password", "new@example.org"),
    ],
)
def test_refuses_a_sign_up_with_a_wrong_field_and_names_it(field, value):
    with pytest.raises(UnableToSignUp) as refused:
        user_sign_up(**{**NEW, field: value})

    assert refused.value.field == field
    assert User.objects.count() == 0


def wish(**fields):
    return Wish(**{"email": "new@example.org", "name": "New One", "language": "en", **fields})


def mailed():
    return [(m.payload["to"], m.payload["body"]) for m in OutboxMessage.objects.order_by("created_at", "pk")]


def test_a_wish_makes_no_account_but_owes_a_mail():
    sign_up_begin(wish=wish(), now=NOW)

    assert User.objects.count() == 0
    assert [to for to, _body in mailed()] == ["new@example.org"]


def test_mails_nothing_to_what_is_no_address():
    with pytest.raises(UnableToSignUp) as refused:
        sign_up_begin(wish=wish(email="nowhere"), now=NOW)

    assert (refused.value.field, mailed()) == ("email", [])


def test_mails_the_holder_of_a_known_address_that_there_is_an_account():
    UserFactory(email="new@example.org")

    sign_up_begin(wish=wish(email="NEW@example.org"), now=NOW)

    [(to, body)] = mailed()
    assert to == "new@example.org"
    assert "sign-up/finish" not in body
    assert "password/reset" in body


def link_of(body):
    return body.split("/sign-up/finish/")[1].split("/")[0]


def test_finishes_a_sign_up_by_the_mailed_link():
    sign_up_begin(wish=wish(), now=NOW)

    user, household = sign_up_finish(token=link_of(mailed()[0][1]), password=PASSWORD, now=NOW)

    assert (user.email, household) == ("new@example.org", None)


def test_the_mailed_link_makes_one_account_only():
    sign_up_begin(wish=wish(), now=NOW)
    token = link_of(mailed()[0][1])
    sign_up_finish(token=token, password=PASSWORD, now=NOW)

    with pytest.raises(UnableToSignUp):
        sign_up_finish(token=token, password=PASSWORD, now=NOW)


def test_refuses_a_forged_link():
    with pytest.raises(UnableToSignUp):
        sign_up_read(token="eyJlbWFpbCI6ImEifQ:forged:forged")


def test_refuses_a_link_older_than_a_day(time_machine):
    time_machine.move_to(NOW)
    sign_up_begin(wish=wish(), now=NOW)
    token = link_of(mailed()[0][1])

    time_machine.move_to(NOW + timedelta(hours=24, seconds=1))

    with pytest.raises(UnableToSignUp):
        sign_up_read(token=token)


def test_signing_up_by_an_invitation_joins_directly():
    owner, household = home()
    _invitation, secret = invitation_create(
        household=household, role="viewer", email="", actor=actor_of(owner), now=NOW
    )
    sign_up_begin(wish=wish(invitation=secret), now=NOW)

    _user, joined = sign_up_finish(token=link_of(mailed()[0][1]), password=PASSWORD, now=NOW)

    assert joined == household


def test_a_dead_invitation_leaves_no_half_made_account():
    owner, household = home()
    _invitation, secret = invitation_create(
        household=household, role="viewer", email="", actor=actor_of(owner), now=NOW
    )
    sign_up_begin(wish=wish(invitation=secret), now=NOW)

    with pytest.raises(UnableToJoin):
        sign_up_finish(token=link_of(mailed()[0][1]), password=PASSWORD, now=NOW + timedelta(days=8))

    assert not User.objects.filter(email="new@example.org").exists()


def test_a_mailed_invitation_proves_the_address():
    owner, household = home()
    _invitation, secret = invitation_create(
        household=household, role="owner", email="New@example.org", actor=actor_of(owner), now=NOW
    )

    user, joined = sign_up_invited(secret=secret, password=PASSWORD, name="New", language="en", now=NOW)

    assert (user.email, joined) == ("new@example.org", household)


def test_an_invitation_that_was_not_mailed_proves_nothing():
    owner, household = home()
    _invitation, secret = invitation_create(
        household=household, role="owner", email="", actor=actor_of(owner), now=NOW
    )

    with pytest.raises(UnableToSignUp):
        sign_up_invited(secret=secret, password=PASSWORD, name="New", language="en", now=NOW)


def test_changes_name_language_theme_and_consent():
    user = UserFactory()
    values = {"name": "Ada", "language": "de", "theme": "dark", "name_shown_to_neighbours": True}

    user_change(user=user, actor=actor_of(user), now=NOW, **values)

    user.refresh_from_db()
    assert {name: getattr(user, name) for name in values} == values


def test_refuses_an_unknown_theme():
    user = UserFactory()

    with pytest.raises(UnableToChangeAccount) as refused:
        user_change(
            user=user,
            name="Ada",
            language="en",
            theme="pink",
            name_shown_to_neighbours=False,
            actor=actor_of(user),
            now=NOW,
        )

    assert refused.value.field == "theme"


def test_a_new_password_ends_all_tokens():
    user = UserFactory()
    _token, secret = token_issue(user=user, name="x", now=NOW)

    user_password_set(user=user, password="another long secret", actor=actor_of(user), now=NOW)

    assert token_use(secret=secret, now=NOW) is None
