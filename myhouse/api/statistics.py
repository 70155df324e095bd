"""REST API of statistics: the numbers of the pages, the day's curve, the flow now, and files of them."""

from __future__ import annotations

import io
import uuid
from datetime import date
from typing import Any

from django.http import FileResponse, StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from myhouse.api.gate import FILES, FORM, HouseholdView
from myhouse.api.statistics_fields import DayCurveAnswer, FlowAnswer, StatisticsAnswer
from myhouse.errors import NotAllowed, NotFound
from myhouse.exports import table_csv, table_xlsx
from myhouse.scopes import Scope, by_method
from myhouse.selectors.day import STEPS_S
from myhouse.selectors.flow import flow_now
from myhouse.selectors.households import Access
from myhouse.selectors.statistics import day_curve, span_of_day, statistics
from myhouse.statistics.model import Comparison, DayCurve, Span, Statistics, Totals, UnableToReadSpan
from myhouse.statistics.span import STEPS, UNITS
from myhouse.statistics.table import ENERGIES, MONEY, statistics_table
from myhouse.tariffs.money import money_text
from telemetry.calendar import utc_datetime

TAG = ["statistics"]
SPAN_PARAMETERS = [
    OpenApiParameter("unit", str, enum=UNITS, description="How long the span is.", default="day"),
    OpenApiParameter("start", date, description="A day of the span (of a range its first); today if left out."),
    OpenApiParameter("end", date, description="Of a range the first day not counted."),
    OpenApiParameter("step", str, enum=STEPS, description="How long a bucket is; by the span if left out."),
]


def _statistics_of(request: Request, access: Access, *, compare: tuple[str, ...]) -> Statistics:
    """Read the span asked for, within what this user may see."""
    now = timezone.now()
    ask = request.query_params
    today = span_of_day(household=access.household, now=now).key
    span = Span.of(ask.get("unit", "day"), ask.get("start") or today, ask.get("end"))
    step = ask.get("step") or None
    if access.sums_only and (span.unit not in {"month", "year"} or step not in {None, "month", "year"}):
        raise NotAllowed(_("As supplier you see sums only: ask for a month or a year."))
    return statistics(
        household=access.household,
        span=span,
        now=now,
        step="month" if access.sums_only and step is None else step,
        compare=compare,
        since=access.since,
        until=access.until,
    )


class StatisticsView(HouseholdView):
    """What a household used, made, paid and saved."""

    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(
        tags=TAG,
        parameters=SPAN_PARAMETERS,
        responses=StatisticsAnswer,
        summary="Energies (whole Wh), money (decimal strings), CO2 (g) of a span and its buckets",
    )
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer the span's totals, its buckets and how they compare."""
        return Response(statistics_json(_statistics_of(request, self.access, compare=("previous", "year"))))


class StatisticsFileView(HouseholdView):
    """The same numbers as a file."""

    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(
        tags=TAG,
        operation_id="households_statistics_export",
        parameters=[*SPAN_PARAMETERS, FORM],
        responses=FILES,
        summary="The statistics as CSV or Excel",
    )
    def get(self, request: Request, household_id: uuid.UUID, form: str) -> StreamingHttpResponse | FileResponse:
        """Answer a CSV or Excel file with one row per bucket."""
        if form not in {"csv", "xlsx"}:
            raise NotFound(_("Exports are .csv and .xlsx."))
        answer = _statistics_of(request, self.access, compare=())
        name = f"energy-{answer.span.unit}-{answer.span.key}.{form}"
        table = statistics_table(answer)
        if form == "csv":
            return StreamingHttpResponse(
                table_csv(table),
                content_type="text/csv; charset=utf-8",
                headers={"Content-Disposition": f'attachment; filename="{name}"'},
            )
        file = io.BytesIO()
        table_xlsx(table, file)
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=name)


class DayCurveView(HouseholdView):
    """The powers of one day."""

    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(
        tags=TAG,
        parameters=[
            OpenApiParameter("day", date, description="A local day; today if left out."),
            OpenApiParameter("step", int, description="Seconds per step.", enum=STEPS_S, default=300),
        ],
        responses=DayCurveAnswer,
        summary="Powers (W), state of charge, prices and nights of a local day",
    )
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer one value per step, null where nothing was measured."""
        access, now = self.access, timezone.now()
        access.require_curves()
        day = request.query_params.get("day") or span_of_day(household=access.household, now=now).key
        step = request.query_params.get("step", "300")
        if not step.isascii() or not step.isdigit() or len(step) > 6:
            raise UnableToReadSpan(_("The step must be a number of seconds, such as 300."), field="step")
        curve = day_curve(
            household=access.household,
            day=Span.of("day", day).start,
            now=now,
            step_s=int(step),
            since=access.since,
            until=access.until,
        )
        return Response(curve_json(curve))


class FlowView(HouseholdView):
    """What flows now."""

    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(tags=TAG, responses=FlowAnswer, summary="Powers, price and CO2 at this moment")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Answer the state that the live channel pushes."""
        self.access.require_curves()
        return Response(flow_now(household=self.access.household, now=timezone.now()).as_json())


def _time(at_ms: int) -> str:
    return utc_datetime(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def totals_json(totals: Totals) -> dict[str, Any]:
    """Write sums: energies whole Wh, money decimal strings, CO2 whole g, rates as fractions."""
    result: dict[str, Any] = {}
    for name, value in totals.__dict__.items():
        if name.endswith("_uct"):
            result[name.removesuffix("_uct")] = money_text(value)
        else:
            result[name] = round(value, 6) if isinstance(value, float) else value
    result["net"] = money_text(totals.net_uct)
    return result


def statistics_json(stats: Statistics) -> dict[str, Any]:
    """Write statistics as the API does."""
    return {
        "household": str(stats.household_id),
        "unit": stats.span.unit,
        "start": stats.span.start.isoformat(),
        "end": stats.span.end.isoformat(),
        "step": stats.step,
        "zone": stats.zone,
        "currency": stats.currency,
        "provisional": stats.provisional,
        "estimated_share": round(stats.estimated_share, 6),
        "grid_derived": stats.grid_derived,
        "clipped": stats.clipped,
        "unpriced_quarters": stats.unpriced_quarters,
        "totals": totals_json(stats.totals),
        "cost_parts": {name: money_text(amount) for name, amount in stats.cost_parts.items()},
        "buckets": _buckets(stats),
        "comparisons": {name: _comparison(found) for name, found in stats.comparisons.items()},
        "sub_meters": [
            {
                "metering_point": str(meter.point_id),
                "name": meter.name,
                "parent": None if meter.parent_id is None else str(meter.parent_id),
                "energy_wh": meter.total_wh,
                "own_wh": meter.own_wh,
                "share": None if meter.share is None else round(meter.share, 6),
            }
            for meter in stats.sub_meters
        ],
        "contract_gaps": [
            {"direction": gap.direction, "start": gap.start.isoformat(), "end": gap.end.isoformat()}
            for gap in stats.contract_gaps
        ],
        "sources": [source.__dict__ for source in stats.sources],
    }


def _buckets(stats: Statistics) -> list[dict[str, Any]]:
    provisional = stats.bucket_provisional
    return [
        {
            "start": _time(int(stats.edges_ms[i])),
            "end": _time(int(stats.edges_ms[i + 1])),
            **{name: int(getattr(stats, name)[i]) for name in ENERGIES},
            **{name.removesuffix("_uct"): money_text(getattr(stats, name)[i]) for name in MONEY},
            "co2_g": stats.co2_g[i],
            "covered_quarters": int(stats.covered_quarters[i]),
            "expected_quarters": int(stats.expected_quarters[i]),
            "estimated_quarters": int(stats.estimated_quarters[i]),
            "provisional": bool(provisional[i]),
        }
        for i in range(len(stats.edges_ms) - 1)
    ]


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "start": found.span.start.isoformat(),
        "end": found.span.end.isoformat(),
        "like_for_like_until": None if found.until_ms is None else _time(found.until_ms),
        "known": found.known,
        "totals": totals_json(found.totals),
        "own_totals": totals_json(found.now_totals),
    }


def curve_json(curve: DayCurve) -> dict[str, Any]:
    """Write a day's curve as columns of equal length."""
    plain = dict(curve.__dict__)
    plain["day"] = curve.day.isoformat()
    plain["sources"] = [source.__dict__ for source in curve.sources]
    return plain


_BASE = "households/<uuid:household_id>"
urlpatterns = [
    path(f"{_BASE}/statistics", StatisticsView.as_view()),
    path(f"{_BASE}/statistics/export.<str:form>", StatisticsFileView.as_view(), name="export"),
    path(f"{_BASE}/day-curve", DayCurveView.as_view()),
    path(f"{_BASE}/flow", FlowView.as_view()),
]
