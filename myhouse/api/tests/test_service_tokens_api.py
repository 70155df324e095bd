"""Service tokens over the API: what they open and what stays shut."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from myhouse.api import hot
from myhouse.models import AuditEntry, Membership
from myhouse.scopes import Scope
from myhouse.services.metering import measurement_start
from myhouse.services.tokens import service_token_issue, token_issue
from myhouse.tests.factories import MeteringPointFactory, actor_of, home

pytestmark = pytest.mark.django_db
FIELDS = {"name": "Heat pump", "scopes": ["readings:read"]}
EVERYTHING = list(Scope.values)


class Asking:
    """A client with a bearer token."""

    def __init__(self, secret):
        self._client = Client(headers={"authorization": f"Bearer {secret}"})

    def __call__(self, method, path, data=None):
        return self._client.generic(method, path, data=data or "{}", content_type="application/json")


def service(user, household, scopes):
    now = timezone.now()
    _token, secret = service_token_issue(
        user=user,
        household=household,
        name="Heat pump",
        scopes=scopes,
        expires_at=now + timedelta(days=9),
        actor=actor_of(user),
        now=now,
    )
    return Asking(secret)


def person(user):
    _token, secret = token_issue(user=user, name="x", now=timezone.now())
    return Client(headers={"authorization": f"Bearer {secret}"})


def test_an_owner_makes_lists_and_revokes_service_tokens():
    owner, household = home()
    client = person(owner)
    address = f"/api/v1/households/{household.pk}/service-tokens"
    ends = (timezone.now() + timedelta(days=30)).isoformat()

    made = client.post(address, FIELDS | {"expires_at": ends}, content_type="application/json")
    listed = client.get(address).json()["results"]
    opened = Asking(made.json()["token"])("GET", f"/api/v1/households/{household.pk}/latest")
    gone = client.delete(f"{address}/{made.json()['id']}")

    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert [(one["id"], one["scopes"], one["created_by"]) for one in listed] == [
        (made.json()["id"], ["readings:read"], owner.email)
    ]
    assert "token" not in listed[0]
    assert opened.status_code == 200
    assert gone.status_code == 204
    assert client.get(address).json() == {"results": []}


@pytest.mark.parametrize(
    ("changed", "field"), [({"scopes": ["all"]}, "scopes.0"), ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at")]
)
def test_refuses_a_service_token_naming_the_field(changed, field):
    owner, household = home()
    body = FIELDS | {"expires_at": (timezone.now() + timedelta(days=30)).isoformat()} | changed

    answer = person(owner).post(
        f"/api/v1/households/{household.pk}/service-tokens", body, content_type="application/json"
    )

    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_a_viewer_lets_nobody_in():
    viewer, household = home(role="viewer")
    client = person(viewer)
    address = f"/api/v1/households/{household.pk}/service-tokens"

    assert client.get(address).status_code == 403
    assert client.post(address, FIELDS, content_type="application/json").status_code == 403


def test_names_the_scope_a_token_lacks():
    owner, household = home()
    ask = service(owner, household, ["readings:read"])

    answer = ask("GET", f"/api/v1/households/{household.pk}/metering-points")

    assert answer.status_code == 403
    assert "household:read" in answer.json()["detail"]


def test_a_scope_to_read_does_not_write():
    owner, household = home()
    ask = service(owner, household, ["household:read"])

    assert ask("GET", f"/api/v1/households/{household.pk}").status_code == 200
    assert ask("PATCH", f"/api/v1/households/{household.pk}", '{"name": "Mine"}').status_code == 403


def test_what_a_service_changes_stands_in_the_audit_log_under_its_name():
    owner, household = home()
    ask = service(owner, household, ["household:write"])

    ask("PATCH", f"/api/v1/households/{household.pk}", '{"name": "Mine"}')

    assert f"Heat pump ({owner.email})" in set(AuditEntry.objects.values_list("actor_label", flat=True))


@pytest.mark.parametrize("path", ["tokens", "me", "households/{}/service-tokens", "households/{}/invitations"])
def test_no_scope_opens_what_belongs_to_the_person(path):
    owner, household = home()
    ask = service(owner, household, EVERYTHING)

    answer = ask("GET", "/api/v1/" + path.format(household.pk))

    assert answer.status_code == 403
    assert "owner" in answer.json()["detail"]


def test_lists_its_own_household_only():
    owner, household = home()
    home(user=owner)
    ask = service(owner, household, EVERYTHING)

    listed = ask("GET", "/api/v1/households").json()["results"]

    assert [one["id"] for one in listed] == [str(household.pk)]


@pytest.mark.django_db(transaction=True)
def test_the_fast_reads_know_scope_and_household_and_forget_nothing_between_tokens():
    hot.forget()
    owner, household = home()
    _same, other = home(user=owner)
    now = timezone.now()
    measured = [
        measurement_start(
            metering_point=MeteringPointFactory(household=one), quantity="power", starts_at=now - timedelta(days=2)
        )
        for one in (household, other)
    ]
    ask, deaf = service(owner, household, ["readings:read"]), service(owner, household, ["devices:read"])
    span = f"start={(now - timedelta(hours=2)):%Y-%m-%dT%H:00Z}&end={now:%Y-%m-%dT%H:00Z}"
    mine, theirs = (f"/api/v1/measurements/{one.pk}/readings?{span}" for one in measured)

    as_owner = person(owner).get(theirs).status_code
    as_service = ask("GET", mine).status_code, ask("GET", theirs).status_code
    without_scope = deaf("GET", mine)
    Membership.objects.filter(household=household).update(role="viewer")
    hot.forget()
    as_viewers_token = ask("GET", mine).status_code

    assert as_owner == 200
    assert as_service == (200, 404)
    assert without_scope.status_code == 403
    assert "readings:read" in without_scope.json()["detail"]
    assert as_viewers_token == 401
