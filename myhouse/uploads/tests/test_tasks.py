"""The task of an import: once at a time, again after a death, never silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import redis
from celery.exceptions import Retry, SoftTimeLimitExceeded
from django.core.cache import cache
from django.utils import timezone

from myhouse.models import Upload
from myhouse.services.households import household_create
from myhouse.tests.factories import UserFactory, actor_of
from myhouse.uploads import services, waiting
from myhouse.uploads.mapping import Mapping, ValueColumn
from myhouse.uploads.tasks import upload_import

pytestmark = pytest.mark.django_db


@pytest.fixture
def started():
    user = UserFactory()
    actor, now = actor_of(user), timezone.now()
    place = {"time_zone": "Europe/Berlin", "currency": "EUR", "community": None}
    household = household_create(owner=user, name="H", actor=actor, now=now, **place)
    content = b"ts,W\n1613343600,1\n1613344500,2\n"
    upload = services.upload_receive(
        household=household, user=user, chunks=[content], file_name="a.csv", actor=actor, now=now
    )
    mapping = Mapping(values=(ValueColumn(1, "import_energy", point_name="Grid", point_role="grid"),))
    return services.upload_start(upload=upload, mapping=mapping, actor=actor, now=now)


def state_of(upload):
    return Upload.objects.get(pk=upload.pk).state


def test_imports_the_file_and_frees_the_lock(started):
    upload_import(str(started.pk))
    assert state_of(started) == "done"
    assert cache.get(f"upload:{started.pk}") is None


def test_a_second_delivery_waits_while_the_first_is_at_work(started):
    cache.add(f"upload:{started.pk}", 1, timeout=60)
    with pytest.raises(Retry):
        upload_import.apply(args=[str(started.pk)], throw=True)
    assert state_of(started) == "running"


def test_a_second_delivery_after_the_end_does_nothing(started):
    upload_import(str(started.pk))
    finished = Upload.objects.get(pk=started.pk).finished_at
    upload_import(str(started.pk))
    assert Upload.objects.get(pk=started.pk).finished_at == finished


def test_an_unknown_upload_is_no_fault():
    upload_import("01a1fc87-2f57-72aa-9f2d-f6542fded8eb")


@pytest.mark.parametrize(
    ("fault", "told"), [(SoftTimeLimitExceeded(), "took too long"), (RuntimeError("disk"), "broke on our side")]
)
def test_what_goes_wrong_is_told_and_can_be_tried_again(started, monkeypatch, fault, told):
    def broken(*_args, **_options):
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(services, "file_check", broken)
        upload_import(str(started.pk))
    upload = Upload.objects.get(pk=started.pk)
    assert upload.state == "failed"
    assert told in upload.report["error"]
    mapping = services.mapping_read(upload.mapping)
    services.upload_start(upload=upload, mapping=mapping, actor=services._actor_of(upload), now=timezone.now())
    upload_import(str(started.pk))
    assert state_of(started) == "done"


def test_an_import_whose_task_was_lost_is_handed_out_again(started, monkeypatch):
    sent = []
    monkeypatch.setattr(waiting.current_app, "send_task", lambda name, *, args, **_options: sent.append((name, *args)))
    began = datetime.fromtimestamp(Upload.objects.get(pk=started.pk).report["since"], UTC)

    assert waiting.uploads_wake(now=began + timedelta(seconds=60)) == 0
    assert waiting.uploads_wake(now=began + timedelta(seconds=120)) == 1

    assert sent == [("myhouse.upload_import", str(started.pk))]


def test_an_import_goes_on_when_the_broker_goes_away(started, monkeypatch):
    def away(*_args, **_named):
        raise redis.ConnectionError

    monkeypatch.setattr(cache, "touch", away)
    monkeypatch.setattr(cache, "delete", away)

    upload_import(str(started.pk))

    assert state_of(started) == "done"
