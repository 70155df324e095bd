"""The pages of files: hand in, preview, import, report."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from myhouse.models import Measurement, Upload
from myhouse.models.households import Role
from myhouse.services.households import household_create
from myhouse.tests.factories import MembershipFactory, UserFactory, actor_of
from myhouse.uploads import limits, services

pytestmark = pytest.mark.django_db
START = 1_613_343_600
GOOD = "Zeit;Bezug [kWh]\n" + "".join(f"01.02.2021 {n // 4:02}:{n % 4 * 15:02};0,25\n" for n in range(96))


@pytest.fixture
def user():
    return UserFactory()


@pytest.fixture
def household(user):
    place = {"time_zone": "Europe/Berlin", "currency": "EUR", "community": None}
    return household_create(owner=user, name="H", actor=actor_of(user), now=timezone.now(), **place)


@pytest.fixture
def page(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def worker(monkeypatch):
    """The queue: what was handed to it, run when the test says so."""
    waiting = []
    monkeypatch.setattr(services, "upload_enqueue", lambda *, upload: waiting.append(str(upload.pk)))

    def run():
        for upload_id in waiting:
            services.upload_run(upload=Upload.objects.get(pk=upload_id), now=timezone.now())

    return run


def hand_in(page, household, text=GOOD, name="data.csv"):
    file = SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode())
    return page.post(reverse("uploads", args=[household.pk]), {"file": file})


def address(upload, name="upload"):
    return reverse(name, args=[upload.household_id, upload.pk])


def choices(page, upload):
    """What the form of the preview would send as it stands."""
    forms = page.get(address(upload)).context["forms"]
    sent = {}
    for form in [forms.main, *forms.columns]:
        for field in form:
            value = field.value()
            if value not in (None, False):
                sent[field.html_name] = value
    return sent


def test_a_file_is_shown_before_anything_is_imported(page, household):
    response = hand_in(page, household)
    upload = Upload.objects.get()
    shown = page.get(response.url).content.decode()
    assert response.status_code == 302
    assert "Bezug [kWh]" in shown
    assert "24.0\u202fkWh" in shown
    assert upload.state == "received"
    assert not Measurement.objects.exists()


def test_the_detected_choices_import_the_file(page, household, worker, django_capture_on_commit_callbacks):
    hand_in(page, household)
    upload = Upload.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        response = page.post(address(upload), {**choices(page, upload), "action": "import"})
    assert response.status_code == 302
    assert "Waiting for its turn" in page.get(response.url).content.decode()
    worker()
    upload.refresh_from_db()
    report = page.get(response.url).content.decode()
    assert upload.state == "done"
    assert "imported" in report
    assert upload.report["columns"][0]["energy_wh"] == 24_000


def test_progress_asks_again_until_the_import_has_ended(page, household, worker, django_capture_on_commit_callbacks):
    hand_in(page, household)
    upload = Upload.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        page.post(address(upload), {**choices(page, upload), "action": "import"})
    waiting = page.get(address(upload, "upload-progress"))
    assert "every 1s" in waiting.content.decode()
    worker()
    assert page.get(address(upload, "upload-progress")).headers["HX-Refresh"] == "true"


def test_a_change_of_the_form_shows_what_would_come_of_it(page, household):
    hand_in(page, household)
    upload = Upload.objects.get()
    sent = {**choices(page, upload), "c1-unit": "Wh"}
    part = page.post(address(upload), sent, headers={"HX-Request": "true"}).content.decode()
    assert part.startswith("<section")
    assert "24\u202fWh" in part


def test_refused_rows_are_listed_and_nothing_is_imported(page, household, worker, django_capture_on_commit_callbacks):
    hand_in(page, household, GOOD + "01.02.2021 24:15;0,25\n")
    upload = Upload.objects.get()
    assert "not a time in the chosen format" in page.get(address(upload)).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        page.post(address(upload), {**choices(page, upload), "action": "import"})
    worker()
    shown = page.get(address(upload)).content.decode()
    assert "so nothing was" in shown
    assert not Measurement.objects.exists()


def test_a_file_that_is_none_is_refused_beside_its_field(page, household):
    response = hand_in(page, household, b"\x89PNG\x00\x00", "photo.csv")
    assert response.status_code == 422
    assert "neither a CSV nor an Excel file" in response.content.decode()
    assert not Upload.objects.exists()


def test_a_file_too_large_is_refused_with_413(page, household):
    response = page.generic(
        "POST",
        reverse("uploads", args=[household.pk]),
        b"",
        content_type="text/plain",
        CONTENT_LENGTH=100 * 1024 * 1024,
    )
    assert response.status_code == 413
    assert "larger than 50 MB" in response.content.decode()


def test_without_a_chosen_column_nothing_starts(page, household):
    hand_in(page, household)
    upload = Upload.objects.get()
    response = page.post(address(upload), {**choices(page, upload), "c1-quantity": "", "action": "import"})
    assert response.status_code == 422
    assert "at least one column" in response.content.decode()


def test_hostile_cells_and_names_are_shown_as_text(page, household):
    hand_in(page, household, f"ts,<script>alert(1)</script>\n{START},1\n{START + 900},2\n", "<b>x.csv")
    shown = page.get(address(Upload.objects.get())).content.decode()
    assert "<script>alert" not in shown
    assert "<b>x" not in shown


@pytest.mark.parametrize("name", ["upload", "upload-progress"])
def test_a_strangers_file_is_not_there(page, household, name):
    hand_in(page, household)
    stranger = Client()
    stranger.force_login(UserFactory())
    assert stranger.get(address(Upload.objects.get(), name)).status_code == 404
    assert stranger.get(reverse("uploads", args=[household.pk])).status_code == 404


def test_a_viewer_sees_files_but_hands_in_none(page, household):
    hand_in(page, household)
    viewer = Client()
    member = UserFactory()
    MembershipFactory(user=member, household=household, role=Role.VIEWER)
    viewer.force_login(member)
    assert viewer.get(address(Upload.objects.get())).status_code == 200
    assert hand_in(viewer, household).status_code == 403
    assert viewer.post(address(Upload.objects.get(), "upload-remove")).status_code == 403


def test_a_removed_file_is_gone(page, household):
    hand_in(page, household)
    upload = Upload.objects.get()
    page.post(address(upload, "upload-remove"))
    assert page.get(address(upload)).status_code == 404


def test_a_stalled_import_can_be_taken_up_again(page, household, worker, django_capture_on_commit_callbacks):
    hand_in(page, household)
    upload = Upload.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        page.post(address(upload), {**choices(page, upload), "action": "import"})
    assert page.post(address(upload, "upload-resume")).status_code == 409
    long_ago = timezone.now().timestamp() - limits.STALLED_SECONDS - 1
    Upload.objects.update(report={"phase": "check", "since": long_ago})
    assert "no progress for five minutes" in page.get(address(upload)).content.decode()
    assert page.post(address(upload, "upload-resume")).status_code == 302
