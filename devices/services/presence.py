"""A device falls silent, or speaks again: the only two moments its document changes by itself."""

from __future__ import annotations

import uuid
from datetime import datetime

from devices.models import Device
from myhouse.documents.atomic import atomic
from myhouse.documents.base import FOREVER
from myhouse.documents.services import SYSTEM, audit_record

ERROR_LENGTH = 200


@atomic
def device_fell_silent(*, device_id: uuid.UUID, since: datetime, error: str, now: datetime) -> bool:
    """Note that a device stopped answering; returns whether it was heard until now."""
    changed = Device.objects.filter(pk=device_id, silent_since=FOREVER).update(
        silent_since=since, last_error=error[:ERROR_LENGTH]
    )
    if changed:
        device = Device.objects.get(pk=device_id)
        audit_record(actor=SYSTEM, action="device.silent", subject=device, now=now, details={"error": error[:200]})
    return bool(changed)


@atomic
def device_spoke(*, device_id: uuid.UUID, now: datetime) -> bool:
    """Note that a silent device answers again; returns whether it was silent."""
    changed = Device.objects.filter(pk=device_id, silent_since__lt=FOREVER).update(silent_since=FOREVER, last_error="")
    if changed:
        device = Device.objects.get(pk=device_id)
        audit_record(actor=SYSTEM, action="device.spoke", subject=device, now=now)
    return bool(changed)
