"""The same request twice is done once."""

from datetime import timedelta

import pytest

from myhouse.documents.idempotency import UnableToRepeat, UnableToRunTwice, once, records_forget
from myhouse.documents.models import IdempotencyRecord
from myhouse.errors import UnableTo
from myhouse.models import Household
from myhouse.tests.factories import NOW, HouseholdFactory


def create(name="A"):
    return 201, {"id": str(Household.objects.create(name=name).pk)}


def ask(**fields):
    return once(**{"scope": "u POST /x", "key": "k1", "request": {"name": "A"}, "now": NOW, "run": create, **fields})


@pytest.mark.django_db
def test_gives_the_first_answer_again():
    first = ask()
    second = ask(request={"name": "A"})

    assert (second.status, second.body, second.repeated) == (first.status, first.body, True)
    assert Household.objects.count() == 1


@pytest.mark.django_db
def test_does_not_depend_on_the_order_of_the_fields():
    ask(request={"a": 1, "b": 2})

    assert ask(request={"b": 2, "a": 1}).repeated


@pytest.mark.django_db
def test_refuses_another_body_under_the_same_key():
    ask()

    with pytest.raises(UnableToRepeat):
        ask(request={"name": "B"})


@pytest.mark.django_db
def test_keys_of_two_users_do_not_meet():
    ask(scope="one")
    ask(scope="two")

    assert Household.objects.count() == 2


@pytest.mark.django_db
def test_a_refused_request_may_be_sent_again_under_its_key():
    def refuse():
        HouseholdFactory()
        raise UnableTo("no")

    with pytest.raises(UnableTo):
        ask(run=refuse)
    assert Household.objects.count() == 0

    assert not ask().repeated


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x" * 81])
def test_refuses_a_key_that_is_empty_or_too_long(key):
    with pytest.raises(UnableToRepeat):
        ask(key=key)


@pytest.mark.django_db
def test_takes_over_a_request_that_died_with_its_process():
    IdempotencyRecord.objects.create(scope="u POST /x", key="k1", body_digest="", created_at=NOW)
    IdempotencyRecord.objects.update(body_digest=_digest_of({"name": "A"}))

    with pytest.raises(UnableToRunTwice):
        ask(now=NOW + timedelta(seconds=14))
    assert not ask(now=NOW + timedelta(seconds=16)).repeated


def _digest_of(request):
    from myhouse.documents.idempotency import _digest

    return _digest(request)


@pytest.mark.django_db
def test_the_one_that_was_overtaken_writes_nothing():
    def overtaken():
        HouseholdFactory()
        IdempotencyRecord.objects.update(created_at=NOW + timedelta(minutes=2))
        return 201, {}

    with pytest.raises(UnableToRunTwice):
        ask(run=overtaken)

    assert Household.objects.count() == 0


@pytest.mark.django_db
def test_forgets_after_thirty_days():
    ask()

    assert records_forget(now=NOW + timedelta(days=30)) == 0
    assert records_forget(now=NOW + timedelta(days=30, seconds=1)) == 1


@pytest.mark.django_db
def test_an_old_key_is_free_again_even_before_it_is_tidied_away():
    ask()

    again = ask(request={"name": "other"}, now=NOW + timedelta(days=31))

    assert not again.repeated


@pytest.mark.django_db
def test_answers_conflict_while_the_first_is_running():
    def asks_again_meanwhile():
        with pytest.raises(UnableToRunTwice):
            ask()
        return create()

    assert ask(run=asks_again_meanwhile).status == 201
    assert Household.objects.count() == 1
