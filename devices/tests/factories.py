"""Devices for tests, registered by their service; a home with a meter that sends over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from devices.models import Device, DeviceKind, KeySlot
from devices.services.channels import Binding
from devices.services.keys import device_key_issue
from devices.services.registry import Address, device_register
from myhouse.documents.services import SYSTEM
from myhouse.models import Household, MeteringPoint
from myhouse.models.metering import PointRole, Quantity
from myhouse.services.metering import metering_point_create
from myhouse.tests.factories import HouseholdFactory


@dataclass
class Meter:
    """A device at a metering point, and its key."""

    device: Device
    point: MeteringPoint
    household: Household
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


def http_meter(
    *,
    now: datetime,
    household: Household | None = None,
    kind: str = DeviceKind.HTTP,
    quantities: tuple[str, ...] = (Quantity.IMPORT, Quantity.POWER),
    external_id: str = "meter-1",
    gateway: Device | None = None,
    simulated: bool = False,
    role: str = PointRole.GRID,
) -> Meter:
    household = household or HouseholdFactory()
    point = metering_point_create(household=household, role=role, name="Meter", actor=SYSTEM, now=now)
    device = device_register(
        name="Meter",
        kind=kind,
        household=household,
        gateway=gateway,
        external_id=external_id,
        metering_point=point,
        bindings=[Binding(name=one, metering_point=point, quantity=one) for one in quantities],
        simulated=simulated,
        actor=SYSTEM,
        now=now,
    )
    _key, secret = device_key_issue(device=device, slot=KeySlot.PRIMARY, actor=SYSTEM, now=now)
    return Meter(device, point, household, secret)


def gateway_register(*, now: datetime) -> Meter:
    device = device_register(name="Gateway", kind=DeviceKind.GATEWAY, external_id="gw", actor=SYSTEM, now=now)
    _key, secret = device_key_issue(device=device, slot=KeySlot.PRIMARY, actor=SYSTEM, now=now)
    return Meter(device, None, None, secret)


def modbus_device(
    *,
    now: datetime,
    port: int,
    unit_id: int = 1,
    model: str = "eastron-sdm630",
    role: str = PointRole.GRID,
    period_s: int = 10,
    household: Household | None = None,
    quantities: tuple[str, ...] = (Quantity.IMPORT, Quantity.EXPORT, Quantity.POWER),
    host: str = "127.0.0.1",
) -> Meter:
    household = household or HouseholdFactory()
    point = metering_point_create(household=household, role=role, name="Meter", actor=SYSTEM, now=now)
    device = device_register(
        name=f"{model} {unit_id}",
        kind=DeviceKind.MODBUS,
        household=household,
        metering_point=point,
        model=model,
        address=Address(host, port, unit_id),
        period_s=period_s,
        bindings=[Binding(name=f"{role}.{one}", metering_point=point, quantity=one) for one in quantities],
        actor=SYSTEM,
        now=now,
    )
    return Meter(device, point, household, "")
