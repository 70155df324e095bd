"""Uploads on the API: hand in, preview, import, follow; and what is refused."""

from __future__ import annotations

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from myhouse.models import Measurement, Upload
from myhouse.models.households import Role
from myhouse.services.households import household_create
from myhouse.services.tokens import token_issue
from myhouse.tests.factories import MembershipFactory, UserFactory, actor_of
from myhouse.uploads import limits, services

pytestmark = pytest.mark.django_db
START = 1_613_343_600
GOOD = ("ts,W\n" + "".join(f"{START + 900 * n},{100 + n}\n" for n in range(50))).encode()
MAPPING = {"values": [{"column": "W", "quantity": "import_energy", "point_name": "Grid", "point_role": "grid"}]}


def client_of(user):
    _token, secret = token_issue(user=user, name="test", now=timezone.now())
    return Client(headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def user():
    return UserFactory()


@pytest.fixture
def household(user):
    place = {"time_zone": "Europe/Berlin", "currency": "EUR", "community": None}
    return household_create(owner=user, name="H", actor=actor_of(user), now=timezone.now(), **place)


@pytest.fixture
def client(user):
    return client_of(user)


@pytest.fixture
def handed_over(monkeypatch):
    waiting = []
    monkeypatch.setattr(services, "upload_enqueue", lambda *, upload: waiting.append(str(upload.pk)))
    return waiting


def send(client, household, content=GOOD, **extra):
    where = f"/api/v1/households/{household.pk}/uploads?name=meter.csv"
    return client.generic("POST", where, content, content_type="text/csv", **extra)


def post(client, upload_id, action, body=None):
    return client.post(f"/api/v1/uploads/{upload_id}/{action}", body or {}, content_type="application/json")


def test_a_file_goes_from_preview_to_report(client, household, handed_over, django_capture_on_commit_callbacks):
    received = send(client, household)
    upload_id = received.json()["id"]
    preview = post(client, upload_id, "preview").json()
    with django_capture_on_commit_callbacks(execute=True):
        started = post(client, upload_id, "start", {"mapping": preview["mapping"]})
    assert (received.status_code, started.status_code) == (201, 202)
    assert handed_over == [upload_id]
    assert (preview["report"]["accepted"], preview["titles"], len(preview["sample"])) == (50, ["ts", "W"], 20)
    services.upload_run(upload=Upload.objects.get(), now=timezone.now())
    done = client.get(f"/api/v1/uploads/{upload_id}").json()
    assert (done["state"], done["share"], done["report"]["accepted"]) == ("done", 1.0, 50)
    assert Measurement.objects.get().quantity == "import_energy"


def test_a_form_carries_a_file_too(client, household):
    where = f"/api/v1/households/{household.pk}/uploads"
    response = client.post(where, {"file": SimpleUploadedFile("=a.csv", GOOD)})
    assert response.status_code == 201
    assert response.json()["file_name"] == "a.csv"


def test_lists_files_page_by_page(client, household):
    ids = [send(client, household, GOOD + b"\n" * n).json()["id"] for n in range(3)]
    where = f"/api/v1/households/{household.pk}/uploads?limit=2"
    first = client.get(where).json()
    second = client.get(f"{where}&cursor={first['next_cursor']}").json()
    assert [row["id"] for row in first["uploads"] + second["uploads"]] == ids[::-1]
    assert second["next_cursor"] is None


def test_a_declared_length_beyond_the_limit_is_refused_unread(client, household):
    response = send(client, household, b"", CONTENT_LENGTH=str(100 * 1024 * 1024))
    assert response.status_code == 413
    assert "50 MB" in response.json()["detail"]
    assert not Upload.objects.exists()


def test_more_than_the_limit_without_a_declared_length_is_refused(client, household, monkeypatch):
    monkeypatch.setattr(limits, "FILE_BYTES", 1_000)
    monkeypatch.setattr("myhouse.api.uploads._AROUND_THE_FILE", 10_000)
    response = send(client, household, GOOD * 5)
    assert response.status_code == 413
    assert not Upload.objects.exists()


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"PK\x03\x04nothing", b"%PDF-1.4\x00"])
def test_files_that_are_none_are_refused(client, household, content):
    response = send(client, household, content)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "file"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "mapping"),
        ({"mapping": {"values": [{"column": 1}]}}, "mapping.values[0]"),
        ({"mapping": {"values": [{"column": 1, "quantity": "power", "kind": "sum"}]}}, "mapping.values[0].kind"),
        ({"mapping": [1]}, "mapping"),
    ],
)
def test_a_wrong_mapping_names_its_field(client, household, body, field):
    response = post(client, send(client, household).json()["id"], "start", body)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field)


def test_a_second_start_is_refused(client, household, handed_over):
    upload_id = send(client, household).json()["id"]
    assert post(client, upload_id, "start", {"mapping": MAPPING}).status_code == 202
    assert post(client, upload_id, "start", {"mapping": MAPPING}).status_code == 409


def test_preview_names_what_is_in_the_way(client, household):
    mapping = {"values": [{"column": "W", "quantity": "import_energy", "unit": "bananas", "point_name": "Grid"}]}
    preview = post(client, send(client, household).json()["id"], "preview", {"mapping": mapping}).json()
    assert [problem["field"] for problem in preview["problems"]] == ["mapping.values[0].unit"]


@pytest.mark.parametrize("action", ["preview", "start", "resume"])
def test_a_strangers_upload_is_not_there(client, household, action):
    upload_id = send(client, household).json()["id"]
    stranger = client_of(UserFactory())
    assert post(stranger, upload_id, action, {"mapping": MAPPING}).status_code == 404
    assert stranger.get(f"/api/v1/uploads/{upload_id}").status_code == 404
    assert stranger.delete(f"/api/v1/uploads/{upload_id}").status_code == 404
    assert send(stranger, household).status_code == 404
    assert client.get(f"/api/v1/uploads/{uuid.uuid4()}").status_code == 404


def test_another_household_s_point_is_not_taken(client, household, handed_over):
    other = UserFactory()
    place = {"time_zone": "Europe/Berlin", "currency": "EUR", "community": None}
    theirs = household_create(owner=other, name="T", actor=actor_of(other), now=timezone.now(), **place)
    foreign = theirs.metering_points.create(role="grid", name="Theirs")
    mapping = {"values": [{"column": "W", "quantity": "import_energy", "point": str(foreign.pk)}]}
    preview = post(client, send(client, household).json()["id"], "preview", {"mapping": mapping}).json()
    assert preview["problems"][0]["field"] == "mapping.values[0].point"


def test_a_viewer_may_follow_but_not_import(client, household):
    upload_id = send(client, household).json()["id"]
    member = UserFactory()
    MembershipFactory(user=member, household=household, role=Role.VIEWER)
    viewer = client_of(member)
    assert viewer.get(f"/api/v1/uploads/{upload_id}").status_code == 200
    assert post(viewer, upload_id, "start", {"mapping": MAPPING}).status_code == 403
    assert send(viewer, household).status_code == 403


def test_a_removed_upload_is_gone_with_its_file(client, household):
    from django.core.files.storage import default_storage

    upload_id = send(client, household).json()["id"]
    stored = Upload.objects.get().stored_path
    assert client.delete(f"/api/v1/uploads/{upload_id}").status_code == 204
    assert not default_storage.exists(stored)
    assert client.get(f"/api/v1/uploads/{upload_id}").status_code == 404
