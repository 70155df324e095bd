"""Readings, buckets and latest values of measurements, clipped to what the asking member may see."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from myhouse.documents.pages import page
from myhouse.errors import NotFound, UnableTo
from myhouse.models import Household, Measurement, MeteringPoint, User
from myhouse.models.metering import Quantity
from myhouse.selectors.households import Access, household_for
from telemetry.calendar import Step, local_edges
from telemetry.model import Columns, Kind, Reading, Series
from telemetry.rounding import whole
from telemetry.selectors import curve, latest, scan, series_get, series_get_many, totals

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

QUARTER_MS = 900_000
BUCKETS_MAX = 40_000
CURVE_BUCKETS_MAX = 20_000
READINGS_MAX = 10_000
# Read from the quarters, cut by the local calendar.
CALENDAR_STEPS: dict[str, Step] = {
    "15min": "quarter",
    "hour": "hour",
    "day": "day",
    "week": "week",
    "month": "month",
    "year": "year",
}
# Read from the readings.
CURVE_STEPS_MS = {
    "1s": 1_000, "10s": 10_000, "30s": 30_000, "1min": 60_000, "5min": 300_000, "10min": 600_000,
}  # fmt: skip
SUMS = {"day", "week", "month", "year"}


class UnableToRead(UnableTo):
    """A question that cannot be answered so; names the parameter."""


@dataclass(frozen=True)
class Source:
    """A measurement as one member may read it: its series, its period in ms cut to the membership."""

    measurement: Measurement
    point: MeteringPoint
    household: Household
    series: Series
    start_ms: int
    end_ms: int
    sums_only: bool

    @property
    def sums(self) -> bool:
        """Whether its buckets are amounts (Wh, l) rather than levels."""
        return self.measurement.quantity.endswith(("_energy", "_volume"))

    def clip(self, start_ms: int, end_ms: int) -> tuple[int, int]:
        """Cut a range to what may be read; empty ranges have both ends alike."""
        start = min(max(start_ms, self.start_ms), self.end_ms)
        return start, max(start, min(end_ms, self.end_ms))


@dataclass(frozen=True, eq=False)
class Buckets:
    """Buckets of one measurement: `value` are whole amounts, or `mean`, `min`, `max` are levels.

    `covered` and `expected` count quarter-hours (of curves: readings, and 0); a bucket with nothing in it has
    covered 0 and no value.
    """

    unit: str
    starts: IntArray
    covered: IntArray
    expected: IntArray
    estimated: IntArray
    value: IntArray | None = None
    mean: FloatArray | None = None
    min: FloatArray | None = None
    max: FloatArray | None = None


def source_for(*, user: User, measurement_id: uuid.UUID, now: datetime) -> Source:
    """Open a measurement for a user, or refuse as if it did not exist."""
    measurement = Measurement.objects.filter(pk=measurement_id).first()
    point = MeteringPoint.objects.filter(pk=measurement.metering_point_id).first() if measurement else None
    series = series_get(series_id=measurement.series_id) if measurement else None
    missing = _("There is no such measurement, or it is not yours.")
    if measurement is None or point is None or series is None:
        raise NotFound(missing)
    try:
        access = household_for(user=user, household_id=point.household_id, now=now)
    except NotFound as error:
        raise NotFound(missing) from error
    return _source(measurement, point, series, access)


def sources_of(*, access: Access) -> list[Source]:
    """List what a household measures or measured in the member's time, in the order of ids."""
    points = _points_of(access)
    return _sources(sorted(_measurements_at(points, access), key=lambda one: one.pk), points, access)


def sources_page(*, access: Access, limit: int, cursor: str | None) -> tuple[list[Source], str | None]:
    """One page of `sources_of`, and the cursor of the next."""
    points = _points_of(access)
    found = page(_measurements_at(points, access), order="id", limit=limit, cursor=cursor)
    return _sources(found.items, points, access), found.next_cursor


def _points_of(access: Access) -> dict[uuid.UUID, MeteringPoint]:
    return {point.pk: point for point in MeteringPoint.objects.filter(household_id=access.household.pk)}


def _measurements_at(points: Iterable[uuid.UUID], access: Access) -> QuerySet[Measurement]:
    return Measurement.objects.filter(
        metering_point_id__in=list(points), starts_at__lt=access.until, ends_at__gt=access.since
    )


def _sources(rows: Iterable[Measurement], points: dict[uuid.UUID, MeteringPoint], access: Access) -> list[Source]:
    measurements = list(rows)
    series = series_get_many(series_ids=[m.series_id for m in measurements])
    return [
        _source(m, points[m.metering_point_id], series[m.series_id], access)
        for m in measurements
        if m.series_id in series
    ]


def _source(measurement: Measurement, point: MeteringPoint, series: Series, access: Access) -> Source:
    start, end = access.clip(start=measurement.starts_at, end=measurement.ends_at)
    return Source(measurement, point, access.household, series, ms_of(start), ms_of(end), access.sums_only)


def readings(*, source: Source, start_ms: int, end_ms: int, limit: int) -> Columns:
    """Raw readings of [start, end), at most `limit` of them."""
    _curves_only(source)
    start, end = source.clip(start_ms, end_ms)
    return scan(series_id=source.series.id, start_ms=start, end_ms=end, limit=limit)


def latest_of(*, sources: Iterable[Source]) -> dict[uuid.UUID, Reading]:
    """The newest reading per measurement id, where there is one that the member may see."""
    wanted = {source.series.id: source for source in sources if not source.sums_only}
    found = latest(series_ids=list(wanted))
    return {
        wanted[series_id].measurement.pk: reading
        for series_id, reading in found.items()
        if wanted[series_id].start_ms <= reading.time_ms < wanted[series_id].end_ms
    }


def buckets(*, source: Source, start_ms: int, end_ms: int, bucket: str, zone: str) -> Buckets:
    """Buckets of [start, end), cut by the local calendar; ends inside a bucket cut it."""
    start, end = source.clip(start_ms, end_ms)
    if bucket in CURVE_STEPS_MS:
        return _curve(source, start, end, CURVE_STEPS_MS[bucket])
    if bucket not in CALENDAR_STEPS:
        names = ", ".join([*CURVE_STEPS_MS, *CALENDAR_STEPS])
        raise UnableToRead(_("Choose one of these buckets: %(names)s.") % {"names": names}, field="bucket")
    if bucket not in SUMS or not source.sums:
        _curves_only(source)
    # A membership or meter that begins inside a quarter-hour is cut to whole ones.
    start, end = -(-start // QUARTER_MS) * QUARTER_MS, end // QUARTER_MS * QUARTER_MS
    edges = edges_of(start, end, bucket, zone)
    if len(edges) < 2:
        nothing = np.zeros(0, np.int64)
        return Buckets(_unit(source), nothing, nothing, nothing, nothing, nothing)
    found = totals(series_ids=[source.series.id], edges_ms=edges)
    plain = {
        "unit": _unit(source),
        "starts": edges[:-1],
        "covered": found.covered[0].astype(np.int64),
        "expected": np.diff(edges) // QUARTER_MS,
        "estimated": found.estimated[0].astype(np.int64),
    }
    if source.sums:
        return Buckets(**plain, value=whole(found.energy[0]))
    return Buckets(**plain, mean=found.mean[0], min=found.min[0], max=found.max[0])


@lru_cache(maxsize=256)
def edges_of(start_ms: int, end_ms: int, bucket: str, zone: str) -> IntArray:
    """Edges of local calendar buckets within [start, end]; both ends are edges. Both lie on a quarter-hour."""
    if end_ms <= start_ms:
        return np.zeros(0, np.int64)
    if bucket in {"15min", "hour"} and (end_ms - start_ms) // QUARTER_MS > 4 * BUCKETS_MAX:
        raise _too_many()
    place = zone_of(zone)
    first = datetime.fromtimestamp(start_ms / 1000, place).date()
    last = datetime.fromtimestamp((end_ms - 1) / 1000, place).date()
    found = local_edges(zone=zone, start=_begin(first, bucket), end=_end(last, bucket), step=CALENDAR_STEPS[bucket])
    inner = found[(found > start_ms) & (found < end_ms)]
    edges = np.concatenate([[start_ms], inner, [end_ms]]).astype(np.int64)
    if len(edges) > BUCKETS_MAX + 1:
        raise _too_many()
    edges.setflags(write=False)
    return edges


def _begin(day: date, bucket: str) -> date:
    if bucket == "week":
        return day - timedelta(days=day.weekday())
    if bucket == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if bucket == "year" else day


def _end(day: date, bucket: str) -> date:
    """The first day after the bucket of a day."""
    begin = _begin(day, bucket)
    if bucket == "week":
        return begin + timedelta(days=7)
    if bucket == "month":
        return _begin(begin + timedelta(days=31), bucket)
    return begin.replace(year=begin.year + 1) if bucket == "year" else begin + timedelta(days=1)


def _too_many() -> UnableToRead:
    message = _("That is more than %(count)d buckets. Choose a larger bucket or a shorter range.")
    return UnableToRead(message % {"count": BUCKETS_MAX}, field="bucket")


def _curve(source: Source, start: int, end: int, step: int) -> Buckets:
    _curves_only(source)
    start, end = start // step * step, -(-end // step) * step
    if (end - start) // step > CURVE_BUCKETS_MAX:
        message = _("That is more than %(count)d buckets. Choose a larger bucket or a shorter range.")
        raise UnableToRead(message % {"count": CURVE_BUCKETS_MAX}, field="bucket")
    nothing = np.zeros(0, np.int64)
    if end <= start:
        return Buckets(_rate_unit(source), nothing, nothing, nothing, nothing, mean=nothing.astype(float))
    found = curve(series_ids=[source.series.id], start_ms=start, end_ms=end, step_ms=step)
    count = found.count[0].astype(np.int64)
    return Buckets(
        unit=_rate_unit(source),
        starts=found.starts,
        covered=count,
        expected=np.zeros(len(count), np.int64),
        estimated=found.estimated[0].astype(np.int64),
        mean=found.mean[0],
        min=found.min[0],
        max=found.max[0],
    )


def _curves_only(source: Source) -> None:
    if source.sums_only:
        raise UnableToRead(
            _("As supplier you see sums only: ask for days or longer, or ask the household to share its curves."),
            field="bucket",
        )


def _unit(source: Source) -> str:
    if source.sums:
        return "l" if source.measurement.quantity in {Quantity.GAS, Quantity.WATER} else "Wh"
    return source.series.unit


def _rate_unit(source: Source) -> str:
    """Curves of registers and amounts show the rate per hour."""
    if source.series.kind in {Kind.COUNTER, Kind.INTERVAL}:
        return "W" if source.series.unit == "Wh" else f"{source.series.unit}/h"
    return source.series.unit


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        message = _("There is no time zone %(name)s; write one like Europe/Berlin.")
        raise UnableToRead(message % {"name": name}, field="zone") from error


@lru_cache(maxsize=4096)
def moment_read(text: str, zone: str, field: str) -> int:
    """Read a date (its local midnight) or an ISO 8601 time (with offset, else local) as ms."""
    try:
        if len(text) == 10:
            moment = datetime.combine(date.fromisoformat(text), time(), tzinfo=zone_of(zone))
        else:
            # A "+" that was not escaped arrives as a space.
            moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone_of(zone))
        ms = ms_of(moment.replace(year=min(max(moment.year, 1990), 2200)))
    except ValueError as error:
        message = _("Write a day such as 2026-03-01, or a time such as 2026-03-01T00:00:00Z.")
        raise UnableToRead(message, field=field) from error
    return ms


def ms_of(moment: datetime) -> int:
    """Milliseconds since the epoch."""
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def iso_many(times: IntArray) -> list[str]:
    """ISO 8601 in UTC with milliseconds."""
    texts: list[str] = np.datetime_as_string(times.astype("datetime64[ms]"), timezone="UTC").tolist()
    return texts
