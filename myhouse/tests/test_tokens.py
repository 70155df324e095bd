"""Bearer tokens: a person's own ones, and those that let a service into one household."""

from datetime import timedelta

import pytest

from myhouse.documents.base import FOREVER
from myhouse.documents.models import AuditEntry
from myhouse.errors import NotFound, UnableTo
from myhouse.models import AccessToken, Membership, User
from myhouse.selectors.accounts import service_tokens_of, tokens_of
from myhouse.selectors.households import accesses_of, household_for
from myhouse.services.tokens import (
    UnableToIssueServiceToken,
    UnableToIssueToken,
    service_token_issue,
    service_token_revoke,
    token_issue,
    token_revoke,
    token_use,
    tokens_tidy,
)
from myhouse.tests.factories import NOW, MembershipFactory, UserFactory, actor_of, home

pytestmark = pytest.mark.django_db


def test_keeps_the_secret_of_a_token_nowhere():
    token, secret = token_issue(user=UserFactory(), name="x", now=NOW)

    assert secret not in str(AccessToken.objects.values().get(pk=token.pk))


def test_a_token_ends_an_hour_after_its_last_use():
    _token, secret = token_issue(user=UserFactory(), name="x", now=NOW)

    assert token_use(secret=secret, now=NOW + timedelta(minutes=59)) is not None
    assert token_use(secret=secret, now=NOW + timedelta(minutes=118)) is not None
    assert token_use(secret=secret, now=NOW + timedelta(minutes=179)) is None


def test_a_busy_token_is_written_at_most_once_a_minute(django_assert_num_queries):
    _token, secret = token_issue(user=UserFactory(), name="x", now=NOW)

    with django_assert_num_queries(2):
        token_use(secret=secret, now=NOW + timedelta(seconds=59))
    with django_assert_num_queries(3):
        token_use(secret=secret, now=NOW + timedelta(seconds=60))


def test_a_token_of_a_closed_account_is_none():
    user = UserFactory()
    _token, secret = token_issue(user=user, name="x", now=NOW)
    User.objects.update(is_active=False)

    assert token_use(secret=secret, now=NOW) is None


def test_only_the_own_tokens_can_be_revoked():
    token, secret = token_issue(user=UserFactory(), name="x", now=NOW)
    stranger = UserFactory()

    with pytest.raises(NotFound):
        token_revoke(user=stranger, token_id=token.pk, actor=actor_of(stranger), now=NOW)

    assert token_use(secret=secret, now=NOW) is not None


def test_bounds_the_live_tokens_of_an_account():
    user = UserFactory()
    for _ in range(50):
        token_issue(user=user, name="x", now=NOW)

    with pytest.raises(UnableToIssueToken):
        token_issue(user=user, name="x", now=NOW)


def test_tidies_away_tokens_that_ended():
    token_issue(user=UserFactory(), name="x", now=NOW)

    assert tokens_tidy(now=NOW + timedelta(minutes=59)) == 0
    assert tokens_tidy(now=NOW + timedelta(hours=1)) == 1


def service_token(user, household, **changed):
    values = {"name": "Heat pump", "scopes": ["readings:read"], "expires_at": NOW + timedelta(days=365)} | changed
    return service_token_issue(user=user, household=household, actor=actor_of(user), now=NOW, **values)


def test_lets_a_service_into_one_household_only():
    user, household = home()
    _same, other = home(user=user)
    _token, secret = service_token(user, household)

    used = token_use(secret=secret, now=NOW)

    assert used is not None
    assert used.scopes == ["readings:read"]
    assert [access.household for access in accesses_of(user=used.user, now=NOW)] == [household]
    with pytest.raises(NotFound):
        household_for(user=used.user, household_id=other.pk, now=NOW)


def test_a_service_token_keeps_its_date_however_often_it_is_used():
    _token, secret = service_token(*home(), expires_at=NOW + timedelta(days=1))

    assert token_use(secret=secret, now=NOW + timedelta(hours=23)) is not None
    assert token_use(secret=secret, now=NOW + timedelta(hours=24)) is None


def test_notes_when_a_service_token_was_last_used_at_most_once_a_minute(django_assert_num_queries):
    _token, secret = service_token(*home())

    with django_assert_num_queries(4):
        token_use(secret=secret, now=NOW)
    with django_assert_num_queries(4):
        token_use(secret=secret, now=NOW + timedelta(minutes=1))
    with django_assert_num_queries(3):
        token_use(secret=secret, now=NOW + timedelta(seconds=119))


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"ends_at": NOW}])
def test_a_service_token_is_worth_nothing_once_its_maker_owns_no_more(change):
    user, household = home()
    _token, secret = service_token(user, household)
    Membership.objects.filter(user=user).update(**change)

    assert token_use(secret=secret, now=NOW) is None


def test_a_service_token_ends_with_its_makers_account():
    user, household = home()
    _token, secret = service_token(user, household)
    User.objects.update(is_active=False)

    assert token_use(secret=secret, now=NOW) is None


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["readings:read", "everything"]}, "scopes"),
        ({"expires_at": NOW}, "expires_at"),
        ({"expires_at": NOW + timedelta(days=732)}, "expires_at"),
        ({"expires_at": FOREVER}, "expires_at"),
    ],
)
def test_refuses_a_service_token_that_cannot_be_so(changed, field):
    user, household = home()

    with pytest.raises(UnableToIssueServiceToken) as refused:
        service_token(user, household, **changed)

    assert refused.value.field == field
    assert not AccessToken.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "supplier"])
def test_only_an_owner_lets_a_service_in(role):
    user, household = home(role=role)

    with pytest.raises(UnableTo):
        service_token(user, household)


def test_any_owner_of_the_household_ends_a_service_token():
    user, household = home()
    token, secret = service_token(user, household)
    second = MembershipFactory(household=household).user

    service_token_revoke(household=household, token_id=token.pk, actor=actor_of(second), now=NOW)

    assert token_use(secret=secret, now=NOW) is None
    assert set(AuditEntry.objects.values_list("action", "actor_label")) == {
        ("service_token.issue", user.email),
        ("service_token.revoke", second.email),
    }


def test_another_households_service_token_cannot_be_ended():
    token, secret = service_token(*home())
    owner, other = home()

    with pytest.raises(NotFound):
        service_token_revoke(household=other, token_id=token.pk, actor=actor_of(owner), now=NOW)

    assert token_use(secret=secret, now=NOW) is not None


def test_lists_the_two_kinds_apart(django_assert_num_queries):
    user, household = home()
    service, _secret = service_token(user, household)
    own, _secret = token_issue(user=user, name="x", now=NOW)

    with django_assert_num_queries(2):
        services = service_tokens_of(household=household, now=NOW)

    assert tokens_of(user=user, now=NOW) == [own]
    assert services == [service]
    with pytest.raises(NotFound):
        token_revoke(user=user, token_id=service.pk, actor=actor_of(user), now=NOW)


def test_bounds_the_service_tokens_of_a_household():
    user, household = home()
    for _ in range(50):
        service_token(user, household)

    with pytest.raises(UnableToIssueToken):
        service_token(user, household)


def test_keeps_the_secret_of_a_service_token_nowhere():
    token, secret = service_token(*home())

    assert secret not in str(AccessToken.objects.values().get(pk=token.pk))
    assert secret not in str(list(AuditEntry.objects.values()))
