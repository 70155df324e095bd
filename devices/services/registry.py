"""Devices enter the registry, and are switched on and off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from devices.drivers import model_load, models_available
from devices.errors import UnableToRegisterDevice
from devices.models import Device, DeviceKind
from devices.services.channels import Binding, bindings_bind, bindings_of_model
from devices.state import registry_changed
from myhouse.documents.atomic import after_commit, atomic
from myhouse.documents.base import uuid7
from myhouse.documents.services import Actor, audit_record
from myhouse.models import Community, CommunityMembership, Household, MeteringPoint

EXTERNAL_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
PERIOD_S = range(1, 86_401)


@dataclass(frozen=True)
class Address:
    """Where a polled device answers."""

    host: str
    port: int = 502
    unit_id: int = 1


@atomic
def device_register(
    *,
    name: str,
    kind: str,
    actor: Actor,
    now: datetime,
    household: Household | None = None,
    community: Community | None = None,
    gateway: Device | None = None,
    external_id: str = "",
    model: str = "",
    address: Address | None = None,
    period_s: int = 10,
    metering_point: MeteringPoint | None = None,
    bindings: Sequence[Binding] = (),
    simulated: bool = False,
) -> Device:
    """Register a device and bind its points.

    `bindings` name the points whose measurement is known; without any, a polled device is bound to all that
    its model measures at `metering_point`. A quantity of that point which is not among them is bound when the
    device sends it for the first time (`channel_open`).
    """
    device = Device(
        id=uuid7(),
        name=name.strip(),
        kind=kind,
        household=household,
        community=community,
        gateway=gateway,
        external_id=external_id,
        model=model,
        host=address.host if address else "",
        port=address.port if address else 502,
        unit_id=address.unit_id if address else 1,
        period_s=period_s,
        metering_point=metering_point,
        simulated=simulated,
        created_at=now,
    )
    device.registrar_id = gateway.pk if gateway else device.pk
    device.external_id = device.external_id or device.pk.hex
    _check(device)
    if kind == DeviceKind.MODBUS and metering_point is not None and not bindings:
        bindings = bindings_of_model(model=model_load(model), metering_point=metering_point)
    device.save(force_insert=True)
    bindings_bind(device=device, bindings=bindings, now=now)
    audit_record(
        actor=actor,
        action="device.registered",
        subject=device,
        now=now,
        community_id=community.pk if community else None,
        details={"name": device.name, "kind": kind, "model": model},
    )
    after_commit(registry_changed)
    return device


def _check(device: Device) -> None:
    if not device.name:
        raise UnableToRegisterDevice(_("Give the device a name."), field="name")
    if device.kind not in DeviceKind.values:
        raise UnableToRegisterDevice(
            _("Choose one of: %(kinds)s.") % {"kinds": ", ".join(DeviceKind.values)}, field="kind"
        )
    if not EXTERNAL_ID.fullmatch(device.external_id):
        raise UnableToRegisterDevice(
            _("Use 1 to 64 letters, digits, dots, colons, dashes or underscores."), field="external_id"
        )
    if device.period_s not in PERIOD_S:
        raise UnableToRegisterDevice(_("Choose a period between 1 second and 1 day."), field="period_s")
    _check_place(device)
    taken = Device.objects.filter(registrar_id=device.registrar_id, external_id=device.external_id).exists()
    if taken:
        raise UnableToRegisterDevice(
            _("The gateway already has a device of this id: choose another one."), field="external_id"
        )


def _check_place(device: Device) -> None:
    if device.kind == DeviceKind.MODBUS and not (device.host and device.model):
        raise UnableToRegisterDevice(_("A polled device needs its address and its model."), field="host")
    if device.kind == DeviceKind.MODBUS and device.model not in models_available():
        known = ", ".join(models_available())
        raise UnableToRegisterDevice(_("Choose one of these models: %(known)s.") % {"known": known}, field="model")
    if device.gateway is not None and device.gateway.kind != DeviceKind.GATEWAY:
        raise UnableToRegisterDevice(_("Only a gateway can have devices below it."), field="gateway")
    if device.household_id is None and device.kind != DeviceKind.GATEWAY:
        raise UnableToRegisterDevice(_("Choose the household the device belongs to."), field="household")
    point = device.metering_point
    if point is not None and point.household_id != device.household_id:
        raise UnableToRegisterDevice(
            _("Choose a metering point of the device's own household."), field="metering_point"
        )


@atomic
def device_enable(*, device: Device, actor: Actor, now: datetime) -> None:
    """Poll the device, and take its packets, again."""
    _switch(device=device, enabled=True, actor=actor, now=now)


@atomic
def device_disable(*, device: Device, actor: Actor, now: datetime) -> None:
    """Stop polling the device and refuse its packets; its readings stay."""
    _switch(device=device, enabled=False, actor=actor, now=now)


def device_community_id(*, device: Device, now: datetime) -> UUID | None:
    """Return the community a device belongs to, by itself or by its household: whose audit log tells of it."""
    if device.community_id is not None or device.household_id is None:
        return device.community_id
    membership = CommunityMembership.objects.filter(
        household_id=device.household_id, starts_at__lte=now, ends_at__gt=now
    ).first()
    return membership.community_id if membership else None


def _switch(*, device: Device, enabled: bool, actor: Actor, now: datetime) -> None:
    if Device.objects.filter(pk=device.pk, enabled=not enabled).update(enabled=enabled):
        device.enabled = enabled
        action = "device.enabled" if enabled else "device.disabled"
        audit_record(
            actor=actor,
            action=action,
            subject=device,
            now=now,
            community_id=device_community_id(device=device, now=now),
            details={"name": device.name},
        )
        after_commit(registry_changed)
