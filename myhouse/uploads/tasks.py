"""The import of an upload as a task."""

from __future__ import annotations

import logging
import uuid
from functools import partial
from typing import Any

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone
from django.utils.translation import gettext_noop

from myhouse.models import Upload
from myhouse.services.locks import lock_free, lock_renew, lock_take
from myhouse.uploads import services, waiting
from telemetry.errors import StoreUnavailableError

logger = logging.getLogger(__name__)
_LOCKED_FOR_S = 60
_LONGEST_S = 600
_STORE_AWAY_S = 60


@shared_task(name="myhouse.uploads_wake")
def uploads_wake() -> int:
    """Hand out again what nobody imports."""
    return waiting.uploads_wake(now=timezone.now())


@shared_task(
    name=waiting.IMPORT_TASK, bind=True, max_retries=30, soft_time_limit=_LONGEST_S, time_limit=_LONGEST_S + 20
)
def upload_import(self: Any, upload_id: str) -> None:
    """Import a file. Given out a second time it lets the first go on, or goes on itself after the other's death.

    A long import outlives the broker's patience, so who is at work holds a lock and renews it while it gets on.
    """
    upload = Upload.objects.filter(pk=uuid.UUID(upload_id)).first()
    if upload is None or upload.state != "running":
        return
    lock = f"upload:{upload_id}"
    if not lock_take(name=lock, seconds=_LOCKED_FOR_S):
        raise self.retry(countdown=_LOCKED_FOR_S // 2)
    try:
        alive = partial(lock_renew, name=lock, seconds=_LOCKED_FOR_S)
        services.upload_run(upload=upload, now=timezone.now(), alive=alive)
    except SoftTimeLimitExceeded:
        reason = gettext_noop("The import took too long. Split the file by year and import the parts.")
        services.upload_fail(upload=upload, reason=reason, now=timezone.now())
    except StoreUnavailableError as error:
        logger.warning("import of upload %s waits: %s", upload_id, error)
        raise self.retry(countdown=_STORE_AWAY_S, max_retries=None) from error
    except Exception:
        logger.exception("import of upload %s failed", upload_id)
        reason = gettext_noop("Something broke on our side while the file was read. Try again; nothing is lost.")
        services.upload_fail(upload=upload, reason=reason, now=timezone.now())
    finally:
        lock_free(name=lock)
