"""The devices' part of a person's data (settings.PRIVACY_PARTS)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from devices.models import Device, DeviceChannel, DeviceKey, SwapQuestion
from devices.services.keys import device_key_revoke
from devices.services.registry import device_disable
from devices.state import registry_changed
from myhouse.documents.atomic import after_commit, atomic
from myhouse.documents.base import FOREVER
from myhouse.privacy.files import documents, household_folder, list_file
from myhouse.privacy.parts import Person, PersonFile
from myhouse.privacy.texts import audit_neutralise

if TYPE_CHECKING:
    from django.db.models import Model

    from myhouse.documents.services import Actor

TEXTS: list[tuple[type[Model], str]] = [(Device, "last_error")]


def files(*, person: Person, now: datetime) -> Iterator[PersonFile]:
    """Yield the devices of each household, without their keys' digests."""
    for stay in person.stays:
        folder = household_folder(stay.household)
        devices = Device.objects.filter(household_id=stay.household.pk)
        ids = list(devices.values_list("pk", flat=True))
        rows: dict[str, Any] = {
            "devices": devices,
            "device-channels": DeviceChannel.objects.filter(device_id__in=ids),
            "device-keys": DeviceKey.objects.filter(device_id__in=ids),
            "meter-questions": SwapQuestion.objects.filter(household_id=stay.household.pk),
        }
        for name, found in rows.items():
            yield list_file(f"{folder}/{name}.json", partial(documents, found, without=["digest"]))


def leave(*, person: Person, actor: Actor, now: datetime) -> None:
    """Switch off the devices of households in which nobody is left, and end their keys."""
    devices = list(_devices(person))
    for device in devices:
        device_disable(device=device, actor=actor, now=now)
    for key in DeviceKey.objects.filter(device_id__in=[device.pk for device in devices], revoked_at=FOREVER):
        device_key_revoke(key=key, actor=actor, now=now)


@atomic
def erase(*, person: Person, pseudonym: str, now: datetime) -> None:
    """Leave of a device what its measurements need: what it was called, its number and its address go."""
    devices = list(_devices(person))
    for number, device in enumerate(devices, start=1):
        Device.objects.filter(pk=device.pk).update(
            name=f"Device {number}", external_id=device.pk.hex, host="", last_error=""
        )
    ids = [device.pk for device in devices]
    audit_neutralise(Q(subject_id__in=ids))
    DeviceKey.objects.filter(device_id__in=ids).delete()
    SwapQuestion.objects.filter(household_id__in=[household.pk for household in person.emptied]).delete()
    after_commit(registry_changed)


def _devices(person: Person) -> Iterator[Device]:
    empty = [household.pk for household in person.emptied]
    yield from Device.objects.filter(household_id__in=empty).order_by("pk")
