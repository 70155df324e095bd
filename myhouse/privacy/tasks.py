"""Exports and erasures as tasks."""

from __future__ import annotations

import logging
import uuid

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone
from django.utils.translation import gettext_noop

from myhouse.models import PrivacyJob
from myhouse.privacy import services
from myhouse.services.locks import lock_free, lock_renew, lock_take
from telemetry.errors import StoreUnavailableError

logger = logging.getLogger(__name__)
_LOCKED_FOR_S = 60
_LONGEST_S = 1_800


@shared_task(name=services.WORK_TASK, soft_time_limit=_LONGEST_S, time_limit=_LONGEST_S + 20)
def privacy_work(job_id: str) -> None:
    """Work on a request. Given out a second time it leaves it to the first, or begins anew after the other's death."""
    job = PrivacyJob.objects.filter(pk=uuid.UUID(job_id)).first()
    lock = f"privacy:{job_id}"
    # Who is at work renews the lock while it gets on; what is not finished is given out again each minute.
    if job is None or not lock_take(name=lock, seconds=_LOCKED_FOR_S):
        return

    def alive(_done: int, _total: int) -> None:
        lock_renew(name=lock, seconds=_LOCKED_FOR_S)

    try:
        services.job_work(job=job, now=timezone.now(), progress=alive)
    except SoftTimeLimitExceeded:
        logger.warning("request %s took too long and is begun again", job_id)
    except StoreUnavailableError as error:
        # Given out again each minute, until the time series are there.
        logger.warning("request %s waits: %s", job_id, error)
    except Exception:
        # An erasure that has begun is never given up: it is tried again. An export can be asked for again.
        if job.kind == "export":
            reason = gettext_noop("Something broke on our side. Ask for your data again.")
            services.job_fail(job=job, reason=reason, now=timezone.now())
        raise
    finally:
        lock_free(name=lock)


@shared_task(name="myhouse.privacy_wake")
def privacy_wake() -> int:
    """Give out again what nobody has finished."""
    return services.jobs_wake(now=timezone.now())
