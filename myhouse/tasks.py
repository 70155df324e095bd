"""Work in the background: each task is one service call and may run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from myhouse.documents.idempotency import records_forget
from myhouse.documents.outbox import outbox_flush, outbox_tidy, outbox_woken
from myhouse.privacy.services import exports_tidy
from myhouse.privacy.tasks import privacy_wake, privacy_work
from myhouse.services.failures import failures_tidy
from myhouse.services.notices import notices_tidy
from myhouse.services.tokens import tokens_tidy
from myhouse.uploads.services import uploads_tidy
from myhouse.uploads.tasks import upload_import, uploads_wake

__all__ = ["outbox_send", "privacy_wake", "privacy_work", "records_tidy", "upload_import", "uploads_wake"]

# What the clock starts: name → task and seconds between two runs.
BEAT = {
    "myhouse-outbox": {"task": "myhouse.outbox_send", "schedule": 30.0},
    "myhouse-privacy": {"task": "myhouse.privacy_wake", "schedule": 60.0},
    "myhouse-uploads": {"task": "myhouse.uploads_wake", "schedule": 60.0},
    "myhouse-tidy": {"task": "myhouse.records_tidy", "schedule": 3600.0},
}


@shared_task(name="myhouse.outbox_send")
def outbox_send() -> int:
    """Send the mails that are due."""
    outbox_woken()
    return outbox_flush(now=timezone.now())


@shared_task(name="myhouse.records_tidy")
def records_tidy() -> None:
    """Delete idempotency records, sent messages, tokens, notices and archives whose time has passed."""
    now = timezone.now()
    records_forget(now=now)
    outbox_tidy(now=now)
    tokens_tidy(now=now)
    notices_tidy(now=now)
    uploads_tidy(now=now)
    exports_tidy(now=now)
    failures_tidy(now=now)
