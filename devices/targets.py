"""Where a device's points lead: each bound point with all that storing a value needs to know."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from devices.models import DeviceChannel
from myhouse.models import Household, Measurement, MeteringPoint
from telemetry.model import Kind, Series
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
