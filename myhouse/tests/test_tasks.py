"""What the clock starts: each task does its service's work and may run twice."""

from datetime import timedelta

import pytest

from myhouse import tasks
from myhouse.documents.models import IdempotencyRecord, OutboxMessage
from myhouse.documents.outbox import mail_put
from myhouse.models import AccessToken
from myhouse.services.tokens import token_issue
from myhouse.tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_now(time_machine):
    time_machine.move_to(NOW, tick=False)


def test_sends_what_is_due_once(mailoutbox):
    mail_put(to="a@example.org", subject="S", body="B", now=NOW)

    tasks.outbox_send()
    tasks.outbox_send()

    assert len(mailoutbox) == 1


def test_tidies_away_what_has_had_its_time():
    long_ago = NOW - timedelta(days=40)
    token_issue(user=UserFactory(), name="x", now=long_ago)
    IdempotencyRecord.objects.create(scope="s", key="k", body_digest="", created_at=long_ago)
    OutboxMessage.objects.create(topic="mail", created_at=long_ago, due_at=long_ago, sent_at=long_ago)

    tasks.records_tidy()
    tasks.records_tidy()

    left = (AccessToken.objects.count(), IdempotencyRecord.objects.count(), OutboxMessage.objects.count())
    assert left == (0, 0, 0)


def test_the_clock_starts_tasks_that_exist():
    from config.celery import app

    app.loader.import_default_modules()

    assert {entry["task"] for entry in tasks.BEAT.values()} <= set(app.tasks)
