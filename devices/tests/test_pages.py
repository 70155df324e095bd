"""The devices page and the API: what members see and may do, and what strangers cannot."""

import re
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from devices.models import Device, DeviceChannel, DeviceKey
from devices.services.swaps import swap_question_open
from devices.state import seen_put
from devices.tests.factories import http_meter
from myhouse.documents.base import FOREVER
from myhouse.documents.services import SYSTEM
from myhouse.models.households import Role
from myhouse.services.metering import metering_point_create
from myhouse.tests.factories import HouseholdFactory, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def home():
    household = HouseholdFactory()
    MembershipFactory(household=household, starts_at=timezone.now() - timedelta(days=1))
    return household


def member(household, client, role=Role.OWNER):
    person = MembershipFactory(
        household=household, user=UserFactory(), role=role, starts_at=timezone.now() - timedelta(days=1)
    ).user
    client.force_login(person)
    return person


def test_a_device_is_registered_and_its_key_shown_once(client, home):
    member(home, client)
    point = metering_point_create(household=home, role="grid", name="Grid", actor=SYSTEM, now=timezone.now())
    fields = {"name": "Cellar", "kind": "http", "metering_point": str(point.pk), "period_s": 10}
    page = client.post(f"/households/{home.pk}/devices/new/", fields)
    shown = re.search(r"mhd_[\w-]{43}", page.content.decode())
    assert shown
    assert page["Cache-Control"] == "no-store"
    assert shown[0] not in client.get(f"/households/{home.pk}/devices/").content.decode()


def test_a_form_that_cannot_be_accepted_keeps_what_was_typed(client, home):
    member(home, client)
    metering_point_create(household=home, role="grid", name="Grid", actor=SYSTEM, now=timezone.now())
    page = client.post(f"/households/{home.pk}/devices/new/", {"name": "Cellar", "kind": "http", "period_s": 0})
    assert page.status_code == 422
    assert "Cellar" in page.content.decode()
    assert not Device.objects.exists()


def test_the_page_tells_how_each_device_fares(client, home):
    member(home, client)
    now = timezone.now()
    meter = http_meter(now=now, household=home)
    seen_put({meter.device.pk: int(now.timestamp() * 1000) - 12_000})
    page = client.get(f"/households/{home.pk}/devices/").content.decode()
    assert re.search(r"1[2-9] s ago", page)
    Device.objects.filter(pk=meter.device.pk).update(silent_since=now, last_error="No connection to the meter.")
    page = client.get(f"/households/{home.pk}/devices/").content.decode()
    assert "Silent since" in page
    assert "No connection to the meter." in page


def test_a_viewer_sees_the_page_and_changes_nothing(client, home):
    member(home, client, role=Role.VIEWER)
    meter = http_meter(now=timezone.now(), household=home)
    assert "Register and show" not in client.get(f"/households/{home.pk}/devices/").content.decode()
    for part in ("rotate", "switch", "keys/primary/revoke"):
        assert client.post(f"/households/{home.pk}/devices/{meter.device.pk}/{part}/").status_code == 403
    assert DeviceKey.objects.filter(device=meter.device, revoked_at=FOREVER).count() == 1


@pytest.mark.parametrize("part", ["", "rotate/", "switch/", "keys/primary/revoke/"])
def test_a_strangers_device_is_not_found(client, home, part):
    member(home, client)
    meter = http_meter(now=timezone.now())
    path = (
        f"/households/{meter.household.pk}/devices/"
        if not part
        else f"/households/{home.pk}/devices/{meter.device.pk}/{part}"
    )
    answer = client.get(path) if not part else client.post(path)
    assert answer.status_code == 404


def test_keys_are_rotated_and_revoked_on_the_page(client, home):
    member(home, client)
    meter = http_meter(now=timezone.now(), household=home)
    page = client.post(f"/households/{home.pk}/devices/{meter.device.pk}/rotate/")
    assert "mhd_" in page.content.decode()
    client.post(f"/households/{home.pk}/devices/{meter.device.pk}/keys/primary/revoke/")
    held = DeviceKey.objects.filter(device=meter.device, revoked_at=FOREVER)
    assert [key.slot for key in held] == ["secondary"]


def test_a_swap_question_is_asked_and_answered_on_the_page(client, home):
    member(home, client)
    now = timezone.now()
    meter = http_meter(now=now - timedelta(days=2), household=home, quantities=("import_energy",))
    channel = DeviceChannel.objects.get(device=meter.device)
    question = swap_question_open(channel=channel, before=(now, 900.0), after=(now, 3.0), now=now)
    assert "Was the meter exchanged?" in client.get(f"/households/{home.pk}/devices/").content.decode()
    client.post(f"/households/{home.pk}/swaps/{question.pk}/", {"answer": "swap"})
    question.refresh_from_db()
    assert question.answer == "swap"


@pytest.fixture
def api(home):
    user = UserFactory()
    MembershipFactory(household=home, user=user, starts_at=timezone.now() - timedelta(days=1))
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_the_api_registers_lists_rotates_and_revokes(api, home):
    point = metering_point_create(household=home, role="grid", name="Grid", actor=SYSTEM, now=timezone.now())
    body = {"household": str(home.pk), "name": "Meter", "metering_point": str(point.pk)}
    made = api.post("/api/v1/devices", body, format="json")
    assert made.status_code == 201
    device_id = made.json()["id"]
    assert made.json()["key"].startswith("mhd_")
    listed = api.get(f"/api/v1/devices?household={home.pk}").json()["results"]
    assert [one["id"] for one in listed] == [device_id]
    assert "key" not in listed[0]
    assert api.post(f"/api/v1/devices/{device_id}/keys").json()["slot"] == "secondary"
    assert api.delete(f"/api/v1/devices/{device_id}/keys/primary").status_code == 204
    assert api.delete(f"/api/v1/devices/{device_id}/keys/primary").status_code == 404
    assert api.patch(f"/api/v1/devices/{device_id}", {"enabled": False}, format="json").json()["enabled"] is False


def test_the_api_binds_a_point_and_answers_a_swap_question(api, home):
    now = timezone.now()
    meter = http_meter(now=now - timedelta(days=2), household=home, quantities=("import_energy",))
    body = {"name": "p_total", "metering_point": str(meter.point.pk), "quantity": "power"}
    assert api.post(f"/api/v1/devices/{meter.device.pk}/channels", body, format="json").status_code == 201
    assert (
        api.post(f"/api/v1/devices/{meter.device.pk}/channels", body | {"name": "x"}, format="json").status_code == 409
    )
    channel = DeviceChannel.objects.get(device=meter.device, name="import_energy")
    question = swap_question_open(channel=channel, before=(now, 900.0), after=(now, 3.0), now=now)
    answer = api.post(f"/api/v1/devices/swap-questions/{question.pk}", {"answer": "reset"}, format="json")
    assert answer.json()["answer"] == "reset"
    again = api.post(f"/api/v1/devices/swap-questions/{question.pk}", {"answer": "reset"}, format="json")
    assert again.status_code == 409


def test_the_api_does_not_know_a_strangers_household_device_or_question(api):
    meter = http_meter(now=timezone.now())
    assert api.get(f"/api/v1/devices?household={meter.household.pk}").status_code == 404
    assert api.get(f"/api/v1/devices/{meter.device.pk}").status_code == 404
    assert api.get(f"/api/v1/devices/{uuid.uuid4()}").status_code == 404
    assert (
        api.post(f"/api/v1/devices/swap-questions/{uuid.uuid4()}", {"answer": "swap"}, format="json").status_code
        == 404
    )


def test_the_api_names_the_fields_it_cannot_accept(api, home):
    answer = api.post("/api/v1/devices", {"household": str(home.pk), "name": "x", "period_s": 0}, format="json")
    assert answer.status_code == 422
    assert {one["field"] for one in answer.json()["errors"]} == {"metering_point", "period_s"}


def test_the_device_list_takes_the_same_number_of_queries_for_many_devices(api, home, django_assert_max_num_queries):
    now = timezone.now()
    point = None
    for number in range(12):
        meter = http_meter(now=now, household=home, role="consumer", quantities=("power",), external_id=f"m{number}")
        point = point or meter.point
    with django_assert_max_num_queries(12):
        assert len(api.get("/api/v1/devices").json()["results"]) == 12
