"""Background tasks that failed and messages that were set aside: written down, started again or dismissed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.db import IntegrityError
from django.db.models import F
from django.utils.translation import gettext as _
from kombu.exceptions import KombuError, OperationalError
from redis import RedisError

from myhouse.documents.atomic import atomic
from myhouse.documents.base import FOREVER
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import Busy, Kind, UnableTo
from myhouse.models import FailedTask
from myhouse.models.failures import FailureKind, FailureOutcome
from telemetry.broker import broker_client

ARGUMENTS_LENGTH = 4_000
ERROR_LENGTH = 300
TRACEBACK_LENGTH = 8_000
BODY_LENGTH = 8_000
# Of more than so many the oldest are forgotten.
KEPT_AT_MOST = 5_000
KEPT = timedelta(days=30)
# Words in the name of an argument whose value nobody may read later.
_SECRET_WORDS = ("password", "secret", "token", "key", "authorization", "cookie", "body", "payload")


class UnableToSettleFailure(UnableTo):
    """The failure cannot be started again or dismissed."""

    kind = Kind.CONFLICT


def failure_record(
    *,
    name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    error: BaseException,
    traceback: str,
    now: datetime,
    kind: str = FailureKind.RAISED,
    queue: str = "",
    body: str = "",
) -> None:
    """Write down that a task failed; the same one failing again counts up while nobody has settled it.

    `body` is the message as it stood in the queue: it is what starts an unreadable one again.
    """
    arguments = {"args": list(args), "kwargs": dict(kwargs)}
    kept, whole = _bounded(arguments)
    about = _text(arguments)
    if kind == FailureKind.UNREADABLE:
        about, whole = body, len(body) <= BODY_LENGTH
    elif kind != FailureKind.RAISED:
        about = f"{kind} {about}"
    fingerprint = hashlib.sha256(f"{name} {about}".encode()).hexdigest()
    said = f"{type(error).__name__}: {error}"[:ERROR_LENGTH]
    failure = FailedTask(
        kind=kind,
        queue=queue[:40],
        # What may not be kept of the arguments is not kept of the message either.
        body=body[:BODY_LENGTH] if whole or kind == FailureKind.UNREADABLE else "",
        name=name[:120],
        fingerprint=fingerprint,
        arguments=kept,
        repeatable=whole,
        error=said,
        # The end of a traceback says most.
        traceback=traceback[-TRACEBACK_LENGTH:],
        first_at=now,
        at=now,
    )
    try:
        if not _count_up(failure):
            _insert(failure)
    except IntegrityError:
        # Another worker wrote the same failure in between.
        _count_up(failure)


@atomic
def failure_retry(*, failure: FailedTask, actor: Actor, now: datetime) -> FailedTask:
    """Start the task again with the arguments it had; a second failure is written down as a new one."""
    if not failure.repeatable:
        raise UnableToSettleFailure(
            _("The arguments of this task are not kept whole. Do what it was for again, and dismiss the failure.")
        )
    _settle(failure=failure, outcome=FailureOutcome.RETRIED, action="task.retry", actor=actor, now=now)
    try:
        # Within the transaction: what no broker takes is not marked as started.
        _send(failure)
    except (KombuError, OperationalError, RedisError, OSError) as error:
        raise Busy(_("The tasks' broker does not answer. Try again shortly."), retry_after_s=10) from error
    return failure


@atomic
def failure_dismiss(*, failure: FailedTask, actor: Actor, now: datetime) -> FailedTask:
    """Mark a failure as seen; should the task fail again, it is written down as a new one."""
    _settle(failure=failure, outcome=FailureOutcome.DISMISSED, action="task.dismiss", actor=actor, now=now)
    return failure


def failures_tidy(*, now: datetime) -> int:
    """Delete the failures of long ago, and the oldest of too many."""
    return FailedTask.objects.filter(at__lt=now - KEPT).delete()[0] + _bound(KEPT_AT_MOST)


def _send(failure: FailedTask) -> None:
    if failure.kind == FailureKind.UNREADABLE:
        # As it came, to the end of its queue: this version, or another one's worker, may be able to read it.
        broker_client().lpush(failure.queue, failure.body)
        return
    current_app.send_task(
        failure.name,
        args=failure.arguments.get("args", []),
        kwargs=failure.arguments.get("kwargs", {}),
        retry=False,
        ignore_result=True,
    )


def _bound(at_most: int) -> int:
    """Delete all but the newest."""
    # MongoDB sorts a selection of columns by an index only where it also filters by it.
    sorted_ = FailedTask.objects.filter(at__lt=FOREVER).order_by("-at").values_list("at", flat=True)
    oldest = sorted_[at_most : at_most + 1].first()
    return 0 if oldest is None else FailedTask.objects.filter(at__lte=oldest).delete()[0]


def _settle(*, failure: FailedTask, outcome: FailureOutcome, action: str, actor: Actor, now: datetime) -> None:
    changed = FailedTask.objects.filter(pk=failure.pk, settled_at=FOREVER).update(settled_at=now, outcome=outcome)
    if changed != 1:
        raise UnableToSettleFailure(_("This failure is settled already."))
    failure.settled_at, failure.outcome = now, outcome
    audit_record(
        actor=actor, action=action, now=now, subject=failure, details={"task": failure.name, "kind": failure.kind}
    )


def _count_up(failure: FailedTask) -> bool:
    return bool(
        FailedTask.objects.filter(fingerprint=failure.fingerprint, settled_at=FOREVER).update(
            times=F("times") + 1, at=failure.at, error=failure.error, traceback=failure.traceback
        )
    )


def _insert(failure: FailedTask) -> None:
    _insert_one(failure)
    # A flood of poison is bounded when it comes, not an hour later; a little above, so that this is rarely work.
    if FailedTask.objects.count() > KEPT_AT_MOST + KEPT_AT_MOST // 10:
        _bound(KEPT_AT_MOST)


@atomic
def _insert_one(failure: FailedTask) -> None:
    failure.save(force_insert=True)


def _bounded(arguments: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return what may be kept of the arguments, and whether that is all of them."""
    named = arguments["kwargs"]
    open_ones = {name: value for name, value in named.items() if not _is_secret(name)}
    kept = {"args": arguments["args"], "kwargs": open_ones}
    try:
        text = json.dumps(kept)
    except (TypeError, ValueError):
        return {}, False
    if len(text) > ARGUMENTS_LENGTH:
        return {}, False
    return kept, len(open_ones) == len(named)


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET_WORDS)


def _text(arguments: dict[str, Any]) -> str:
    return json.dumps(arguments, sort_keys=True, default=repr)
