"""The live sums of a community that a stranger may see: only measured, only of several homes together."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from myhouse.models import Community, CommunityMembership, Measurement, MeteringPoint
from myhouse.models.metering import PointRole, Quantity
from telemetry.live import live_get

LEAST_HOMES = 3  # below this a sum would tell of a single home
FRESH = timedelta(minutes=2)


@dataclass(frozen=True)
class Showcase:
    """What the homes of a community make and use right now, in W."""

    homes: int
    production_w: float
    consumption_w: float
    simulated: bool


def showcase_now(*, now: datetime) -> Showcase | None:
    """Return the sums of the largest community whose homes report now; nothing below three homes."""
    homes_of: dict[uuid.UUID, list[uuid.UUID]] = {}
    memberships = CommunityMembership.objects.filter(starts_at__lte=now, ends_at__gt=now)
    for community_id, household_id in memberships.values_list("community_id", "household_id")[:5_000]:
        homes_of.setdefault(community_id, []).append(household_id)
    if not homes_of:
        return None
    community_id, households = max(homes_of.items(), key=lambda item: (len(item[1]), item[0]))
    community = Community.objects.filter(pk=community_id).first()
    if community is None or len(households) < LEAST_HOMES:
        return None
    return _sums(households, now, simulated=community.simulated)


def _sums(households: list[uuid.UUID], now: datetime, *, simulated: bool) -> Showcase | None:
    roles = (PointRole.GRID, PointRole.PRODUCTION, PointRole.BATTERY)
    points = {
        pk: (household_id, role)
        for pk, household_id, role in MeteringPoint.objects.filter(
            household_id__in=households, role__in=roles
        ).values_list("pk", "household_id", "role")
    }
    series = {
        series_id: points[point_id]
        for series_id, point_id in Measurement.objects.filter(
            metering_point_id__in=list(points), quantity=Quantity.POWER, starts_at__lte=now, ends_at__gt=now
        ).values_list("series_id", "metering_point_id")
    }
    oldest_ms = int((now - FRESH).timestamp() * 1000)
    fresh = {key: reading for key, reading in live_get(list(series)).items() if reading.time_ms >= oldest_ms}
    # A home counts only when its grid connection reports: else its consumption is not known.
    homes = {series[key][0] for key in fresh if series[key][1] == PointRole.GRID}
    if len(homes) < LEAST_HOMES:
        return None
    counted = [(series[key][1], reading.value) for key, reading in fresh.items() if series[key][0] in homes]
    return Showcase(
        homes=len(homes),
        production_w=sum(value for role, value in counted if role == PointRole.PRODUCTION),
        consumption_w=max(0.0, sum(value for _role, value in counted)),
        simulated=simulated,
    )
