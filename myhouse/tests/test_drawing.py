"""From a day's curve to its chart: odd days, gaps, what the table says."""

from __future__ import annotations

from datetime import date

import pytest
from django.utils import translation

from myhouse.statistics.model import DayCurve, Span, Statistics
from myhouse.views.drawing import bucket_title, day_chart, day_ticks, local_moment, soc_chart
from telemetry.calendar import local_edges

ZONE = "Europe/Berlin"
HOUR_MS = 3_600_000


def day_edges(day: date) -> tuple[int, int]:
    span = Span.of("day", day)
    edges = local_edges(zone=ZONE, start=span.start, end=span.end, step="day")
    return int(edges[0]), int(edges[-1])


def curve(day: date = date(2026, 6, 17), **changes) -> DayCurve:
    start, end = day_edges(day)
    starts = list(range(start, end, HOUR_MS))
    count = len(starts)
    lines = {
        "home_w": [500.0] * count,
        "production_w": [800.0] * count,
        "battery_w": [-100.0] * count,
        "grid_w": [-200.0] * count,
        "soc_pct": [None] * count,
    }
    given = {
        "day": day,
        "zone": ZONE,
        "step_s": 3600,
        "starts_ms": starts,
        "end_ms": end,
        "now_ms": end,
        "price_uct_wh": [31_000] * count,
        "feed_in_uct_wh": [8_000] * count,
        "estimated": [False] * count,
        "night": [(start, start + 5 * HOUR_MS)],
        "from_quarters": False,
        **lines,
        **changes,
    }
    return DayCurve(**given)


def sums(**changes) -> Statistics:
    import numpy as np

    from myhouse.statistics.model import Totals

    start, end = day_edges(date(2026, 6, 17))
    none = np.zeros(1, np.int64)
    names = ["import", "export", "production", "charge", "discharge", "consumption", "own_use", "battery_use"]
    energies = {f"{name}_wh": none for name in (*names, "community", "supplier", "sold")}
    given = {
        "household_id": None,
        "zone": ZONE,
        "currency": "EUR",
        "span": Span.of("day", "2026-06-17"),
        "step": "day",
        "now_ms": end,
        "edges_ms": np.array([start, end]),
        **energies,
        "cost_uct": (None,),
        "income_uct": (None,),
        "paid_uct": (0,),
        "earned_uct": (0,),
        "saving_uct": (None,),
        "co2_g": (None,),
        "covered_quarters": none + 96,
        "expected_quarters": none + 96,
        "estimated_quarters": none,
        "totals": Totals(covered_quarters=96, expected_quarters=96, consumption_wh=12_000),
        "provisional": False,
        "has_production": True,
        "has_battery": True,
        "grid_derived": False,
        "clipped": False,
        **changes,
    }
    return Statistics(**given)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 6, 17), 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25)]
)
def test_ticks_stand_at_local_hours_on_days_of_every_length(day, hours):
    start, end = day_edges(day)
    ticks = {tick.label: tick.at for tick in day_ticks(start, end, ZONE)}
    assert ticks["00:00"] == 0
    assert ticks["24:00"] == 1
    assert ticks["12:00"] == pytest.approx((12 + hours - 24) / hours)


def test_the_table_holds_every_moment_of_the_curve():
    chart = day_chart(curve=curve(), totals=sums())
    assert len(chart.rows) == 24
    assert chart.rows[13].title == "13:00"
    assert chart.rows[13].cells[0] == "500\u202fW"
    assert chart.columns[0] == "Consumption"
    assert len(chart.rows[13].cells) == len(chart.columns)


def test_moments_to_come_are_not_in_the_table():
    half = [500.0] * 12 + [None] * 12
    nothing = [None] * 24
    chart = day_chart(curve=curve(home_w=half, production_w=nothing, battery_w=nothing, grid_w=nothing), totals=sums())
    assert len(chart.rows) == 12


def test_estimated_moments_are_marked_in_the_table_too():
    chart = day_chart(curve=curve(estimated=[True] + [False] * 23), totals=sums())
    assert chart.rows[0].cells[0].startswith("≈")
    assert not chart.rows[1].cells[0].startswith("≈")


def test_a_home_without_roof_and_battery_has_no_such_lines():
    chart = day_chart(curve=curve(), totals=sums(has_production=False, has_battery=False))
    assert [item.key for item in chart.keys] == ["home", "grid-import", "price"]


def test_without_a_battery_there_is_no_state_of_charge():
    assert soc_chart(curve=curve()) is None
    assert soc_chart(curve=curve(soc_pct=[50.0] * 24)).rows[0].cells == ["50%"]


def test_buckets_are_named_in_the_readers_language():
    moment = local_moment(day_edges(date(2026, 5, 4))[0], ZONE)
    with translation.override("de"):
        assert bucket_title(moment, "month") == "Mai 2026"
    assert bucket_title(moment, "day") == "Mon 4 May 2026"
    assert bucket_title(moment, "hour") == "00:00"
