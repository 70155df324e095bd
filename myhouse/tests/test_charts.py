"""Charts: round axes, gaps that stay gaps, stacks away from zero, text that cannot break out."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myhouse.charts import svg
from myhouse.charts.bars import BarInput, bar_chart
from myhouse.charts.curve import Band, CurveInput, curve_chart, runs, stack
from myhouse.charts.flow import Flow, Powers, flows, headline
from myhouse.charts.model import Layer, Tick
from myhouse.charts.scale import Scale, nice_step

values = st.lists(st.one_of(st.none(), st.floats(min_value=0, max_value=1e7)), min_size=1, max_size=40)


@given(st.floats(min_value=1e-3, max_value=1e9), st.integers(min_value=2, max_value=8))
def test_an_axis_step_is_round_and_needs_no_more_steps_than_asked(extent, steps):
    step = nice_step(extent, steps)
    lead = float(f"{step:e}".split("e")[0])
    assert lead in (1.0, 2.0, 2.5, 5.0)
    assert extent / step <= steps * 1.00001


@given(st.lists(st.floats(min_value=-1e6, max_value=1e6), min_size=1))
def test_an_axis_holds_zero_and_every_value(given_values):
    scale = Scale.around(given_values, height=200)
    slack = scale.step / 1e6
    assert scale.low <= min([0, *given_values]) + slack
    assert scale.high >= max([0, *given_values]) - slack
    assert -0.001 <= scale.y(given_values[0]) <= 200.001


def test_an_axis_without_values_still_has_an_extent():
    scale = Scale.around([None, None], height=100, least=100)
    assert scale.low == 0
    assert scale.high >= 100


def test_runs_are_the_spans_where_something_is_known():
    assert runs([False, True, True, False, True]) == [(1, 3), (4, 5)]
    assert runs([]) == []


@given(values, values)
def test_a_stack_ends_at_the_sum_of_its_layers(first, second):
    count = min(len(first), len(second))
    layers = [Layer("sun", "a", first[:count]), Layer("battery", "b", second[:count])]
    edges = stack(layers, 1)[-1][1]
    for index in range(count):
        if first[index] is None and second[index] is None:
            assert edges[index] is None
        else:
            assert edges[index][1] == pytest.approx((first[index] or 0) + (second[index] or 0))


def curve(**changes) -> CurveInput:
    base = {
        "name": "day",
        "title": "Power",
        "units": ("W", "kW"),
        "language": "en",
        "above": [Layer("sun", "Sun", [100.0, 200.0, None, 400.0])],
        "ticks": [Tick(0.5, "12:00")],
    }
    return CurveInput(**{**base, **changes})


def parsed(markup: str) -> ET.Element:
    return ET.fromstring(f'<svg xmlns="http://www.w3.org/2000/svg">{markup}</svg>')


def test_a_gap_in_the_readings_is_a_gap_in_the_area():
    plot = curve_chart(curve()).plot
    area = re.search(r'<path d="([^"]+)" class="area area--sun"', plot).group(1)
    assert area.count("M") == 2


def test_a_gap_in_a_line_is_not_bridged():
    plot = curve_chart(curve(lines=[Layer("home", "Home", [1.0, None, 3.0, 4.0])])).plot
    line = re.search(r'<path d="([^"]+)" class="line line--home"', plot).group(1)
    assert line.count("M") == 2


def test_estimated_steps_are_hatched_and_said():
    chart = curve_chart(curve(estimated=[False, True, True, False]))
    assert chart.has_estimates
    assert 'x="25%"' in chart.plot
    assert 'width="50%"' in chart.plot
    assert "url(#day-hatch)" in chart.plot


def test_the_axis_names_its_unit_and_chooses_the_prefix():
    assert ">W<" in curve_chart(curve()).axis
    assert ">kW<" in curve_chart(curve(above=[Layer("sun", "Sun", [2500.0])])).axis


def test_the_price_band_stands_under_the_plot_with_its_extremes():
    chart = curve_chart(curve(band=Band("Price", [10.0, 20.0, None, 5.0], "0", "20 ct")))
    assert "chart__band" in chart.plot
    assert ">20 ct<" in chart.axis
    assert chart.height > curve_chart(curve()).height


def test_every_picture_is_well_formed_without_style_attributes():
    charts = [
        curve_chart(curve(below=[Layer("grid-export", "x", [1.0, 2.0, 3.0, 4.0])], night=[(0.0, 0.3)], now_at=0.5)),
        bars(),
    ]
    for chart in charts:
        for markup in (chart.plot, chart.axis):
            elements = list(parsed(markup).iter())
            assert len(elements) > 1
            assert not [element for element in elements if "style" in element.attrib]


def bars(**changes):
    base = {
        "name": "bars",
        "title": "Energy",
        "units": ("Wh", "kWh"),
        "language": "en",
        "above": [Layer("sun", "Sun", [1000.0, None, 3000.0])],
        "below": [Layer("grid-export", "Grid", [500.0, None, 0.0])],
        "ticks": [Tick(0.5, "2")],
    }
    return bar_chart(BarInput(**{**base, **changes}))


def test_bars_stand_on_the_zero_line_and_exports_hang_below_it():
    plot = parsed(bars().plot)
    rects = {r.get("class"): r for r in plot.iter("{http://www.w3.org/2000/svg}rect")}
    zero = float(next(line for line in plot.iter() if line.get("class") == "chart__zero").get("y1"))
    up, down = rects["bar bar--sun"], rects["bar bar--grid-export"]
    assert float(up.get("y")) + float(up.get("height")) == pytest.approx(zero, abs=0.2)
    assert float(down.get("y")) == pytest.approx(zero, abs=0.2)


def test_ghosts_show_the_other_span_even_where_ours_is_not_known():
    plot = bars(ghost=[900.0, 800.0, None]).plot
    assert plot.count("bar--ghost") == 2


def test_text_cannot_break_out_of_the_picture():
    assert svg.text("<script>", x=1) == '<text x="1">&lt;script&gt;</text>'
    assert '"' not in svg.element("rect", class_='a"b').split('class="')[1].split('"/>')[0].replace("&quot;", "")


def powers(**changes) -> Powers:
    base = {"sun": 0.0, "wind": None, "battery": 0.0, "grid": 0.0, "home": 500.0}
    return Powers(**{**base, **changes})


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (powers(home=None, grid=None), "none"),
        (powers(sun=3000, grid=-2000), "made-export"),
        (powers(sun=3000, battery=-2500), "made-charge"),
        (powers(sun=500), "made"),
        (powers(sun=300, grid=200), "made-part"),
        (powers(battery=500), "battery"),
        (powers(battery=300, grid=200), "battery-part"),
        (powers(grid=500), "grid"),
        (powers(grid=-500), "grid-export"),
    ],
)
def test_the_headline_says_where_the_power_comes_from(state, sentence):
    assert headline(state) == sentence


def test_lines_rest_when_nothing_flows_and_run_faster_with_more():
    levels = [Flow("sun", "sun", watts, inward=True).level for watts in (None, 0, 4.9, 5, 60, 500, 2000, 9000)]
    assert levels == [0, 0, 0, 1, 2, 4, 6, 8]


def test_the_grid_changes_colour_and_direction_with_the_sign():
    assert (flows(powers(grid=10))["grid"].key, flows(powers(grid=10))["grid"].inward) == ("grid-import", True)
    assert (flows(powers(grid=-10))["grid"].key, flows(powers(grid=-10))["grid"].inward) == ("grid-export", False)
