"""What a household measures: list, latest values, exports; and how the fast reads are described."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from myhouse.api import hot
from myhouse.api.gate import CURSOR, FILES, FORM, LIMIT, ApiView, user_of
from myhouse.authentication import TokenAuthentication
from myhouse.documents.pages import limit_read
from myhouse.errors import NotFound
from myhouse.exports import Cell, Column, Table, UnableToExport, table_csv, table_xlsx
from myhouse.scopes import Scope, by_method
from myhouse.selectors import readings as selectors
from myhouse.selectors.households import household_for
from myhouse.selectors.readings import Source, UnableToRead
from telemetry.selectors import scan

_DAY_MS = 86_400_000
TAG = ["readings"]
_EXPORT_YEARS = 10


class MeasurementSerializer(serializers.Serializer[dict[str, Any]]):
    """A measurement: which quantity of which metering point, in which unit, since when."""

    id = serializers.UUIDField()
    point = serializers.UUIDField()
    point_name = serializers.CharField()
    role = serializers.CharField()
    quantity = serializers.CharField()
    kind = serializers.CharField()
    unit = serializers.CharField()
    simulated = serializers.BooleanField()
    starts_at = serializers.CharField(help_text="From when on you may read it.")
    ends_at = serializers.CharField(allow_null=True)


class MeasurementPageSerializer(serializers.Serializer[dict[str, Any]]):
    """A page of measurements."""

    measurements = MeasurementSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class LatestSerializer(serializers.Serializer[dict[str, Any]]):
    """The newest reading of one measurement."""

    measurement = serializers.UUIDField()
    quantity = serializers.CharField()
    unit = serializers.CharField()
    time = serializers.CharField()
    value = serializers.FloatField()
    quality = serializers.CharField()


class LatestListSerializer(serializers.Serializer[dict[str, Any]]):
    """The newest readings of a household."""

    latest = LatestSerializer(many=True)


class BucketSerializer(serializers.Serializer[dict[str, Any]]):
    """One bucket."""

    start = serializers.CharField()
    covered = serializers.IntegerField(help_text="Quarter-hours that are there (of curves: readings).")
    expected = serializers.IntegerField(required=False)
    estimated = serializers.IntegerField(required=False, help_text="Quarter-hours that are estimated.")
    value = serializers.IntegerField(required=False, help_text="Whole Wh or l; absent in a gap.")
    mean = serializers.FloatField(required=False)
    min = serializers.FloatField(required=False)
    max = serializers.FloatField(required=False)


class BucketsSerializer(serializers.Serializer[dict[str, Any]]):
    """Buckets of one measurement."""

    measurement = serializers.UUIDField()
    quantity = serializers.CharField()
    unit = serializers.CharField()
    bucket = serializers.CharField()
    zone = serializers.CharField()
    simulated = serializers.BooleanField()
    buckets = BucketSerializer(many=True)


class ReadingSerializer(serializers.Serializer[dict[str, Any]]):
    """One reading."""

    time = serializers.CharField()
    value = serializers.FloatField()
    quality = serializers.ChoiceField(choices=list(hot.QUALITIES))


class ReadingsSerializer(serializers.Serializer[dict[str, Any]]):
    """A page of readings."""

    measurement = serializers.UUIDField()
    quantity = serializers.CharField()
    kind = serializers.CharField()
    unit = serializers.CharField()
    readings = ReadingSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


_SPAN = [
    OpenApiParameter(
        "start", str, required=True, description="A day, or a time as ISO 8601; local without an offset."
    ),
    OpenApiParameter("end", str, required=True, description="Not included."),
    OpenApiParameter("zone", str, description="Calendar and local times; the household's unless given."),
]
_BUCKET = OpenApiParameter(
    "bucket",
    str,
    enum=[*selectors.CURVE_STEPS_MS, *selectors.CALENDAR_STEPS],
    default="day",
    description="15min and longer are sums or means over quarter-hours; shorter ones are read from the readings.",
)


class MeasurementsView(ApiView):
    """What a household measures."""

    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(
        operation_id="measurements_list",
        tags=TAG,
        summary="List what is measured",
        parameters=[CURSOR, LIMIT],
        responses=MeasurementPageSerializer,
    )
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """List measurements, oldest first."""
        access = household_for(user=user_of(request), household_id=household_id, now=timezone.now())
        ask = request.query_params
        found, following = selectors.sources_page(
            access=access, limit=limit_read(ask.get("limit")), cursor=ask.get("cursor")
        )
        return Response({"measurements": [_described(source) for source in found], "next_cursor": following})


def _described(source: Source) -> dict[str, Any]:
    starts_at, ends_at = selectors.iso_many(np.array([source.start_ms, source.end_ms], np.int64))
    return {
        "id": str(source.measurement.pk),
        "point": str(source.point.pk),
        "point_name": source.point.name,
        "role": source.point.role,
        "quantity": source.measurement.quantity,
        "kind": source.series.kind.value,
        "unit": source.series.unit,
        "simulated": source.series.simulated,
        "starts_at": starts_at,
        "ends_at": None if ends_at.startswith("9999") else ends_at,
    }


class LatestView(ApiView):
    """The newest value of everything a household measures."""

    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(operation_id="latest", tags=TAG, summary="Read the newest values", responses=LatestListSerializer)
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Newest readings."""
        access = household_for(user=user_of(request), household_id=household_id, now=timezone.now())
        access.require_curves()
        sources = selectors.sources_of(access=access)
        found = selectors.latest_of(sources=sources)
        rows = [
            {
                "measurement": str(source.measurement.pk),
                "quantity": source.measurement.quantity,
                "unit": source.series.unit,
                "time": selectors.iso_many(np.array([reading.time_ms], np.int64))[0],
                "value": reading.value,
                "quality": hot.QUALITIES[int(reading.quality)],
            }
            for source in sources
            if (reading := found.get(source.measurement.pk)) is not None
        ]
        return Response({"latest": rows})


class BucketsView(ApiView):
    """Describes `hot.buckets`, which answers in its place."""

    authentication_classes = [TokenAuthentication]
    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(
        operation_id="measurement_buckets",
        tags=TAG,
        summary="Read sums or means of buckets",
        parameters=[*_SPAN, _BUCKET],
        responses=BucketsSerializer,
    )
    def get(self, request: Request, measurement_id: uuid.UUID) -> None:
        """Sums (whole Wh, l) or means over buckets of the local calendar; needs a bearer token."""


class ReadingsView(ApiView):
    """Describes `hot.readings`, which answers in its place."""

    authentication_classes = [TokenAuthentication]
    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(
        operation_id="measurement_readings",
        parameters=[
            *_SPAN,
            CURSOR,
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": selectors.READINGS_MAX},
                default=1_000,
                description="Readings per page.",
            ),
        ],
        tags=TAG,
        summary="Read raw readings",
        responses=ReadingsSerializer,
    )
    def get(self, request: Request, measurement_id: uuid.UUID) -> None:
        """Raw readings in the order of time, page by page; needs a bearer token."""


# The schema is made from the class a view names here.
for _view, _description in ((hot.buckets, BucketsView), (hot.readings, ReadingsView)):
    _view.cls = _description  # type: ignore[attr-defined] # read by spectacular
    _view.initkwargs = {}  # type: ignore[attr-defined] # read by spectacular


class ExportView(ApiView):
    """Readings or buckets of a measurement as a file."""

    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(
        operation_id="measurement_export",
        parameters=[
            *_SPAN,
            OpenApiParameter(
                "bucket",
                str,
                enum=["raw", *selectors.CURVE_STEPS_MS, *selectors.CALENDAR_STEPS],
                default="raw",
                description="`raw` for the readings themselves, else the buckets of the page.",
            ),
            FORM,
        ],
        tags=TAG,
        summary="Download readings or buckets as a file",
        responses=FILES,
    )
    def get(self, request: Request, measurement_id: uuid.UUID, form: str) -> HttpResponseBase:
        """Download as CSV or Excel; raw readings, or the same buckets as on the page."""
        if form not in {"csv", "xlsx"}:
            raise NotFound(_("Exports are .csv and .xlsx."))
        source = selectors.source_for(user=user_of(request), measurement_id=measurement_id, now=timezone.now())
        start, end, zone = hot.span_of(source, request.query_params)
        bucket = request.query_params.get("bucket", "raw")
        table = export_table(source=source, start_ms=start, end_ms=end, bucket=bucket, zone=zone)
        name = f"{source.measurement.quantity}-{request.query_params['start'][:10]}.{form}"
        if form == "csv":
            return StreamingHttpResponse(
                table_csv(table),
                content_type="text/csv; charset=utf-8",
                headers={"Content-Disposition": f'attachment; filename="{name}"'},
            )
        return FileResponse(_workbook(table), as_attachment=True, filename=name)


def _workbook(table: Table) -> IO[bytes]:
    file = tempfile.TemporaryFile(prefix="myhouse-export-")  # noqa: SIM115 - the response closes it
    try:
        table_xlsx(table, file)
    except UnableToExport as error:
        file.close()
        raise UnableToRead(str(error), field="end") from error
    file.seek(0)
    return file


def export_table(*, source: Source, start_ms: int, end_ms: int, bucket: str, zone: str) -> Table:
    """The table that is exported: raw readings are read piece by piece while it is written."""
    start, end = source.clip(start_ms, end_ms)
    if end - start > _EXPORT_YEARS * 366 * _DAY_MS:
        raise UnableToRead(_("At most ten years are exported at once. Choose a shorter range."), field="end")
    title = f"{source.point.name} {source.measurement.quantity}"
    when = Column(_("Time"), kind="time")
    if bucket == "raw":
        selectors.readings(source=source, start_ms=start, end_ms=start, limit=1)  # refuses whom it must
        columns = [when, Column(_("Value"), source.series.unit, decimals=6), Column(_("Quality"), kind="text")]
        return Table(title, columns, _raw_rows(source, start, end), zone=zone)
    found = selectors.buckets(source=source, start_ms=start, end_ms=end, bucket=bucket, zone=zone)
    moments = found.starts.tolist()
    rows = [(moment, row) for moment, row in zip(moments, hot.rows_of(found), strict=True)]
    if found.value is not None:
        columns = [when, Column(_("Energy") if found.unit == "Wh" else _("Volume"), found.unit)]
        columns += [Column(_("Quarter-hours")), Column(_("of which estimated"))]
        return Table(title, columns, [(m, r.value, r.covered, r.estimated) for m, r in rows], zone=zone)
    columns = [when, *(Column(name, found.unit, decimals=3) for name in (_("Mean"), _("Smallest"), _("Largest")))]
    return Table(title, columns, [(m, r.mean, r.min, r.max) for m, r in rows], zone=zone)


def _raw_rows(source: Source, start: int, end: int) -> Iterator[tuple[Cell, ...]]:
    """Readings, a week at a time."""
    for begin in range(start, end, 7 * _DAY_MS):
        found = scan(series_id=source.series.id, start_ms=begin, end_ms=min(begin + 7 * _DAY_MS, end))
        for moment, value, quality in zip(
            found.times.tolist(), found.values.tolist(), found.quality.tolist(), strict=True
        ):
            yield moment, value, hot.QUALITIES[quality]
