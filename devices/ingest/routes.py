"""Whose key a request carries, and where its points lead: looked up once, remembered until the registry changes."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from asgiref.sync import sync_to_async

from devices.models import Device, DeviceKey, DeviceKind
from devices.services.channels import QUANTITIES
from devices.services.keys import key_digest
from devices.state import registry_version
from devices.targets import Target, Targets, targets_of
from myhouse.documents.base import FOREVER
from myhouse.models import MeteringPoint

logger = logging.getLogger(__name__)

MAX_AGE_S = 10.0
"""A meter exchanged elsewhere, or a change while Redis was away, counts after at most this."""
AGEING_S = 5.0
"""From then on it is read anew beside the requests: a gateway's thousand meters take longer than all else of one."""
REMEMBERED = 20_000
SELECTIONS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A device that the key may write for: its bound points, and the quantities it may open by sending them."""

    device_id: uuid.UUID
    external_id: str
    targets: dict[str, Target]
    openable: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """What a key opens: the device itself and, for a gateway, every device below it."""

    key_id: uuid.UUID
    device_id: uuid.UUID
    is_gateway: bool
    members: dict[str, Member]
    """By external id, by id in hex and by id with dashes."""
    columns: dict[str, Target]
    """Column names: `point` of the key's own device, `external id/point` of any member."""
    loaded_at: float = field(default_factory=time.monotonic)
    selected: dict[tuple[str, ...], Targets] = field(default_factory=dict)
    """Selections of columns sent before; a gateway sends the same ones again and again."""

    def select(self, names: list[str]) -> Targets:
        """Return the targets of these columns, all of which are bound."""
        key = tuple(names)
        found = self.selected.get(key)
        if found is None:
            if len(self.selected) >= SELECTIONS:
                self.selected.clear()
            found = self.selected[key] = Targets(self.columns[name] for name in names)
        return found

    @property
    def own(self) -> Member:
        """The device whose key it is."""
        return self.members[self.device_id.hex]


class Standing(Enum):
    """What a remembered route is worth."""

    FRESH = "fresh"
    AGEING = "ageing"
    UNKNOWN = "unknown"


_remembered: OrderedDict[str, tuple[int, float, Route | None]] = OrderedDict()
_loading: dict[tuple[str, int], asyncio.Task[Route | None]] = {}


def route_remembered(secret: str) -> tuple[str, Standing, Route | None]:
    """Return the key's digest, what is known of it without asking the documents, and the last answer.

    That a key is unknown holds until the registry changes, so senders with a wrong key cost no look-ups.
    """
    digest = key_digest(secret)
    entry = _remembered.get(digest)
    version = registry_version()
    if entry is None:
        return digest, Standing.UNKNOWN, None
    age_s = 0.0 if entry[2] is None else time.monotonic() - entry[1]
    if entry[0] != version or age_s >= MAX_AGE_S:
        return digest, Standing.UNKNOWN, entry[2]
    return digest, Standing.FRESH if age_s < AGEING_S else Standing.AGEING, entry[2]


def route_loading(digest: str) -> asyncio.Task[Route | None]:
    """Return the reading of a key's route that is under way, or begin it: one, however many requests need it."""
    # One that began before the registry changed does not know of the change.
    which = (digest, registry_version())
    task = _loading.get(which)
    if task is None or task.get_loop() is not asyncio.get_running_loop():
        task = _loading[which] = asyncio.create_task(sync_to_async(route_load)(digest))
        task.add_done_callback(lambda done: _loaded(which, done))
    return task


def _loaded(which: tuple[str, int], task: asyncio.Task[Route | None]) -> None:
    if _loading.get(which) is task:
        del _loading[which]
    if not task.cancelled() and (error := task.exception()) is not None:
        # Whoever waits for it answers with it; nobody waits for one that only ages.
        logger.warning("The devices of a key could not be read anew: %s", error)


def route_load(digest: str) -> Route | None:
    """Read the key's route from the documents and remember it; None for a key that is unknown or revoked."""
    version = registry_version()
    key = DeviceKey.objects.filter(digest=digest, revoked_at=FOREVER).first()
    device = Device.objects.filter(pk=key.device_id, enabled=True).first() if key else None
    route = _route(key, device) if key and device else None
    _remembered[digest] = (version, time.monotonic(), route)
    _remembered.move_to_end(digest)
    while len(_remembered) > REMEMBERED:
        _remembered.popitem(last=False)
    return route


def _route(key: DeviceKey, device: Device) -> Route:
    is_gateway = device.kind == DeviceKind.GATEWAY
    devices = [device]
    if is_gateway:
        devices += Device.objects.filter(gateway_id=device.pk, enabled=True)
    targets = targets_of(one.pk for one in devices)
    openable = _openable(devices)
    members: dict[str, Member] = {}
    columns: dict[str, Target] = dict(targets[device.pk])
    for one in devices:
        bound = targets[one.pk]
        member = Member(one.pk, one.external_id, bound, openable[one.pk] - bound.keys())
        members[one.external_id] = members[one.pk.hex] = members[str(one.pk)] = member
        columns |= {f"{one.external_id}/{name}": target for name, target in bound.items()}
    return Route(key_id=key.pk, device_id=device.pk, is_gateway=is_gateway, members=members, columns=columns)


def _openable(devices: Iterable[Device]) -> dict[uuid.UUID, frozenset[str]]:
    """Return per device the quantities its own metering point can measure."""
    listed = list(devices)
    points = MeteringPoint.objects.in_bulk([one.metering_point_id for one in listed if one.metering_point_id])
    return {
        one.pk: frozenset(map(str, QUANTITIES[points[one.metering_point_id].role]))
        if one.metering_point_id
        else frozenset()
        for one in listed
    }
