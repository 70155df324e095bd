"""Values that MongoDB keeps in its own way: times, texts inside of JSON, large numbers, prefixes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError

from marketplace.models import Account
from marketplace.tests.ledgers import village
from myhouse.documents.idempotency import once
from myhouse.documents.models import IdempotencyRecord, OutboxMessage
from myhouse.documents.outbox import mail_put
from myhouse.documents.rows import row_change, rows_find
from myhouse.tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_place_inside_of_json_is_found_and_changed():
    mail_put(to="a@example.org", subject="x", body="x", now=NOW)
    mail_put(to="b@example.org", subject="x", body="x", now=NOW)

    found = OutboxMessage.objects.filter(payload__to="a@example.org")

    assert [one.payload["to"] for one in found] == ["a@example.org"]
    assert OutboxMessage.objects.filter(payload__to__in=["a@example.org", "c@example.org"]).count() == 1
    assert OutboxMessage.objects.exclude(payload__to="a@example.org").count() == 1
    assert found.delete()[0] == 1


@pytest.mark.parametrize("text", ["user:a.b(", "user:1+1*", "user:[x]^$"])
def test_what_begins_with_a_text_is_found_whatever_is_in_it(text):
    once(scope=f"{text}/route", key="k", request={}, now=NOW, run=lambda: (200, {}))
    once(scope="user:other/route", key="k", request={}, now=NOW, run=lambda: (200, {}))

    assert IdempotencyRecord.objects.filter(scope__startswith=text).count() == 1


def test_times_keep_their_milliseconds_and_are_compared_by_them():
    moment = NOW + timedelta(milliseconds=7)
    mail_put(to="a@example.org", subject="x", body="x", now=moment)

    assert OutboxMessage.objects.get().created_at == moment
    assert len(rows_find(OutboxMessage, created_at=moment)) == 1
    assert rows_find(OutboxMessage, created_at__lt=moment) == []


def test_nothing_and_something_are_told_apart_by_an_index():
    UserFactory()
    told = UserFactory(last_login=NOW)
    model = type(told)

    assert [one.pk for one in model.objects.filter(last_login__isnull=False)] == [told.pk]
    assert model.objects.filter(last_login__isnull=True).count() == 1
    assert model.objects.filter(last_login__lte=NOW).count() == 1


def test_a_sum_beyond_64_bits_is_refused_and_not_rounded():
    account = village(homes=1, money=0)[0].money

    assert row_change(Account, equal={"pk": account.pk}, put={"balance": 2**63 - 1})
    with pytest.raises(DatabaseError):
        row_change(Account, equal={"pk": account.pk}, add={"balance": 1})
    assert Account.objects.get(pk=account.pk).balance == 2**63 - 1
