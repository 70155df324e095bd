"""Every path of the site, found by itself: a stranger's id answers 404, and nobody gets in unasked.

A new path is walked without being listed here; one with an id of a new name fails until an object is known for it.
"""

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from myhouse.tests.factories import home
from tests.security.routes import GUARDED, METHODS, NESTED, OWNED, ROUTES, VALUES, named, sockets
from tests.security.world import Visitor, statuses

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.usefixtures("uncounted", "at_now")]
PLAIN = [one for one in OWNED if not one.direct]
# A body may be refused before the object is looked for; then it must be so for any id.
CLOSED = {404, 405, 422}


@pytest.fixture
def visitor(strangers):
    """Somebody with a household of his own."""
    user, household = home()
    one = Visitor(user)
    one.household = household
    return one


def test_finds_the_paths_of_pages_and_api():
    paths = {one.path for one in GUARDED}

    assert "households/<uuid:household_id>/members/" in paths
    assert "api/v1/households/<uuid:household_id>/appliances" in paths
    assert len(paths) > 90


def test_knows_a_strangers_object_for_every_id_in_any_path(strangers):
    names = {name for one in ROUTES for name in one.ids} | {name for one in sockets() for name in one.ids}

    assert names - set(strangers.ids) == set()


def test_knows_a_valid_value_for_every_other_part_of_a_path():
    names = {name for one in ROUTES for name in set(one.converters) - one.ids}

    assert names - set(VALUES) == set()


@pytest.mark.parametrize("route", **named(PLAIN))
def test_answers_a_strangers_id_with_404_whatever_the_method(strangers, visitor, route):
    found = statuses(visitor, route, strangers.ids_for(route))
    of_nothing = statuses(visitor, route, {})

    assert set(found.values()) <= CLOSED, found
    assert found == of_nothing


@pytest.mark.parametrize("route", **named([one for one in NESTED if not one.direct]))
def test_a_strangers_object_is_not_reached_through_ones_own_household(strangers, visitor, route):
    own = {"household_id": visitor.household.pk}

    found = statuses(visitor, route, strangers.ids_for(route) | own)
    of_nothing = statuses(visitor, route, own)

    assert set(found.values()) <= CLOSED, found
    assert found == of_nothing


@pytest.mark.parametrize("route", **named(PLAIN))
def test_its_owner_is_answered_otherwise_than_a_stranger(strangers, route):
    """Else the walk above would prove nothing: the ids must be those of real objects."""
    owner = Visitor(strangers.owner)

    found = statuses(owner, route, strangers.ids_for(route))

    assert set(found.values()) - CLOSED or found != statuses(owner, route, {}), found


@pytest.mark.parametrize("route", **named(GUARDED))
def test_lets_nobody_in_who_has_not_signed_in(strangers, route):
    visitor = Visitor(None)

    answers = {method: visitor.ask(method, route.filled(strangers.ids_for(route))) for method in METHODS}

    for method, answer in answers.items():
        if answer.status_code == 302:
            assert answer.url.startswith(reverse("sign-in")), (method, answer.url)
        elif route.path == "api/v1/tokens" and method == "POST":
            assert answer.status_code == 422
        else:
            assert answer.status_code in {401, 405}, (method, answer.status_code)


@pytest.mark.parametrize("name", ["service", "token", "invitation", "display"])
def test_a_secret_opens_what_it_is_for_and_no_other_household(strangers, name):
    _other, household = home()

    answer = Client().get(
        f"/api/v1/households/{household.pk}", headers={"Authorization": f"Bearer {strangers.secrets[name]}"}
    )

    assert answer.status_code in {401, 403, 404}


def test_an_id_that_is_none_is_nowhere(strangers):
    visitor = Visitor(strangers.owner)

    assert visitor.ask("GET", f"/households/{uuid.UUID(int=1)}/").status_code == 404
    assert visitor.ask("GET", "/households/1/").status_code == 404
