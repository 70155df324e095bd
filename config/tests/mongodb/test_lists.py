"""The operators' lists and searches answer on MongoDB, in bounded time."""

from __future__ import annotations

import uuid
from urllib.parse import urlencode

import pytest

from myhouse.admin import base
from myhouse.tests.factories import NOW, UserFactory
from tests.operators.world import NAMES, OURS, World, registered, url

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
TERMS = ("A (1+)*", str(uuid.UUID(int=7)))


@pytest.fixture
def operator(client):
    user = UserFactory(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def test_every_list_every_search_and_every_object_page_answers(client, operator, time_machine):
    time_machine.move_to(NOW, tick=False)
    own = World()
    wrong = []
    for model, name in zip(OURS, NAMES, strict=True):
        for chosen in [*(f"?{urlencode({'q': term})}" for term in TERMS), *_filters(client, model), *_orders(model)]:
            status = client.get(url(model, "changelist") + chosen).status_code
            wrong += [] if status == 200 else [f"{name} {chosen}: {status}"]
        status = client.get(url(model, "change", own.rows[model].pk)).status_code
        wrong += [] if status == 200 else [f"{name} {own.rows[model].pk}: {status}"]

    assert wrong == []


def test_a_list_that_takes_too_long_says_so(client, operator, monkeypatch):
    own = World()
    monkeypatch.setattr(base, "_READ_FOR_S", 0.000_01)

    answer = client.get(url(type(own.household), "changelist"))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "takes too long" in answer.content.decode()


def _filters(client, model):
    """Every choice of every filter that the list offers."""
    page = client.get(url(model, "changelist"))
    changelist = page.context["cl"]
    for spec in changelist.filter_specs:
        for choice in spec.choices(changelist):
            yield choice.get("query_string", "")


def _orders(model):
    return [f"?o={place}" for place in range(1, len(registered(model).list_display) + 1)]
