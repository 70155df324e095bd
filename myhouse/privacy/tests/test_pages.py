"""The pages on which one asks for one's data, or to be forgotten."""

import io
import zipfile

import pytest
from django.urls import reverse
from django.utils import timezone

from myhouse.models import PrivacyJob, User
from myhouse.privacy.services import job_work
from myhouse.privacy.tasks import privacy_work
from myhouse.tests.factories import NOW, PASSWORD, CommunityRoleFactory, UserFactory, home

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client):
    user, _household = home(name="Lindenweg 4")
    client.force_login(user)
    return user


def asked(client):
    client.post(reverse("privacy-export"))
    return PrivacyJob.objects.get()


def test_says_what_can_be_done_and_has_nothing_to_fetch_yet(client, owner):
    text = client.get(reverse("privacy")).content.decode()
    assert "Make the archive" in text
    assert "Erase my account and data" in text
    assert "Fetch the archive" not in text


def test_follows_the_work_and_hands_out_the_archive(client, owner):
    job = asked(client)
    waiting = client.get(reverse("privacy-requests")).content.decode()
    assert "hx-trigger" in waiting
    assert "Waiting for its turn" in waiting
    privacy_work(str(job.pk))
    done = client.get(reverse("privacy-requests")).content.decode()
    assert "hx-trigger" not in done
    url = reverse("privacy-archive", args=[job.pk])
    assert url in done
    response = client.get(url)
    assert response["Content-Type"] == "application/zip"
    assert "no-store" in response["Cache-Control"]
    assert "account/account.json" in zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))).namelist()


def test_nobody_else_fetches_it(client, owner):
    job = asked(client)
    job_work(job=job, now=timezone.now())
    url = reverse("privacy-archive", args=[job.pk])
    client.logout()
    assert client.get(url).status_code == 302
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    assert client.get(url).status_code == 404


def test_a_link_ends_with_its_time(client, owner):
    job = job_work(job=asked(client), now=NOW)
    PrivacyJob.objects.filter(pk=job.pk).update(expires_at=timezone.now())
    assert client.get(reverse("privacy-archive", args=[job.pk])).status_code == 404
    assert "No longer kept" in client.get(reverse("privacy")).content.decode()


def test_says_why_an_archive_is_not_made_twice_at_once(client, owner):
    asked(client)
    response = client.post(reverse("privacy-export"))
    assert response.status_code == 409
    assert "being worked on" in response.content.decode()


def test_the_password_is_asked_again_before_erasing(client, owner):
    url = reverse("privacy-erase")
    wrong = client.post(url, {"password": "not my password", "meant": "on"})
    assert wrong.status_code == 422
    assert "This is not your password" in wrong.content.decode()
    assert client.post(url, {"password": PASSWORD}).status_code == 422
    assert not PrivacyJob.objects.exists()


def test_who_is_forgotten_is_signed_out_and_sees_how_far_it_is(client, owner):
    response = client.post(reverse("privacy-erase"), {"password": PASSWORD, "meant": "on"})
    page = response["Location"]
    assert client.get(reverse("privacy")).status_code == 302
    assert "Your data are being erased" in client.get(page).content.decode()
    privacy_work(str(PrivacyJob.objects.get().pk))
    assert not User.objects.filter(pk=owner.pk).exists()
    part = client.get(page, headers={"HX-Request": "true"}).content.decode()
    assert "You are forgotten" in part
    assert "hx-get" not in part
    assert client.get(reverse("privacy-erasure", args=["made-up"])).status_code == 404


def test_says_what_must_be_done_before(client, owner):
    role = CommunityRoleFactory(user=owner)
    text = client.get(reverse("privacy")).content.decode()
    assert f"You are the last manager of {role.community.name}" in text
    assert "Erase my account and data" not in text
    refused = client.post(reverse("privacy-erase"), {"password": PASSWORD, "meant": "on"})
    assert refused.status_code == 422


def test_a_second_worker_leaves_the_work_to_the_first(client, owner):
    from django.core.cache import cache

    job = asked(client)
    cache.add(f"privacy:{job.pk}", 1, timeout=5)
    privacy_work(str(job.pk))
    assert PrivacyJob.objects.get().state == "requested"


def test_an_archive_that_breaks_is_said_to_have_failed(client, owner, monkeypatch):
    job = asked(client)

    def breaks(**_asked):
        raise OSError("no space left")

    monkeypatch.setattr("myhouse.privacy.services.archive_write", breaks)
    with pytest.raises(OSError, match="no space"):
        privacy_work(str(job.pk))
    assert PrivacyJob.objects.get().state == "failed"
    assert "Ask for your data again" in client.get(reverse("privacy")).content.decode()
