"""What an operator does with a message that is stuck: send it again, or give it up."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from myhouse.documents.atomic import after_commit, atomic
from myhouse.documents.base import FOREVER
from myhouse.documents.models import OutboxMessage
from myhouse.documents.outbox import outbox_wake
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import Kind, UnableTo


class UnableToChangeMessage(UnableTo):
    """The message cannot be sent again or given up."""

    kind = Kind.CONFLICT


@atomic
def message_resend(*, message: OutboxMessage, actor: Actor, now: datetime) -> OutboxMessage:
    """Send a message now, whether it failed, was given up or had got through before."""
    # Conditional on what was seen, so that two operators do not have it sent twice.
    changed = OutboxMessage.objects.filter(pk=message.pk, sent_at=message.sent_at, due_at=message.due_at).update(
        sent_at=FOREVER, due_at=now, tries=0, last_error=""
    )
    _require(changed)
    audit_record(actor=actor, action="outbox.resend", now=now, subject=message, details={"topic": message.topic})
    after_commit(outbox_wake)
    message.sent_at, message.due_at, message.tries, message.last_error = FOREVER, now, 0, ""
    return message


@atomic
def message_give_up(*, message: OutboxMessage, actor: Actor, now: datetime) -> OutboxMessage:
    """Stop trying to send a message; it stays visible and can be sent again later."""
    if message.sent_at < FOREVER:
        raise UnableToChangeMessage(_("This message has been sent."))
    if message.due_at == FOREVER:
        raise UnableToChangeMessage(_("This message is given up already."))
    changed = OutboxMessage.objects.filter(pk=message.pk, sent_at=FOREVER, due_at=message.due_at).update(
        due_at=FOREVER
    )
    _require(changed)
    audit_record(actor=actor, action="outbox.give_up", now=now, subject=message, details={"topic": message.topic})
    message.due_at = FOREVER
    return message


def _require(changed: int) -> None:
    if changed != 1:
        raise UnableToChangeMessage(_("The message was just being sent. Look at it again."))
