"""Every path of the site, found by itself: a stranger's id answers 404, and nobody gets in unasked.

A new path is walked without being listed here; only paths that are public on purpose are.
"""

import uuid
from inspect import iscoroutinefunction

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from myhouse.models import Membership
from myhouse.services.tokens import token_issue
from myhouse.tests.factories import (
    NOW,
    ApplianceFactory,
    BatteryFactory,
    MeasurementFactory,
    MeteringPointFactory,
    UserFactory,
    actor_of,
    home,
)

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Open to everybody on purpose.
PUBLIC_NAMES = {
    "landing",
    "sign-in",
    "sign-out",
    "sign-up",
    "sign-up-sent",
    "sign-up-finish",
    "password-reset",
    "password-reset-sent",
    "password-reset-confirm",
    "theme-set",
    "set_language",
    "join",
    "join-sign-up",
    "api-schema",
    "api-docs",
}
PUBLIC_ROUTES = {"healthz", "readyz"}
# The admin guards itself; device endpoints know no users, only device keys, and are proven beside their code.
OTHER_PREFIXES = ("admin/", "ingest/", "static/", "media/")


def patterns(resolver=None, prefix=""):
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        elif isinstance(entry, URLPattern):
            yield route.replace("^", "").replace("$", ""), entry


def walked():
    return [
        (route, entry)
        for route, entry in patterns()
        if not route.startswith(OTHER_PREFIXES) and route not in PUBLIC_ROUTES and entry.name not in PUBLIC_NAMES
    ]


ROUTES = walked()
OWNED = [(route, entry) for route, entry in ROUTES if "<uuid:" in route]
# Asynchronous views read on a thread of their own, which sees what was committed only.
DIRECT = [(route, entry) for route, entry in OWNED if iscoroutinefunction(entry.callback)]
PLAIN = [one for one in OWNED if one not in DIRECT]
VALUES = {"unit": "day", "start": "2026-06-01", "form": "csv", "name": "x", "slot": "primary", "secret": "x"}


def path_for(route, entry, ids):
    """Fill a route with the stranger's own ids, so that each object exists but is not ours."""
    path = route
    for name, converter in entry.pattern.converters.items():
        kind = type(converter).__name__
        value = ids.get(name, uuid.UUID(int=1)) if kind == "UUIDConverter" else VALUES.get(name, "1")
        for written in (f"<uuid:{name}>", f"<str:{name}>", f"<int:{name}>", f"<slug:{name}>", f"<path:{name}>"):
            path = path.replace(written, str(value))
        path = path.replace(f"<{name}>", str(value))
    return "/" + path


@pytest.fixture
def strangers_ids():
    """One of everything in somebody else's household."""
    owner, household = home()
    point = MeteringPointFactory(household=household)
    token, _secret = token_issue(user=owner, name="x", now=NOW)
    from myhouse.services.households import invitation_create

    invitation, _secret = invitation_create(
        household=household, role="viewer", email="", actor=actor_of(owner), now=NOW
    )
    return {
        "household_id": household.pk,
        "point_id": point.pk,
        "measurement_id": MeasurementFactory(metering_point=point).pk,
        "battery_id": BatteryFactory(metering_point__household=household).pk,
        "appliance_id": ApplianceFactory(household=household, kind="own", name="x").pk,
        "membership_id": Membership.objects.get(user=owner).pk,
        "invitation_id": invitation.pk,
        "token_id": token.pk,
    }


@pytest.fixture
def visitor():
    """Somebody with a household of his own, signed in."""
    user, _household = home()
    _token, secret = token_issue(user=user, name="x", now=NOW)
    client = Client()
    client.force_login(user)

    def ask(method, path):
        # Programs bring a token, browsers a session.
        headers = {"Authorization": f"Bearer {secret}"} if path.startswith("/api/") else {}
        return client.generic(method, path, data="{}", content_type="application/json", headers=headers)

    return ask


def test_finds_the_paths_of_pages_and_api():
    routes = {route for route, _entry in ROUTES}

    assert "households/<uuid:household_id>/members/" in routes
    assert "api/v1/households/<uuid:household_id>/appliances" in routes


def assert_closed(visitor, strangers_ids, route, entry):
    path = path_for(route, entry, strangers_ids)
    nowhere = path_for(route, entry, {})

    statuses = {method: visitor(method, path).status_code for method in METHODS}
    of_nothing = {method: visitor(method, nowhere).status_code for method in METHODS}

    # A body may be refused before the object is looked for; then it must be so for any id.
    assert set(statuses.values()) <= {404, 405, 422}, statuses
    assert statuses == of_nothing


@pytest.mark.parametrize(("route", "entry"), PLAIN, ids=[route for route, _entry in PLAIN])
def test_answers_a_strangers_id_with_404_whatever_the_method(visitor, strangers_ids, route, entry, time_machine):
    time_machine.move_to(NOW, tick=False)

    assert_closed(visitor, strangers_ids, route, entry)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("route", "entry"), DIRECT, ids=[route for route, _entry in DIRECT])
def test_answers_a_strangers_id_with_404_on_the_direct_reads(visitor, strangers_ids, route, entry, time_machine):
    time_machine.move_to(NOW, tick=False)

    assert_closed(visitor, strangers_ids, route, entry)


@pytest.mark.parametrize(("route", "entry"), ROUTES, ids=[route for route, _entry in ROUTES])
def test_lets_nobody_in_who_has_not_signed_in(strangers_ids, route, entry):
    path = path_for(route, entry, strangers_ids)
    client = Client()

    answers = {method: client.generic(method, path, data="{}", content_type="application/json") for method in METHODS}

    for method, answer in answers.items():
        if answer.status_code == 302:
            assert answer.url.startswith(reverse("sign-in")), (method, answer.url)
        elif route == "api/v1/tokens" and method == "POST":
            assert answer.status_code == 422
        else:
            assert answer.status_code in {401, 405}, (method, answer.status_code)


def test_a_strangers_token_opens_nothing_either(strangers_ids):
    stranger = UserFactory()
    _token, secret = token_issue(user=stranger, name="x", now=NOW)

    answer = Client().get(
        f"/api/v1/households/{strangers_ids['household_id']}", headers={"Authorization": f"Bearer {secret}"}
    )

    assert answer.status_code in {401, 404}
