"""What runs on the event loop, asked by a stranger: direct reads, event streams and live connections."""

import uuid

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from config.asgi import application
from myhouse.models.households import Role
from myhouse.tests.factories import MembershipFactory, UserFactory, home
from myhouse.tests.test_live import OpenPage
from tests.security.routes import METHODS, NESTED, OWNED, named, sockets, websockets
from tests.security.world import Visitor, statuses, world

pytestmark = pytest.mark.django_db(transaction=True)
DIRECT = [one for one in OWNED if one.direct]
SOCKETS = [one for one in sockets() if one.ids]


def test_finds_the_direct_reads_and_the_live_connections():
    assert {one.name for one in DIRECT} >= {"api-events"}
    # One with two ids would also have to be asked through one's own household.
    assert [one for one in DIRECT if one in NESTED] == []
    assert {one.path for one in SOCKETS} >= {"live/<uuid:household_id>/", "live/market/<uuid:household_id>/"}


@pytest.mark.parametrize("route", **named(DIRECT))
def test_answers_a_strangers_id_with_404_on_the_direct_reads(route, at_now):
    strangers = world()
    visitor = Visitor(home()[0])

    found = statuses(visitor, route, strangers.ids_for(route))
    of_nothing = statuses(visitor, route, {})

    assert set(found.values()) <= {404, 405}, found
    assert found == of_nothing


@sync_to_async
def people():
    """A home that is watched, and everybody who must not watch it."""
    owner = MembershipFactory(starts_at=timezone.now())
    ended = MembershipFactory(household=owner.household, starts_at=timezone.now(), ends_at=timezone.now())
    supplier = MembershipFactory(household=owner.household, starts_at=timezone.now(), role=Role.SUPPLIER)
    return owner.household, {
        "nobody": AnonymousUser(),
        "stranger": UserFactory(),
        "former": ended.user,
        "supplier": supplier.user,
    }


async def closing_code(route, ids, user):
    """Connect, and return the code we close with; anything that is sent before is an error."""
    scope = {"type": "websocket", "path": route.filled(ids), "headers": [], "user": user}
    page = OpenPage(websockets(), scope)
    await page.connect()
    closing = await page.receive_output(5)
    assert closing["type"] == "websocket.close", closing
    return closing["code"]


@pytest.mark.parametrize("who", ["nobody", "stranger", "former", "supplier"])
@pytest.mark.parametrize("route", **named(SOCKETS))
async def test_no_live_connection_tells_a_stranger_anything(route, who):
    household, visitors = await people()

    code = await closing_code(route, {"household_id": household.pk}, visitors[who])
    of_nothing = await closing_code(route, {"household_id": uuid.UUID(int=1)}, visitors[who])

    assert 4400 <= code <= 4499
    assert who == "supplier" or code == of_nothing


def test_a_program_gets_no_direct_answer_without_a_token():
    strangers = world()
    visitor = Visitor(None)

    found = {one.path: statuses(visitor, one, strangers.ids_for(one), METHODS) for one in DIRECT}

    assert {status for answers in found.values() for status in answers.values()} <= {401, 405}


@pytest.mark.parametrize("route", **named(SOCKETS))
async def test_no_other_site_opens_a_live_connection_in_a_members_browser(route):
    household, _visitors = await people()
    path = route.filled({"household_id": household.pk})
    headers = [(b"origin", b"https://evil.example"), (b"host", b"testserver")]
    page = OpenPage(application, {"type": "websocket", "path": path, "headers": headers})

    await page.send_input({"type": "websocket.connect"})

    assert (await page.receive_output(5))["type"] == "websocket.close"
