"""Who looks at the operators' pages in these tests."""

import pytest

from myhouse.tests.factories import NOW, CommunityRoleFactory, UserFactory
from tests.operators.world import World


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


@pytest.fixture
def own(db):
    return World()


@pytest.fixture
def strange(db):
    """A community nobody here manages."""
    return World()
