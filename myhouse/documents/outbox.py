"""Sending what is owed to the outside: each message until it got through, later after each failure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.db.models import F
from kombu.exceptions import KombuError, OperationalError
from redis import RedisError

from myhouse.documents.atomic import after_commit
from myhouse.documents.base import FOREVER
from myhouse.documents.models import OutboxMessage
from myhouse.documents.rows import rows_insert

logger = logging.getLogger(__name__)

MAIL = "mail"
SEND_TASK = "myhouse.outbox_send"
# While a sender works on a message no other one takes it; should it die, the message is due again after this.
_CLAIM = timedelta(minutes=2)
_WAITS = [timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6)]
TRIES_AT_MOST = 12
# Should the task that was asked for be lost, another one is asked for after this.
_ASKED, _ASKED_S = "outbox-asked", 10
SENT_KEPT = timedelta(days=7)


def mail_put(*, to: str, subject: str, body: str, now: datetime) -> OutboxMessage:
    """Owe a mail to an address; it goes out soon after the transaction."""
    message = mail_message(to=to, subject=subject, body=body, now=now)
    mails_put(messages=[message])
    return message


def mail_message(*, to: str, subject: str, body: str, now: datetime) -> OutboxMessage:
    """Return a mail for `mails_put`, which writes several at once."""
    payload = {"to": to, "subject": subject, "body": body}
    return OutboxMessage(topic=MAIL, payload=payload, created_at=now, due_at=now)


def mails_put(*, messages: Sequence[OutboxMessage]) -> None:
    """Owe these mails; they go out soon after the transaction."""
    rows_insert(messages)
    if messages:
        after_commit(outbox_wake)


def outbox_wake() -> None:
    """Ask a worker to send now; without a broker the messages go out at the next regular round.

    Asked once until one begins: to note that costs far less than a task, and it will find all there is.
    """
    try:
        if cache.add(_ASKED, 1, _ASKED_S):
            # By name: tasks know the outbox, and not the other way round.
            current_app.send_task(SEND_TASK, retry=False, ignore_result=True)
    except (KombuError, OperationalError, RedisError, OSError):
        logger.warning("No broker: mail waits for the next regular round.")


def outbox_woken() -> None:
    """Note that a worker begins: from now on it has to be asked again."""
    with suppress(RedisError, OSError):
        cache.delete(_ASKED)


def outbox_flush(*, now: datetime, limit: int = 100) -> int:
    """Send what is due, oldest first; returns how many got through. Safe to run in several workers at once."""
    due = OutboxMessage.objects.filter(sent_at=FOREVER, due_at__lte=now).order_by("due_at")[:limit]
    return sum(_send(message, now) for message in due)


def outbox_tidy(*, now: datetime) -> int:
    """Delete what was sent a while ago; mails hold links that are nobody's business later."""
    return OutboxMessage.objects.filter(sent_at__lt=now - SENT_KEPT).delete()[0]


def _send(message: OutboxMessage, now: datetime) -> bool:
    """Send one message; a failure is noted and the message is due again later."""
    claimed = OutboxMessage.objects.filter(pk=message.pk, sent_at=FOREVER, due_at=message.due_at).update(
        due_at=now + _CLAIM, tries=F("tries") + 1
    )
    if claimed != 1:
        return False
    try:
        _SENDERS[message.topic](message.payload)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is noted, and must not hold up the next message
        logger.warning("Message %s failed: %s", message.pk, error)
        _postpone(message, error, now)
        return False
    OutboxMessage.objects.filter(pk=message.pk).update(sent_at=now, last_error="")
    return True


def _postpone(message: OutboxMessage, error: Exception, now: datetime) -> None:
    tries = message.tries + 1
    wait = _WAITS[min(tries, len(_WAITS)) - 1]
    # Given up, it stays visible with its error, far in the future.
    due_at = now + wait if tries < TRIES_AT_MOST else FOREVER
    OutboxMessage.objects.filter(pk=message.pk).update(
        due_at=due_at, last_error=f"{type(error).__name__}: {error}"[:500]
    )


def _mail_send(payload: dict[str, Any]) -> None:
    EmailMessage(subject=payload["subject"], body=payload["body"], to=[payload["to"]]).send()


_SENDERS: dict[str, Callable[[dict[str, Any]], None]] = {MAIL: _mail_send}
