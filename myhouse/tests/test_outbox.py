"""What is owed to the outside goes out, once, and later after a failure."""

from datetime import timedelta

import pytest

from myhouse.documents import outbox
from myhouse.documents.base import FOREVER
from myhouse.documents.models import OutboxMessage
from myhouse.documents.outbox import mail_put, outbox_flush, outbox_tidy
from myhouse.tests.factories import NOW


def put(**fields):
    return mail_put(**{"to": "a@example.org", "subject": "S", "body": "B", "now": NOW, **fields})


@pytest.mark.django_db
def test_sends_a_mail_once(mailoutbox):
    put()

    assert outbox_flush(now=NOW) == 1
    assert outbox_flush(now=NOW + timedelta(hours=1)) == 0

    assert [(mail.to, mail.subject, mail.body) for mail in mailoutbox] == [(["a@example.org"], "S", "B")]


@pytest.mark.django_db
def test_a_failed_mail_is_sent_later_and_does_not_hold_up_the_next(mailoutbox):
    put(subject="line\nbreak")  # no mail can have such a subject
    put(to="b@example.org", now=NOW + timedelta(milliseconds=1))

    assert outbox_flush(now=NOW + timedelta(seconds=1)) == 1

    failed = OutboxMessage.objects.get(sent_at=FOREVER)
    assert (failed.tries, failed.due_at) == (1, NOW + timedelta(seconds=31))
    assert "BadHeaderError" in failed.last_error
    assert [mail.to for mail in mailoutbox] == [["b@example.org"]]


@pytest.mark.django_db
def test_waits_longer_after_each_failure_and_gives_up_visibly():
    put(subject="line\nbreak")
    waits = []
    now = NOW
    for _ in range(outbox.TRIES_AT_MOST):
        outbox_flush(now=now)
        due = OutboxMessage.objects.get().due_at
        waits.append(due - now)
        now = due

    assert waits == sorted(waits)
    assert now == FOREVER
    assert OutboxMessage.objects.get().sent_at == FOREVER


@pytest.mark.django_db
def test_a_message_whose_sender_died_is_due_again():
    message = put()
    OutboxMessage.objects.update(due_at=NOW + timedelta(minutes=2), tries=1)

    assert outbox_flush(now=NOW + timedelta(minutes=1)) == 0
    assert outbox_flush(now=NOW + timedelta(minutes=2)) == 1
    message.refresh_from_db()
    assert message.tries == 2


@pytest.mark.django_db
def test_of_two_workers_with_the_same_message_one_sends(mailoutbox):
    message = put()

    assert outbox._send(message, NOW) is True
    assert outbox._send(message, NOW) is False
    assert len(mailoutbox) == 1


@pytest.mark.django_db
def test_forgets_sent_mails_after_a_week_and_keeps_unsent_ones():
    put()
    outbox_flush(now=NOW)
    put()

    assert outbox_tidy(now=NOW + timedelta(days=8)) == 1
    assert OutboxMessage.objects.get().sent_at == FOREVER


@pytest.mark.django_db(transaction=True)
def test_wakes_a_worker_after_the_commit(broker):
    import redis

    put()

    with redis.Redis.from_url(broker) as client:
        assert client.llen("default") == 1


@pytest.mark.django_db(transaction=True)
def test_owes_the_mail_also_while_the_broker_is_away(celery_away):
    put()

    assert OutboxMessage.objects.count() == 1


@pytest.fixture
def celery_away(tmp_path):
    from celery import current_app

    before = current_app.conf.broker_url
    current_app.conf.broker_url = f"redis+socket://{tmp_path}/nobody.sock"
    current_app._after_fork()
    yield
    current_app.conf.broker_url = before
    current_app._after_fork()
