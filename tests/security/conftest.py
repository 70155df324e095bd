"""One world for all paths of a module: it is made once, and every test takes its own changes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pyotp
import pytest

from tests.security.world import World, world
from tests.taken_back import made_once


@pytest.fixture(scope="module")
def strangers(django_db_setup, django_db_blocker) -> Iterator[World]:
    """Somebody else's household with one of everything."""
    yield from made_once(django_db_blocker, world)


@pytest.fixture
def guarded(db, at_now):
    """A user with the second factor on since a minute ago, his app and his recovery codes."""
    from myhouse.services.second_factor import factor_begin, factor_confirm, factor_secret
    from myhouse.tests.factories import NOW, actor_of, home

    user, _household = home()
    before = NOW - timedelta(minutes=1)
    app = pyotp.TOTP(factor_secret(factor_begin(user=user, now=before)))
    codes = factor_confirm(user=user, code=app.at(before), actor=actor_of(user), now=before)
    return user, app, codes


@pytest.fixture
def at_now(time_machine):
    """The clock stands at the moment the world was made."""
    from myhouse.tests.factories import NOW

    time_machine.move_to(NOW, tick=False)
    return time_machine
