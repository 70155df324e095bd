"""The REST API of accounts, households, metering points and appliances."""

import json
from datetime import timedelta

import pytest
from django.test import Client

from myhouse.models import AccessToken, Appliance, Household, Membership, MeteringPoint
from myhouse.tests.factories import (
    NOW,
    PASSWORD,
    BatteryFactory,
    MembershipFactory,
    MeteringPointFactory,
    UserFactory,
    home,
)

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture(autouse=True)
def _at_now(time_machine):
    time_machine.move_to(NOW, tick=False)


class Api:
    """A program with a token."""

    def __init__(self, user):
        answer = Client().post("/api/v1/tokens", {"email": user.email, "password": PASSWORD}, content_type=JSON)
        assert answer.status_code == 201
        self.token = answer.json()["token"]

    def __call__(self, method, path, data=None, **headers):
        return Client().generic(
            method,
            f"/api/v1/{path}",
            data="" if data is None else json.dumps(data),
            content_type=JSON,
            headers={"Authorization": f"Bearer {self.token}", **headers},
        )


@pytest.fixture
def at_home():
    owner, household = home(name="Garden Street 5")
    return Api(owner), household


def test_gives_a_token_for_address_and_password_in_any_case():
    user = UserFactory(email="ada@example.org")

    answer = Client().post(
        "/api/v1/tokens", {"email": "Ada@Example.org", "password": PASSWORD, "name": "Script"}, content_type=JSON
    )

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["expires_at"] == "2026-06-15T11:00:00.000Z"
    assert AccessToken.objects.get(user=user).name == "Script"


def test_refuses_a_wrong_password_with_a_problem():
    user = UserFactory()

    answer = Client().post("/api/v1/tokens", {"email": user.email, "password": "wrong"}, content_type=JSON)

    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "E-mail and password do not belong together. Check both.",
    }


def test_limits_the_tries_to_get_a_token():
    user = UserFactory()
    answers = [
        Client().post("/api/v1/tokens", {"email": user.email, "password": "wrong"}, content_type=JSON)
        for _ in range(11)
    ]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 900


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Bearer a b"])
def test_refuses_a_token_it_does_not_know(header):
    answer = Client().get("/api/v1/me", headers={"Authorization": header})

    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_ends_an_hour_after_its_last_use(time_machine):
    api = Api(UserFactory())

    time_machine.move_to(NOW + timedelta(minutes=59), tick=False)
    used = api("GET", "me").status_code
    time_machine.move_to(NOW + timedelta(minutes=118), tick=False)
    renewed = api("GET", "me").status_code
    time_machine.move_to(NOW + timedelta(minutes=178), tick=False)

    assert (used, renewed, api("GET", "me").status_code) == (200, 200, 401)


def test_an_ended_token_does_not_keep_its_holder_from_a_new_one():
    user = UserFactory()

    answer = Client().post(
        "/api/v1/tokens",
        {"email": user.email, "password": PASSWORD},
        content_type=JSON,
        headers={"Authorization": "Bearer ended"},
    )

    assert answer.status_code == 201


def test_lists_and_revokes_tokens():
    api = Api(UserFactory())
    [token] = api("GET", "tokens").json()["results"]

    assert "token" not in token
    assert api("DELETE", f"tokens/{token['id']}").status_code == 204
    assert api("GET", "me").status_code == 401


def test_changes_the_account_and_names_fields_it_does_not_know():
    api = Api(UserFactory())

    changed = api("PATCH", "me", {"theme": "dark"})
    wrong = api("PATCH", "me", {"theme": "pink"})
    unknown = api("PATCH", "me", {"is_staff": True})

    assert changed.json()["theme"] == "dark"
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "theme")
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "is_staff")


def test_creates_a_household_once_however_often_the_request_is_sent():
    api = Api(UserFactory())
    sent = ("POST", "households", {"name": "Hill 1"})

    first = api(*sent, **{"Idempotency-Key": "k1"})
    again = api(*sent, **{"Idempotency-Key": "k1"})
    other = api("POST", "households", {"name": "Hill 2"}, **{"Idempotency-Key": "k1"})

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"
    assert Household.objects.count() == 1


def test_reads_and_changes_a_household(at_home):
    api, household = at_home

    read = api("GET", f"households/{household.pk}").json()
    changed = api("PATCH", f"households/{household.pk}", {"name": "Hill 1"}).json()
    wrong = api("PATCH", f"households/{household.pk}", {"time_zone": "Mars/Base"})

    assert (read["role"], read["until"], read["since"]) == ("owner", None, "2025-06-15T10:00:00.000Z")
    assert changed["name"] == "Hill 1"
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "time_zone")


def test_invites_and_joins(at_home):
    api, household = at_home
    guest = Api(UserFactory())

    link = api("POST", f"households/{household.pk}/invitations", {"role": "viewer"}).json()["link"]
    joined = guest("POST", "invitations/accept", {"secret": link.rstrip("/").split("/")[-1]})
    again = guest("POST", "invitations/accept", {"secret": link.rstrip("/").split("/")[-1]})

    assert (joined.status_code, joined.json()["role"]) == (201, "viewer")
    assert again.status_code == 409
    assert guest("GET", "households").json()["results"][0]["id"] == str(household.pk)


def test_gives_the_link_of_a_mailed_invitation_to_nobody_else(at_home):
    api, household = at_home

    answer = api("POST", f"households/{household.pk}/invitations", {"email": "new@example.org"})

    assert answer.status_code == 201
    assert "link" not in answer.json()


def test_lists_and_revokes_invitations(at_home):
    api, household = at_home
    api("POST", f"households/{household.pk}/invitations", {})
    [invitation] = api("GET", f"households/{household.pk}/invitations").json()["results"]

    assert api("DELETE", f"households/{household.pk}/invitations/{invitation['id']}").status_code == 204
    assert api("GET", f"households/{household.pk}/invitations").json()["results"] == []


def test_changes_and_removes_members_but_not_the_last_owner(at_home):
    api, household = at_home
    member = MembershipFactory(household=household, role="supplier")
    own = Membership.objects.exclude(pk=member.pk).get()
    path = f"households/{household.pk}/members"

    agreed = api("PATCH", f"{path}/{member.pk}", {"curves_agreed": True}).json()
    refused = api("DELETE", f"{path}/{own.pk}")
    removed = api("DELETE", f"{path}/{member.pk}")

    assert agreed["curves_agreed"] is True
    assert (refused.status_code, removed.status_code) == (409, 204)
    assert len(api("GET", path).json()["results"]) == 1


def test_hides_addresses_of_members_from_viewers(at_home):
    _api, household = at_home
    viewer = Api(MembershipFactory(household=household, role="viewer").user)

    members = viewer("GET", f"households/{household.pk}/members").json()["results"]

    assert all("email" not in member for member in members)


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("PATCH", "", {"name": "x"}),
        ("POST", "/invitations", {}),
        ("GET", "/invitations", None),
        ("PUT", "/appliances/counts", {"stove": 1}),
        ("POST", "/appliances", {"name": "x", "rated_power_w": 1, "daily_use_minutes": 1}),
        ("POST", "/metering-points", {"role": "grid", "name": "x"}),
    ],
)
def test_a_viewer_changes_nothing(at_home, method, path, data):
    _api, household = at_home
    viewer = Api(MembershipFactory(household=household, role="viewer").user)

    assert viewer(method, f"households/{household.pk}{path}", data).status_code == 403


@pytest.mark.parametrize("path", ["members", "appliances", "metering-points", "batteries"])
def test_a_supplier_does_not_see_what_the_home_is_made_of(at_home, path):
    _api, household = at_home
    supplier = Api(MembershipFactory(household=household, role="supplier").user)

    assert supplier("GET", f"households/{household.pk}/{path}").status_code == 403


def test_changes_counts_and_answers_the_new_expected_day(at_home):
    api, household = at_home

    answer = api("PUT", f"households/{household.pk}/appliances/counts", {"stove": 2, "solar_panel": 8}).json()
    unknown = api("PUT", f"households/{household.pk}/appliances/counts", {"spaceship": 1})

    assert (answer["consumption_wh_day"], answer["production_wh_day"]) == (1642, 8328)
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "spaceship")


def test_sets_the_meter_of_a_kind_but_not_a_strangers(at_home):
    api, household = at_home
    roof = MeteringPointFactory(household=household, role="production")
    path = f"households/{household.pk}/appliances/meter"

    own = api("PUT", path, {"kind": "solar_panel", "metering_point": str(roof.pk)}).json()
    strangers = api("PUT", path, {"kind": "solar_panel", "metering_point": str(MeteringPointFactory().pk)})

    assert own["kinds"][4]["metering_point"] == str(roof.pk)
    assert strangers.status_code == 404


def test_adds_changes_and_removes_an_own_appliance(at_home):
    api, household = at_home
    path = f"households/{household.pk}/appliances"

    added = api("POST", path, {"name": "Sauna", "rated_power_w": 6000, "daily_use_minutes": 30})
    changed = api("PATCH", f"{path}/{added.json()['id']}", {"daily_use_minutes": 60}).json()
    day = api("GET", path).json()
    removed = api("DELETE", f"{path}/{added.json()['id']}")

    assert (added.status_code, changed["daily_use_minutes"], day["consumption_wh_day"]) == (201, 60, 6000)
    assert (removed.status_code, Appliance.objects.count()) == (204, 0)


def test_adds_a_battery_and_starts_and_swaps_its_measurement(at_home):
    api, household = at_home
    base = f"households/{household.pk}"
    terms = {"capacity_wh": 9600, "max_charge_w": 4000, "max_discharge_w": 4600}

    point = api("POST", f"{base}/metering-points", {"role": "battery", "name": "Cellar", "battery": terms}).json()
    path = f"{base}/metering-points/{point['id']}/measurements"
    started = api("POST", path, {"quantity": "charge_energy", "starts_at": "2026-06-01T00:00:00Z"})
    doubled = api("POST", path, {"quantity": "charge_energy", "starts_at": "2026-06-02T00:00:00Z"})
    swapped = api("POST", path, {"quantity": "charge_energy", "starts_at": "2026-06-03T00:00:00Z", "swap": True})
    [first, second] = api("GET", path).json()["results"]

    assert (started.status_code, doubled.status_code, swapped.status_code) == (201, 409, 201)
    assert (first["ends_at"], second["ends_at"]) == ("2026-06-03T00:00:00.000Z", None)
    assert api("GET", f"{base}/batteries").json()["results"][0]["capacity_wh"] == 9600


def test_names_the_field_of_a_wrong_battery(at_home):
    api, household = at_home
    terms = {"capacity_wh": 0, "max_charge_w": 4000, "max_discharge_w": 4600}

    answer = api(
        "POST", f"households/{household.pk}/metering-points", {"role": "battery", "name": "x", "battery": terms}
    )

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "battery.capacity_wh")
    assert MeteringPoint.objects.count() == 0


def test_changes_a_battery_but_not_a_strangers(at_home):
    api, household = at_home
    own = BatteryFactory(metering_point__household=household)
    terms = {"capacity_wh": 1, "max_charge_w": 2, "max_discharge_w": 3}

    assert api("PUT", f"households/{household.pk}/batteries/{own.pk}", terms).json()["capacity_wh"] == 1
    assert api("PUT", f"households/{household.pk}/batteries/{BatteryFactory().pk}", terms).status_code == 404


def test_renames_and_removes_a_metering_point(at_home):
    api, household = at_home
    path = f"households/{household.pk}/metering-points"
    point = api("POST", path, {"role": "grid", "name": "Meter"}).json()

    assert api("PATCH", f"{path}/{point['id']}", {"name": "Main"}).json()["name"] == "Main"
    assert api("DELETE", f"{path}/{point['id']}").status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "nothing-here", 404), ("PUT", "households", 405), ("GET", "households/no-uuid", 404)],
)
def test_answers_also_wrong_addresses_and_methods_with_a_problem(at_home, method, path, status):
    api, _household = at_home

    answer = api(method, path)

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status


def test_answers_broken_json_with_a_problem(at_home):
    api, _household = at_home

    answer = Client().post(
        "/api/v1/households",
        "{",
        content_type=JSON,
        headers={"Authorization": f"Bearer {api.token}"},
    )

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")


def test_a_browser_session_needs_the_csrf_token_for_writing():
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory())

    assert client.get("/api/v1/me").status_code == 200
    assert client.post("/api/v1/households", {"name": "x"}, content_type=JSON).status_code == 403


def test_lists_ask_as_many_queries_for_many_rows(at_home, django_assert_max_num_queries):
    api, household = at_home
    MembershipFactory.create_batch(20, household=household, role="viewer")

    with django_assert_max_num_queries(6):
        api("GET", f"households/{household.pk}/members")
