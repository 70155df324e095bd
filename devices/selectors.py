"""Every read of the device registry; what a person sees goes through memberships."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from devices.models import Device, DeviceChannel, DeviceKey, DeviceKind, SwapQuestion
from devices.state import seen_get
from devices.targets import Target, targets_of
from myhouse.documents.base import FOREVER
from myhouse.documents.pages import page
from myhouse.errors import NotFound
from myhouse.models import Household, Measurement, MeteringPoint, User
from myhouse.models.metering import PointRole
from myhouse.selectors.households import Access, accesses_of, household_for

LISTED_AT_MOST = 1_000


@dataclass(frozen=True)
class ChannelState:
    """A point of a device as shown to people: what it measures and where."""

    id: uuid.UUID
    name: str
    quantity: str
    point_name: str


@dataclass(frozen=True)
class DeviceState:
    """A device as shown to people: when it was last heard, its keys, its points, its open questions."""

    device: Device
    household: Household
    seen_at: datetime | None
    keys: list[DeviceKey]
    channels: list[ChannelState]
    questions: list[SwapQuestion]

    @property
    def polled(self) -> bool:
        """Whether we ask the device, instead of it sending to us."""
        return self.device.kind == DeviceKind.MODBUS

    def seen_ago_s(self, now: datetime) -> int | None:
        """Return how many seconds ago the device was last heard; None when it never was."""
        return None if self.seen_at is None else max(0, round((now - self.seen_at).total_seconds()))

    def late(self, now: datetime) -> bool:
        """Whether the device should have been heard again by now."""
        ago = self.seen_ago_s(now)
        return ago is None or ago > 3 * self.device.period_s


@dataclass(frozen=True)
class PollPlan:
    """What polling a device needs to know, taken from the registry once."""

    device_id: uuid.UUID
    name: str
    model: str
    host: str
    port: int
    unit_id: int
    period_s: int
    silent: bool
    role: str
    """Where the device itself is installed; the parts of a hybrid one name their own place."""
    targets: dict[str, Target]


def device_states(*, user: User, now: datetime, household_id: uuid.UUID | None = None) -> list[DeviceState]:
    """List the devices of one household, or of all of the user's, by name; a stranger's household is not found."""
    known = _reached(user, household_id, now)
    devices = Device.objects.filter(household_id__in=list(known)).order_by("name", "pk")[:LISTED_AT_MOST]
    return _states(list(devices), known)


def devices_page(
    *, user: User, now: datetime, household_id: uuid.UUID | None, limit: int, cursor: str | None
) -> tuple[list[DeviceState], str | None]:
    """Return one page of `device_states`, and the cursor of the next."""
    known = _reached(user, household_id, now)
    found = page(Device.objects.filter(household_id__in=list(known)), order="name", limit=limit, cursor=cursor)
    return _states(found.items, known), found.next_cursor


def _reached(user: User, household_id: uuid.UUID | None, now: datetime) -> dict[uuid.UUID, Household]:
    """Return the household asked for, or all the user lives in."""
    if household_id is None:
        households = [access.household for access in accesses_of(user=user, now=now) if access.role != "supplier"]
    else:
        access = household_for(user=user, household_id=household_id, now=now)
        access.require_member()
        households = [access.household]
    return {household.pk: household for household in households}


def device_for(*, user: User, device_id: uuid.UUID, now: datetime) -> tuple[Device, Access]:
    """Open a device for a member of its household, or refuse as if it did not exist."""
    device = Device.objects.filter(pk=device_id).first()
    if device is None or device.household_id is None:
        raise NotFound(_("There is no such device, or it is not yours."))
    try:
        access = household_for(user=user, household_id=device.household_id, now=now)
    except NotFound:
        raise NotFound(_("There is no such device, or it is not yours.")) from None
    access.require_member()
    return device, access


def device_state(*, device: Device, household: Household) -> DeviceState:
    """Return one device as shown to people."""
    return _states([device], {household.pk: household})[0]


def device_key_held(*, device: Device, slot: str) -> DeviceKey:
    """Return the key that holds in a slot."""
    key = DeviceKey.objects.filter(device_id=device.pk, slot=slot, revoked_at=FOREVER).first()
    if key is None:
        raise NotFound(_("There is no key in this slot."))
    return key


def swap_question_for(*, user: User, question_id: uuid.UUID, now: datetime) -> tuple[SwapQuestion, Access]:
    """Open a question for a member of its household, or refuse as if it did not exist."""
    question = SwapQuestion.objects.filter(pk=question_id).first()
    if question is None:
        raise NotFound(_("There is no such question, or it is not yours."))
    access = household_for(user=user, household_id=question.household_id, now=now)
    access.require_member()
    return question, access


def swap_questions_open(*, household: Household) -> list[SwapQuestion]:
    """List the household's open questions, the newest first."""
    return list(
        SwapQuestion.objects.filter(household_id=household.pk, answered_at=FOREVER).order_by("-opened_at")[:100]
    )


def poll_plans(*, device_ids: Iterable[uuid.UUID] | None = None) -> dict[uuid.UUID, PollPlan]:
    """Return what polling needs of these devices, or of all that are polled; seven queries for any number."""
    devices = Device.objects.filter(kind=DeviceKind.MODBUS, enabled=True)
    if device_ids is not None:
        devices = devices.filter(pk__in=list(device_ids))
    listed = list(devices)
    targets = targets_of(device.pk for device in listed)
    points = MeteringPoint.objects.in_bulk([one.metering_point_id for one in listed if one.metering_point_id])
    return {
        device.pk: PollPlan(
            device_id=device.pk,
            name=device.name,
            model=device.model,
            host=device.host,
            port=device.port,
            unit_id=device.unit_id,
            period_s=device.period_s,
            silent=device.silent,
            role=points[device.metering_point_id].role if device.metering_point_id else PointRole.GRID,
            targets=targets[device.pk],
        )
        for device in listed
    }


def devices_sending() -> list[Device]:
    """List the devices that send to us by themselves and should be heard regularly."""
    return list(Device.objects.filter(kind__in=[DeviceKind.HTTP, DeviceKind.P1], enabled=True))


def _states(devices: list[Device], households: dict[uuid.UUID, Household]) -> list[DeviceState]:
    ids = [device.pk for device in devices]
    keys: dict[uuid.UUID, list[DeviceKey]] = {device_id: [] for device_id in ids}
    for key in DeviceKey.objects.filter(device_id__in=ids, revoked_at=FOREVER).order_by("slot"):
        keys[key.device_id].append(key)
    questions: dict[uuid.UUID, list[SwapQuestion]] = {device_id: [] for device_id in ids}
    unanswered = SwapQuestion.objects.filter(device_id__in=ids, answered_at=FOREVER)
    for question in sorted(unanswered, key=lambda question: question.opened_at, reverse=True):
        questions[question.device_id].append(question)
    channels = _channels(ids)
    seen = seen_get(ids)
    return [
        DeviceState(
            device=device,
            household=households[device.household_id],
            seen_at=datetime.fromtimestamp(seen[device.pk] / 1000, UTC) if device.pk in seen else None,
            keys=keys[device.pk],
            channels=channels[device.pk],
            questions=questions[device.pk],
        )
        for device in devices
        if device.household_id is not None
    ]


def _channels(device_ids: list[uuid.UUID]) -> dict[uuid.UUID, list[ChannelState]]:
    found: dict[uuid.UUID, list[ChannelState]] = {device_id: [] for device_id in device_ids}
    channels = list(DeviceChannel.objects.filter(device_id__in=device_ids).order_by("name"))
    measurements = Measurement.objects.in_bulk(list({channel.measurement_id for channel in channels}))
    points = MeteringPoint.objects.in_bulk(list({one.metering_point_id for one in measurements.values()}))
    for channel in channels:
        measurement = measurements[channel.measurement_id]
        found[channel.device_id].append(
            ChannelState(
                id=channel.pk,
                name=channel.name,
                quantity=str(measurement.get_quantity_display()),
                point_name=points[measurement.metering_point_id].name,
            )
        )
    return found
