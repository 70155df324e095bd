"""What the people of one household may not do: a viewer changes nothing, a supplier sees sums and changes nothing.

Walked over every path below a household. What a role may do nevertheless is listed here by name.
"""

from contextlib import contextmanager

import pytest

from myhouse.models.households import Role
from tests.security.routes import HOUSEHOLDS, UNSAFE, named
from tests.security.world import Visitor, statuses
from tests.statements import statements

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.usefixtures("uncounted", "at_now")]
PLAIN = [one for one in HOUSEHOLDS if not one.direct]
REFUSED = {403, 405}
# Pages that only show something answer a form sent to them by showing it.
SHOWN = {200, 302}
# The name of the household, where its sums are (and which of its meters there are, but not what they say).
SUPPLIERS_OWN = {
    "households/<uuid:household_id>/",
    "households/<uuid:household_id>/energy/",
    "api/v1/households/<uuid:household_id>",
    "api/v1/households/<uuid:household_id>/measurements",
}


@contextmanager
def written():
    """Collect the statements that change something but the session."""
    found = []
    with statements() as asked:
        yield found
    found += [one.words for one in asked if one.writes and "django_session" not in one.words]


def test_sees_what_a_change_writes(strangers):
    with written() as found:
        strangers.member(Role.VIEWER)

    assert any("insert" in words.lower() for words in found)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUPPLIER])
@pytest.mark.parametrize("route", **named(PLAIN))
def test_a_viewer_and_a_supplier_change_nothing(strangers, route, role):
    visitor = Visitor(strangers.member(role))

    with written() as changes:
        found = statuses(visitor, route, strangers.ids_for(route), UNSAFE)

    assert changes == []
    assert set(found.values()) <= (REFUSED if route.api else REFUSED | SHOWN), found


@pytest.mark.parametrize("route", **named(PLAIN))
def test_a_supplier_sees_nothing_but_sums(strangers, route):
    visitor = Visitor(strangers.member(Role.SUPPLIER))

    found = visitor.ask("GET", route.filled(strangers.ids_for(route))).status_code

    assert found in REFUSED or (route.path in SUPPLIERS_OWN and found in SHOWN), found


def test_a_supplier_sees_a_month_but_no_day(strangers):
    visitor = Visitor(strangers.member(Role.SUPPLIER))
    energy = f"/households/{strangers.household.pk}/energy"

    assert visitor.ask("GET", f"{energy}/month/2026-06-01/").status_code == 200
    assert visitor.ask("GET", f"{energy}/day/2026-06-01/").status_code == 403
