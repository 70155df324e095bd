"""A person's news by API: listed, counted, marked as read."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from myhouse.models import Notice
from myhouse.services.notices import notice_tell
from myhouse.services.tokens import token_issue
from myhouse.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return UserFactory(told_by_mail=False)


@pytest.fixture
def client(person):
    _token, secret = token_issue(user=person, name="x", now=timezone.now())
    return Client(headers={"Authorization": f"Bearer {secret}"})


def tell(*people, text="Sold: 1 kWh."):
    return notice_tell(text=text, users=people, url="/notices/", now=timezone.now())


def read(client, **query):
    return client.get("/api/v1/notices", query_params=query).json()


def mark(client, body):
    return client.post("/api/v1/notices/read", body, content_type="application/json")


def test_lists_one_s_own_news_the_newest_first(person, client):
    tell(UserFactory())
    for text in ("one", "two"):
        tell(person, text=text)

    found = read(client)

    assert [one["text"] for one in found["results"]] == ["two", "one"]
    assert (found["unread"], found["results"][0]["read_at"], found["results"][0]["url"]) == (2, None, "/notices/")


def test_marks_some_then_all_as_read_and_nobody_else_s(person, client):
    other = UserFactory()
    first, *_rest = [tell(person)[0] for _number in range(3)]
    tell(other)

    some = mark(client, {"ids": [str(first.pk), str(Notice.objects.get(user=other).pk)]})
    rest = mark(client, {})

    assert (some.json(), rest.json()) == ({"marked": 1}, {"marked": 2})
    assert read(client)["unread"] == 0
    assert read(client)["results"][0]["read_at"].endswith("Z")
    assert Notice.objects.get(user=other).read_at.year == 9999


@pytest.mark.parametrize("body", [{"ids": "x"}, {"ids": ["x"]}, {"ids": [1] * 201}])
def test_refuses_what_are_no_ids(client, body):
    answer = mark(client, body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith("ids")


def test_many_come_page_by_page_with_four_queries(person, client, django_assert_num_queries):
    for number in range(5):
        tell(person, text=str(number))

    with django_assert_num_queries(4):  # token, user, page, count
        first = read(client, limit=3)
    rest = read(client, limit=3, cursor=first["next_cursor"])

    assert [one["text"] for one in first["results"] + rest["results"]] == ["4", "3", "2", "1", "0"]
    assert rest["next_cursor"] is None
