"""Which measurement each point of a device feeds."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from devices.drivers import Model, Reading, readings_at
from devices.errors import UnableToBindChannel
from devices.models import Device, DeviceChannel
from devices.state import registry_changed
from myhouse.documents.atomic import after_commit, atomic, guard
from myhouse.documents.base import FOREVER
from myhouse.documents.services import Actor, audit_record
from myhouse.models import Measurement, MeteringPoint
from myhouse.models.metering import PointRole, Quantity
from myhouse.services.metering import measurement_start
from telemetry.model import Kind

OF_EVERY_METER = (
    Quantity.POWER,
    Quantity.VOLTAGE_L1,
    Quantity.VOLTAGE_L2,
    Quantity.VOLTAGE_L3,
    Quantity.FREQUENCY,
)
QUANTITIES: dict[str, tuple[Quantity, ...]] = {
    PointRole.GRID: (
        Quantity.IMPORT,
        Quantity.EXPORT,
        Quantity.GAS,
        Quantity.WATER,
        Quantity.HEAT,
        *OF_EVERY_METER,
    ),
    PointRole.PRODUCTION: (Quantity.PRODUCTION, *OF_EVERY_METER),
    PointRole.BATTERY: (Quantity.CHARGE, Quantity.DISCHARGE, Quantity.STATE_OF_CHARGE, *OF_EVERY_METER),
    PointRole.CONSUMER: (Quantity.CONSUMPTION, Quantity.GAS, Quantity.WATER, Quantity.HEAT, *OF_EVERY_METER),
}


@dataclass(frozen=True)
class Binding:
    """A device's point `name` measures `quantity` at `metering_point`; without a kind the quantity's usual one."""

    name: str
    metering_point: MeteringPoint
    quantity: str
    kind: Kind | None = None
    interval_ms: int = 0


@atomic
def channel_bind(*, device: Device, binding: Binding, actor: Actor, now: datetime) -> DeviceChannel:
    """Let a point of the device feed the measurement that runs at its metering point, or start one."""
    channel = _bind(device=device, binding=binding, starts_at=now)
    audit_record(
        actor=actor,
        action="device.channel_bound",
        subject=device,
        now=now,
        details={"name": binding.name, "quantity": binding.quantity},
    )
    after_commit(registry_changed)
    return channel


@atomic
def channel_open(*, device: Device, quantity: str, starts_at: datetime) -> DeviceChannel | None:
    """Bind a quantity that the device sent for the first time to its own metering point.

    Nothing is bound when the device has no metering point, or its point does not measure this quantity.
    """
    existing = DeviceChannel.objects.filter(device_id=device.pk, name=quantity).first()
    if existing is not None:
        return existing
    point = device.metering_point
    if point is None or quantity not in QUANTITIES[point.role]:
        return None
    binding = Binding(name=quantity, metering_point=point, quantity=quantity)
    try:
        channel = _bind(device=device, binding=binding, starts_at=starts_at)
    except UnableToBindChannel:
        # Another device measures it already: the answer to the packet says that the point is not bound.
        return None
    after_commit(registry_changed)
    return channel


def bindings_of_model(*, model: Model, metering_point: MeteringPoint) -> list[Binding]:
    """Return what a model measures at a metering point; a hybrid's other parts go to the household's own points.

    Those are bound only where the household has such a point and nothing measures it yet.
    """
    measured = [Reading(one.quantity, 0.0, one.unit, one.kind, one.role) for one in model.measured]
    points: dict[str, MeteringPoint | None] = {metering_point.role: metering_point}
    bindings: list[Binding] = []
    for reading in readings_at(measured, metering_point.role):
        if reading.role not in points:
            points[reading.role] = _point_free(household_id=metering_point.household_id, role=reading.role)
        point = points[reading.role]
        if point is not None and reading.quantity in QUANTITIES[point.role]:
            bindings.append(Binding(name=reading.channel, metering_point=point, quantity=reading.quantity))
    return bindings


def _point_free(*, household_id: uuid.UUID, role: str) -> MeteringPoint | None:
    """Return the household's point of this role if no device measures there yet."""
    point = MeteringPoint.objects.filter(household_id=household_id, role=role).order_by("pk").first()
    if point is None:
        return None
    measured = Measurement.objects.filter(metering_point_id=point.pk, ends_at=FOREVER).values_list("pk", flat=True)
    taken = DeviceChannel.objects.filter(measurement_id__in=list(measured)).exists()
    return None if taken else point


def bindings_bind(*, device: Device, bindings: Iterable[Binding], now: datetime) -> None:
    """Bind all points named at the registration of a device; call it inside that transaction."""
    for binding in bindings:
        _bind(device=device, binding=binding, starts_at=now)


def _bind(*, device: Device, binding: Binding, starts_at: datetime) -> DeviceChannel:
    point = binding.metering_point
    if device.household_id is not None and point.household_id != device.household_id:
        raise UnableToBindChannel(
            _("Choose a metering point of the device's own household."), field=f"bindings.{binding.name}"
        )
    guard("measured", point.pk)
    running = (
        Measurement.objects.filter(metering_point_id=point.pk, quantity=binding.quantity, ends_at=FOREVER)
        .order_by("-starts_at")
        .first()
    )
    if running is None:
        running = measurement_start(
            metering_point=point,
            quantity=binding.quantity,
            starts_at=starts_at,
            kind=binding.kind,
            simulated=device.simulated,
            interval_ms=binding.interval_ms,
        )
    taken = DeviceChannel.objects.filter(measurement_id=running.pk).exclude(device_id=device.pk, name=binding.name)
    if taken.exists():
        raise UnableToBindChannel(
            _("Another device measures this quantity here: end its measurement first, or choose another point."),
            field=f"bindings.{binding.name}",
        )
    channel, created = DeviceChannel.objects.get_or_create(
        device=device, name=binding.name, defaults={"measurement": running, "created_at": starts_at}
    )
    if not created and channel.measurement_id != running.pk:
        channel.measurement = running
        channel.save(update_fields=["measurement"])
    return channel
