"""Where a device's points lead: each bound point with all that storing a value needs to know."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from devices.models import DeviceChannel
from myhouse.models import Household, Measurement, MeteringPoint
from telemetry.model import Bools, Bytes, Floats, Kind, Quality, Series
from telemetry.selectors import series_get_many


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A bound point: the series it feeds, in which unit, for whom, and what cannot be true of it."""

    device_id: uuid.UUID
    channel_id: uuid.UUID
    name: str
    household_id: uuid.UUID
    measurement_id: uuid.UUID
    series_id: uuid.UUID
    unit: str
    kind: Kind
    simulated: bool
    limit: float
    """The largest value the household's connection can carry, in W; infinite where that says nothing."""

    @property
    def never_negative(self) -> bool:
        """Whether the values are amounts: registers and energies of an interval."""
        return self.kind in {Kind.COUNTER, Kind.INTERVAL}


class Targets:
    """Targets in an order, and what the rules ask of them as columns; made once, used by many requests."""

    def __init__(self, listed: Iterable[Target]) -> None:
        self.listed = tuple(listed)

    def __len__(self) -> int:
        return len(self.listed)

    def __getitem__(self, place: int) -> Target:
        return self.listed[place]

    def __iter__(self) -> Iterator[Target]:
        return iter(self.listed)

    @cached_property
    def series_ids(self) -> tuple[uuid.UUID, ...]:
        """The series they feed."""
        return tuple(one.series_id for one in self.listed)

    @cached_property
    def device_ids(self) -> set[uuid.UUID]:
        """The devices they belong to."""
        return {one.device_id for one in self.listed}

    @cached_property
    def limits(self) -> Floats:
        """The largest value each can carry."""
        return np.array([one.limit for one in self.listed], dtype=np.float64)

    @cached_property
    def amounts(self) -> Bools:
        """Which of them are never negative."""
        return np.array([one.never_negative for one in self.listed], dtype=np.bool_)

    @cached_property
    def registers(self) -> Bools:
        """Which of them only rise."""
        return np.array([one.kind is Kind.COUNTER for one in self.listed], dtype=np.bool_)

    @cached_property
    def simulated(self) -> Bools:
        """Which of them hold simulated readings."""
        return np.array([one.simulated for one in self.listed], dtype=np.bool_)

    @cached_property
    def quality(self) -> Bytes:
        """The quality of readings of which nothing was said."""
        return np.where(self.simulated, np.uint8(Quality.SIMULATED), np.uint8(Quality.MEASURED))


def targets_of(device_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, Target]]:
    """Return every device's bound points by name; five queries for any number of devices."""
    found: dict[uuid.UUID, dict[str, Target]] = {device_id: {} for device_id in device_ids}
    channels = list(DeviceChannel.objects.filter(device_id__in=list(found)))
    measurements = Measurement.objects.in_bulk(list({channel.measurement_id for channel in channels}))
    points = MeteringPoint.objects.in_bulk(list({one.metering_point_id for one in measurements.values()}))
    households = Household.objects.in_bulk(list({point.household_id for point in points.values()}))
    series = series_get_many(series_ids=[one.series_id for one in measurements.values()])
    for channel in channels:
        measurement = measurements[channel.measurement_id]
        one = series.get(measurement.series_id)
        if one is None:
            continue
        household = households[points[measurement.metering_point_id].household_id]
        found[channel.device_id][channel.name] = _target(channel, measurement, household, one)
    return found


def _target(channel: DeviceChannel, measurement: Measurement, household: Household, series: Series) -> Target:
    return Target(
        device_id=channel.device_id,
        channel_id=channel.pk,
        name=channel.name,
        household_id=household.pk,
        measurement_id=measurement.pk,
        series_id=series.id,
        unit=series.unit,
        kind=series.kind,
        simulated=series.simulated,
        limit=float(household.connection_limit_w) if series.unit == "W" else math.inf,
    )
