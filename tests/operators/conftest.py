"""Who looks at the operators' pages in these tests."""

from copy import deepcopy

import pytest
from time_machine import travel

from myhouse.tests.factories import NOW, CommunityRoleFactory, UserFactory
from tests.operators.world import World
from tests.taken_back import made_once


@pytest.fixture(autouse=True)
def _at_now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def operator(client):
    user = UserFactory(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def manager(client, own):
    """The manager of the community of `own`, signed in."""
    user = UserFactory(is_staff=True)
    CommunityRoleFactory(user=user, community=own.community)
    client.force_login(user)
    return user


@pytest.fixture(scope="module", autouse=True)
def worlds(request, django_db_setup, django_db_blocker):
    """Two communities for all tests of a module that says so; each takes its own changes back."""
    if not getattr(request.module, "SHARES_WORLDS", False):
        yield ()
        return
    with travel(NOW, tick=False):
        yield from made_once(django_db_blocker, lambda: (World(), World()))


@pytest.fixture
def own(db, worlds):
    return deepcopy(worlds[0]) if worlds else World()


@pytest.fixture
def strange(db, worlds):
    """A community nobody here manages."""
    return deepcopy(worlds[1]) if worlds else World()
