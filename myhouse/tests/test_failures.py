"""Failed tasks and stuck messages: written down, settled once, audited, never with a secret."""

from datetime import timedelta

import pytest
import redis
from celery import current_app, shared_task
from django.conf import settings

import config.celery  # noqa: F401 - connects what writes failures down
from myhouse.documents.base import FOREVER
from myhouse.documents.models import OutboxMessage
from myhouse.documents.services import outbox_put
from myhouse.errors import Busy
from myhouse.models import AuditEntry, FailedTask
from myhouse.services import failures
from myhouse.services.failures import (
    KEPT,
    UnableToSettleFailure,
    failure_dismiss,
    failure_record,
    failure_retry,
    failures_tidy,
)
from myhouse.services.outbox import UnableToChangeMessage, message_give_up, message_resend
from myhouse.tests.factories import NOW, UserFactory, actor_of

pytestmark = pytest.mark.django_db


@shared_task(name="tests.breaks")
def breaks(number, password=""):
    raise ValueError(f"cannot do {number}")


@pytest.fixture
def actor():
    return actor_of(UserFactory(is_staff=True, is_superuser=True))


@pytest.fixture
def sent(monkeypatch):
    """The tasks handed to the broker."""
    tasks = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: tasks.append((name, options)))
    return tasks


def fail(**changed):
    given = {"name": "myhouse.x", "args": ["a"], "kwargs": {}, "error": ValueError("no"), "traceback": "…", "now": NOW}
    failure_record(**{**given, **changed})
    return FailedTask.objects.latest("pk")


def test_a_task_that_raises_is_written_down_with_its_arguments_and_error():
    breaks.apply(args=[7])

    failure = FailedTask.objects.get()
    assert failure.name == "tests.breaks"
    assert failure.arguments == {"args": [7], "kwargs": {}}
    assert failure.error == "ValueError: cannot do 7"
    assert "in breaks" in failure.traceback
    assert failure.settled_at == FOREVER


def test_the_same_failure_is_counted_and_another_one_stands_beside_it():
    fail()
    fail(now=NOW + timedelta(minutes=5), error=ValueError("still no"))
    fail(args=["b"])

    same, other = FailedTask.objects.order_by("pk")
    assert (same.times, same.first_at, same.at) == (2, NOW, NOW + timedelta(minutes=5))
    assert same.error == "ValueError: still no"
    assert other.times == 1


def test_keeps_no_secret_argument_and_does_not_pretend_to_be_repeatable(actor):
    breaks.apply(args=[7], kwargs={"password": "correct horse"})

    failure = FailedTask.objects.get()
    assert "correct horse" not in f"{failure.arguments}{failure.error}{failure.traceback}"
    with pytest.raises(UnableToSettleFailure, match="not kept whole"):
        failure_retry(failure=failure, actor=actor, now=NOW)


@pytest.mark.parametrize("argument", ["x" * 5_000, object()])
def test_keeps_no_arguments_that_are_too_long_or_not_plain(argument):
    failure = fail(args=[argument])

    assert failure.arguments == {}
    assert not failure.repeatable


def test_error_and_traceback_are_bounded():
    failure = fail(error=ValueError("x" * 1_000), traceback="y" * 20_000)

    assert len(failure.error) == 300
    assert len(failure.traceback) == 8_000


def test_a_failure_is_started_again_once(actor, sent):
    failure = fail(kwargs={"n": 1})

    failure_retry(failure=failure, actor=actor, now=NOW)

    assert [(name, options["args"], options["kwargs"]) for name, options in sent] == [("myhouse.x", ["a"], {"n": 1})]
    with pytest.raises(UnableToSettleFailure, match="settled already"):
        failure_retry(failure=FailedTask.objects.get(), actor=actor, now=NOW)
    assert len(sent) == 1
    assert AuditEntry.objects.get().action == "task.retry"


def test_a_failure_stays_open_when_no_broker_takes_it(actor, monkeypatch):
    def away(*_args, **_options):
        raise ConnectionRefusedError

    monkeypatch.setattr(current_app, "send_task", away)
    failure = fail()

    with pytest.raises(Busy):
        failure_retry(failure=failure, actor=actor, now=NOW)

    assert FailedTask.objects.get().settled_at == FOREVER
    assert not AuditEntry.objects.exists()


def test_a_dismissed_failure_that_comes_back_is_a_new_one(actor):
    failure_dismiss(failure=fail(), actor=actor, now=NOW)
    fail(now=NOW + timedelta(hours=1))

    assert [row.settled_at for row in FailedTask.objects.order_by("pk")] == [NOW, FOREVER]


def test_an_unreadable_message_is_put_back_as_it_came(actor):
    failure = fail(kind="unreadable", name="?", queue="market", body="no message")

    failure_retry(failure=failure, actor=actor, now=NOW)

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert client.lrange("market", 0, -1) == [b"no message"]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.details) == ("task.retry", {"task": "?", "kind": "unreadable"})


def test_an_unreadable_message_that_is_too_long_is_cut_and_cannot_be_put_back(actor):
    failure = fail(kind="unreadable", name="?", queue="market", body="x" * 10_000)

    assert len(failure.body) == 8_000
    with pytest.raises(UnableToSettleFailure, match="not kept whole"):
        failure_retry(failure=failure, actor=actor, now=NOW)


def test_a_task_that_killed_its_workers_is_started_again_with_its_arguments(actor, sent):
    failure = fail(kind="deadly", queue="market", body="{}")

    failure_retry(failure=failure, actor=actor, now=NOW)

    assert [(name, options["args"]) for name, options in sent] == [("myhouse.x", ["a"])]


def test_the_message_is_not_kept_where_an_argument_may_not_be():
    failure = fail(kind="unknown", kwargs={"password": "correct horse"}, body="correct horse")

    assert (failure.body, failure.repeatable) == ("", False)


def test_of_too_many_failures_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(failures, "KEPT_AT_MOST", 10)
    for minute in range(12):
        fail(args=[minute], now=NOW + timedelta(minutes=minute))

    assert FailedTask.objects.count() == 10
    assert FailedTask.objects.order_by("at").first().arguments["args"] == [2]


def test_failures_of_long_ago_are_forgotten():
    fail(now=NOW - KEPT - timedelta(seconds=1))
    fail(args=["b"])

    assert failures_tidy(now=NOW) == 1


def test_a_message_is_given_up_and_sent_again_later(actor):
    message = outbox_put(topic="mail", payload={}, now=NOW)

    message_give_up(message=message, actor=actor, now=NOW)
    assert OutboxMessage.objects.get().due_at == FOREVER
    message_resend(message=message, actor=actor, now=NOW + timedelta(hours=1))

    assert OutboxMessage.objects.get().due_at == NOW + timedelta(hours=1)
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == ["outbox.give_up", "outbox.resend"]


def test_refuses_to_give_up_what_was_sent_or_given_up(actor):
    message = outbox_put(topic="mail", payload={}, now=NOW)
    message_give_up(message=message, actor=actor, now=NOW)

    with pytest.raises(UnableToChangeMessage, match="already"):
        message_give_up(message=message, actor=actor, now=NOW)
    message.sent_at = NOW
    with pytest.raises(UnableToChangeMessage, match="has been sent"):
        message_give_up(message=message, actor=actor, now=NOW)


def test_a_message_that_a_worker_took_meanwhile_is_left_to_it(actor):
    message = outbox_put(topic="mail", payload={}, now=NOW)
    OutboxMessage.objects.update(due_at=NOW + timedelta(minutes=2))

    with pytest.raises(UnableToChangeMessage, match="just being sent"):
        message_resend(message=message, actor=actor, now=NOW)
