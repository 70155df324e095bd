"""The import of an upload as a task."""

from __future__ import annotations

import logging
import uuid

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext_noop

from myhouse.models import Upload
from myhouse.uploads import services

logger = logging.getLogger(__name__)
_LOCKED_FOR_S = 60


@shared_task(name="myhouse.upload_import", bind=True, max_retries=5)  # type: ignore[untyped-decorator]
def upload_import(self: object, upload_id: str) -> None:
    """Import a file; given out a second time it finds the first at work, or goes on after its death."""
    upload = Upload.objects.filter(pk=uuid.UUID(upload_id)).first()
    if upload is None or upload.state != "running":
        return
    lock = f"upload:{upload_id}"
    if not cache.add(lock, 1, timeout=_LOCKED_FOR_S):
        raise self.retry(countdown=_LOCKED_FOR_S // 2)  # type: ignore[attr-defined]
    try:
        services.upload_run(upload=upload, now=timezone.now())
    except SoftTimeLimitExceeded:
        reason = gettext_noop("The import took too long. Split the file by year and import the parts.")
        services.upload_fail(upload=upload, reason=reason, now=timezone.now())
    except Exception:
        logger.exception("import of upload %s failed", upload_id)
        reason = gettext_noop("Something broke on our side while the file was read. Try again; nothing is lost.")
        services.upload_fail(upload=upload, reason=reason, now=timezone.now())
    finally:
        cache.delete(lock)
