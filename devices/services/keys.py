"""Keys that devices sign in with: issued, rotated without a gap, revoked."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from django.utils.translation import gettext as _

from devices.errors import UnableToChangeKey
from devices.models import Device, DeviceKey, KeySlot
from devices.services.registry import device_community_id
from devices.state import registry_changed
from myhouse.documents.atomic import after_commit, atomic, guard
from myhouse.documents.base import FOREVER
from myhouse.documents.services import Actor, audit_record

PREFIX = "mhd_"


def key_digest(secret: str) -> str:
    """Return what is stored of a key; a plain hash suffices for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


@atomic
def device_key_issue(*, device: Device, slot: str, actor: Actor, now: datetime) -> tuple[DeviceKey, str]:
    """Issue the key of an empty slot; the secret is returned once and never again."""
    guard("keys", device.pk)
    if DeviceKey.objects.filter(device_id=device.pk, slot=slot, revoked_at=FOREVER).exists():
        raise UnableToChangeKey(
            _("This slot already holds a key: rotate the keys, or revoke this one first."), field="slot"
        )
    return _issue(device=device, slot=slot, actor=actor, now=now)


@atomic
def device_key_rotate(*, device: Device, actor: Actor, now: datetime) -> tuple[DeviceKey, str]:
    """Issue a new key beside the newest one, which keeps working; an older third one is revoked."""
    guard("keys", device.pk)
    held = list(DeviceKey.objects.filter(device_id=device.pk, revoked_at=FOREVER).order_by("created_at"))
    free = [slot for slot in KeySlot.values if slot not in {key.slot for key in held}]
    if free:
        return _issue(device=device, slot=free[0], actor=actor, now=now)
    oldest = held[0]
    _revoke(key=oldest, actor=actor, now=now)
    return _issue(device=device, slot=oldest.slot, actor=actor, now=now)


@atomic
def device_key_revoke(*, key: DeviceKey, actor: Actor, now: datetime) -> None:
    """End a key at once; revoking it again changes nothing."""
    _revoke(key=key, actor=actor, now=now)


def _issue(*, device: Device, slot: str, actor: Actor, now: datetime) -> tuple[DeviceKey, str]:
    secret = PREFIX + secrets.token_urlsafe(32)
    key = DeviceKey.objects.create(
        device=device, slot=slot, digest=key_digest(secret), hint=secret[-4:], created_at=now
    )
    _noted(device, "device.key_issued", slot, actor, now)
    after_commit(registry_changed)
    return key, secret


def _revoke(*, key: DeviceKey, actor: Actor, now: datetime) -> None:
    if DeviceKey.objects.filter(pk=key.pk, revoked_at=FOREVER).update(revoked_at=now):
        _noted(key.device, "device.key_revoked", key.slot, actor, now)
        after_commit(registry_changed)


def _noted(device: Device, action: str, slot: str, actor: Actor, now: datetime) -> None:
    audit_record(
        actor=actor,
        action=action,
        subject=device,
        now=now,
        community_id=device_community_id(device=device, now=now),
        details={"name": device.name, "slot": slot},
    )
