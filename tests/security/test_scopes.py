"""Service tokens on every path of the API: each view says what it needs, and none leads to another household."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from myhouse.api.gate import ApiView
from myhouse.scopes import UNDECLARED, Scope
from myhouse.services.tokens import service_token_issue
from myhouse.tests.factories import NOW, actor_of, home
from tests.security.routes import HOUSEHOLDS, METHODS, ROUTES, named

API = [one for one in ROUTES if one.api and not one.public]
OF_HOUSEHOLDS = [one for one in HOUSEHOLDS if one.api]


def test_every_view_says_which_scope_it_needs():
    views = {one.path: getattr(one.callback, "cls", None) for one in API}

    assert len(views) > 40
    assert [path for path, view in views.items() if view is None] == []
    assert [path for path, view in views.items() if not issubclass(view, ApiView)] == []
    assert [path for path, view in views.items() if view.scopes is UNDECLARED] == []


def statuses(client, path):
    return {
        method: client.generic(method, path, "{}", content_type="application/json").status_code for method in METHODS
    }


def assert_shut(route):
    owner, household = home()
    _same, other = home(user=owner)
    _token, secret = service_token_issue(
        user=owner,
        household=household,
        name="Heat pump",
        scopes=Scope.values,
        expires_at=NOW + timedelta(days=9),
        actor=actor_of(owner),
        now=NOW,
    )
    client = Client(headers={"authorization": f"Bearer {secret}"})

    theirs = statuses(client, route.filled({"household_id": other.pk}))
    nothing = statuses(client, route.filled({}))

    assert set(theirs.values()) <= {403, 404, 405}
    assert theirs == nothing


@pytest.mark.django_db
@pytest.mark.parametrize("route", **named([one for one in OF_HOUSEHOLDS if not one.direct]))
def test_a_service_reaches_no_other_household_of_its_maker(route, at_now):
    assert_shut(route)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("route", **named([one for one in OF_HOUSEHOLDS if one.direct]))
def test_a_service_reaches_no_other_household_on_the_direct_paths(route, at_now):
    assert_shut(route)
