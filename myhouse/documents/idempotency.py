"""The same request twice is done once: records keyed by who asks, for what, and the caller's own id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError
from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic
from myhouse.documents.models import IdempotencyRecord
from myhouse.errors import Kind, UnableTo

KEPT = timedelta(days=30)
# A request that has not answered by then died with its process; the next one with its key may take over. (Does it
# live still, its work is undone: the record is not its own any more.)
RUNS_AT_MOST = timedelta(seconds=15)


class UnableToRepeat(UnableTo):
    """The key was used for another request."""


class UnableToRunTwice(UnableTo):
    """The first request with this key is still running."""

    kind = Kind.CONFLICT


@dataclass(frozen=True)
class Answer:
    """Status and JSON body of a request, as first given; `repeated` when it was given before."""

    status: int
    body: Any
    repeated: bool = False


def once(*, scope: str, key: str, request: Any, now: datetime, run: Callable[[], tuple[int, Any]]) -> Answer:
    """Run a request under the caller's key, or give the answer of its first run again.

    `run` and the note of its answer are one transaction, so a crash between the two is not possible. A run
    that is refused leaves no record: it wrote nothing and may be sent again under the same key.
    """
    if not 1 <= len(key) <= 80:
        raise UnableToRepeat(_("Give an Idempotency-Key of 1 to 80 characters."), field="Idempotency-Key")
    digest = _digest(request)
    record = _begin(scope=scope, key=key, digest=digest, now=now)
    if record.status:
        return Answer(record.status, record.answer, repeated=True)
    try:
        return _finish(record, run)
    except BaseException:
        IdempotencyRecord.objects.filter(pk=record.pk, status=0, created_at=record.created_at).delete()
        raise


def records_forget(*, now: datetime) -> int:
    """Delete the records that were kept long enough."""
    return IdempotencyRecord.objects.filter(created_at__lt=now - KEPT).delete()[0]


def _begin(*, scope: str, key: str, digest: str, now: datetime) -> IdempotencyRecord:
    """Return a fresh record to run under, or the finished one of the first run; refuse a running or other one."""
    # Looked up before it is inserted: while the first one writes, an insert would wait for it.
    record = IdempotencyRecord.objects.filter(scope=scope, key=key).first()
    if record is not None:
        return _checked(record, digest=digest, now=now)
    fresh = IdempotencyRecord(scope=scope, key=key, body_digest=digest, created_at=now)
    try:
        # In a transaction of its own, so that a parallel request sees it while this one runs.
        _insert(fresh)
    except IntegrityError:
        raise UnableToRunTwice(_("The same request is running. Try again shortly."), retry_after_s=1) from None
    return fresh


@atomic
def _insert(record: IdempotencyRecord) -> None:
    record.save(force_insert=True)


def _checked(record: IdempotencyRecord, *, digest: str, now: datetime) -> IdempotencyRecord:
    if record.created_at < now - KEPT:
        return _taken_over(record, digest=digest, now=now)
    if record.body_digest != digest:
        raise UnableToRepeat(
            _("This Idempotency-Key belongs to another request. Use a new key for a new request."),
            field="Idempotency-Key",
        )
    if record.status:
        return record
    if record.created_at > now - RUNS_AT_MOST:
        raise UnableToRunTwice(_("The same request is running. Try again shortly."), retry_after_s=2)
    return _taken_over(record, digest=digest, now=now)


def _taken_over(record: IdempotencyRecord, *, digest: str, now: datetime) -> IdempotencyRecord:
    """Make an abandoned record this request's own; of two that try, one wins."""
    won = IdempotencyRecord.objects.filter(pk=record.pk, status=record.status, created_at=record.created_at).update(
        created_at=now, body_digest=digest, status=0, answer={}
    )
    if won != 1:
        raise UnableToRunTwice(_("The same request is running. Try again shortly."), retry_after_s=2)
    record.created_at, record.body_digest, record.status = now, digest, 0
    return record


@atomic
def _finish(record: IdempotencyRecord, run: Callable[[], tuple[int, Any]]) -> Answer:
    """Run, and note the answer in the same transaction, provided the record is still ours."""
    status, body = run()
    plain = json.loads(json.dumps(body, cls=DjangoJSONEncoder))
    kept = IdempotencyRecord.objects.filter(pk=record.pk, status=0, created_at=record.created_at).update(
        status=status, answer=plain
    )
    if kept != 1:
        raise UnableToRunTwice(_("The same request is running. Try again shortly."), retry_after_s=2)
    return Answer(status, plain)


def _digest(request: Any) -> str:
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), cls=DjangoJSONEncoder)
    return hashlib.sha256(text.encode()).hexdigest()
