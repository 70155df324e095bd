"""Imports that wait for a worker: handed out, and handed out again when nobody gets on with them."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from celery import current_app
from kombu.exceptions import KombuError, OperationalError

from myhouse.models import Upload

logger = logging.getLogger(__name__)

IMPORT_TASK = "myhouse.upload_import"
# Who is at work says so several times a second; after so long without a word the task, or its worker, is lost.
PATIENCE = timedelta(seconds=90)
_AT_MOST = 100


def upload_enqueue(*, upload: Upload) -> None:
    """Hand an import to a worker; without a broker it waits for the next regular round."""
    try:
        # By name: the task knows the services, and not the other way round.
        current_app.send_task(IMPORT_TASK, args=[str(upload.pk)], retry=False, ignore_result=True)
    except (KombuError, OperationalError, OSError):
        logger.warning("No broker: import %s waits for the next regular round.", upload.pk)


def uploads_wake(*, now: datetime) -> int:
    """Hand out again what is to be imported but does not get on; returns how many. One at work keeps its lock."""
    running = Upload.objects.filter(state="running").order_by("created_at")[:_AT_MOST]
    still = now.timestamp() - PATIENCE.total_seconds()
    waiting = [one for one in running if float(one.report.get("since") or 0) < still]
    for upload in waiting:
        upload_enqueue(upload=upload)
    return len(waiting)
