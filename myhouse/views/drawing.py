"""From statistics to charts: words, colours and figures; no reading of data."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from myhouse import formatting
from myhouse.charts.bars import BarInput, bar_chart
from myhouse.charts.curve import Band, CurveInput, curve_chart
from myhouse.charts.model import Chart, KeyItem, Layer, Row, Tick
from myhouse.statistics.span import Span
from myhouse.views import figures as wording

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from myhouse.statistics.model import DayCurve, Statistics

    Ints = NDArray[np.int64]

POWER_UNITS = ("W", "kW", "MW")
ENERGY_UNITS = ("Wh", "kWh", "MWh", "GWh")


def local_moment(milliseconds: int, zone: str) -> datetime:
    """Return a time of the store as a local time."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).astimezone(zoneinfo.ZoneInfo(zone))


def day_ticks(start_ms: int, end_ms: int, zone: str) -> list[Tick]:
    """Mark every third local hour of a day, every sixth on a phone; days of 23 and 25 hours included."""
    ticks: list[Tick] = []
    moment = local_moment(start_ms, zone)
    last = local_moment(end_ms, zone)
    at = datetime.fromtimestamp(start_ms / 1000, tz=UTC)
    while at <= last:
        local = at.astimezone(zoneinfo.ZoneInfo(zone))
        if local.minute == 0 and local.hour % 3 == 0:
            place = (at.timestamp() * 1000 - start_ms) / (end_ms - start_ms)
            label = "24:00" if at == last and moment.hour == 0 else f"{local.hour:02d}:00"
            ticks.append(Tick(place, label, minor=local.hour % 6 != 0 or place <= 0 or place >= 1))
        at += timedelta(hours=1)
    return ticks


def _positive(values: Sequence[float | None], sign: int) -> list[float | None]:
    return [None if value is None else max(sign * value, 0.0) for value in values]


def _direct(curve: DayCurve) -> list[float | None]:
    """Return the part of the home's use that came straight from its own production."""
    direct: list[float | None] = []
    for home, battery, grid, made in zip(curve.home_w, curve.battery_w, curve.grid_w, curve.production_w, strict=True):
        if home is None:
            direct.append(None)
            continue
        rest = home - max(battery or 0.0, 0.0) - max(grid or 0.0, 0.0)
        direct.append(max(0.0, rest) if made is None else min(max(0.0, rest), max(0.0, made)))
    return direct


def day_chart(*, curve: DayCurve, totals: Statistics, name: str = "day", height: float = 220) -> Chart:
    """Draw the powers of a day: use by source above zero, what leaves or is stored below, production as a line."""
    language = get_language() or "en"
    currency, sums = totals.currency, totals.totals
    above = [
        Layer("sun", _("Own power, used"), _direct(curve)),
        Layer("battery", _("From the battery"), _positive(curve.battery_w, 1)),
        Layer("grid-import", _("From the grid"), _positive(curve.grid_w, 1)),
    ]
    below = [
        Layer("battery", _("Into the battery"), _positive(curve.battery_w, -1)),
        Layer("grid-export", _("To the grid"), _positive(curve.grid_w, -1)),
    ]
    figures = [
        ("home", _("Consumption"), curve.home_w, sums.consumption_wh, True),
        ("sun", _("Production"), curve.production_w, sums.production_wh, totals.has_production),
        ("battery", _("From the battery"), above[1].values, sums.discharge_wh, totals.has_battery),
        ("battery", _("Into the battery"), below[0].values, sums.charge_wh, totals.has_battery),
        ("grid-import", _("From the grid"), above[2].values, sums.import_wh, True),
        ("grid-export", _("To the grid"), below[1].values, sums.export_wh, totals.has_production),
    ]
    shown = [figure for figure in figures if figure[4]]
    columns = [label for _key, label, *_rest in shown]
    priced = any(price is not None for price in curve.price_uct_wh)
    if priced:
        columns.append(_("Price"))
    rows = _day_rows(curve, [values for _k, _l, values, *_rest in shown], currency if priced else None)
    keys = [
        KeyItem(key, label, wording.sum_text(totals, total), index + 1)
        for index, (key, label, _values, total, _there) in enumerate(shown)
    ]
    if priced:
        keys.append(KeyItem("price", _("Price"), "", len(columns)))
    start, end = curve.starts_ms[0], curve.end_ms
    return curve_chart(
        CurveInput(
            name=name,
            title=_("Power on %(day)s") % {"day": date_format(curve.day, "DATE_FORMAT")},
            units=POWER_UNITS,
            language=language,
            above=above,
            below=below,
            lines=[Layer("sun", _("Production"), curve.production_w)] if totals.has_production else [],
            night=[((a - start) / (end - start), (b - start) / (end - start)) for a, b in curve.night],
            estimated=curve.estimated,
            now_at=_now_at(curve),
            ticks=day_ticks(start, end, curve.zone),
            band=_price_band(curve, language) if priced else None,
            keys=keys,
            columns=columns,
            rows=rows,
            at_rest=_("Sums of the day; move over the chart to read a moment"),
            height=height,
        )
    )


def _now_at(curve: DayCurve) -> float | None:
    start, end = curve.starts_ms[0], curve.end_ms
    return (curve.now_ms - start) / (end - start) if start <= curve.now_ms < end else None


def _price_band(curve: DayCurve, language: str) -> Band:
    known = [price for price in curve.price_uct_wh if price is not None]
    # Whole cents in the gutter; the exact price is in the read-out and the table.
    low, high = min([0, *known]), max(known)
    return Band(
        label=_("Price"),
        values=[None if price is None else float(price) for price in curve.price_uct_wh],
        lowest=formatting.number(low / 1000, 0, language),
        highest=formatting.number(high / 1000, 0, language) + formatting.THIN + "ct",
    )


def _day_rows(curve: DayCurve, columns: list[list[float | None]], currency: str | None) -> list[Row]:
    language = get_language() or "en"
    start, end = curve.starts_ms[0], curve.end_ms
    rows = []
    for index, moment in enumerate(curve.starts_ms):
        if all(values[index] is None for values in columns):
            continue
        cells = [formatting.power(values[index], language) for values in columns]
        if curve.estimated[index]:
            cells = [f"{formatting.ABOUT}{formatting.THIN}{cell}" for cell in cells]
        if currency:
            cells.append(formatting.price(curve.price_uct_wh[index], currency, language))
        at = (moment + curve.step_s * 500 - start) / (end - start)
        rows.append(Row(at, f"{local_moment(moment, curve.zone):%H:%M}", cells))
    return rows


def soc_chart(*, curve: DayCurve) -> Chart | None:
    """Draw the battery's state of charge of a day; nothing without one."""
    known = [value for value in curve.soc_pct if value is not None]
    if not known:
        return None
    language = get_language() or "en"
    start, end = curve.starts_ms[0], curve.end_ms
    rows = [
        Row(
            (moment + curve.step_s * 500 - start) / (end - start),
            f"{local_moment(moment, curve.zone):%H:%M}",
            [formatting.share(value / 100, language)],
        )
        for moment, value in zip(curve.starts_ms, curve.soc_pct, strict=True)
        if value is not None
    ]
    return curve_chart(
        CurveInput(
            name="soc",
            title=_("State of charge"),
            units=("%",),
            language=language,
            above=[Layer("battery", _("State of charge"), curve.soc_pct)],
            night=[((a - start) / (end - start), (b - start) / (end - start)) for a, b in curve.night],
            now_at=_now_at(curve),
            ticks=day_ticks(start, end, curve.zone),
            keys=[KeyItem("battery", _("State of charge"), formatting.share(known[-1] / 100, language), 1)],
            columns=[_("State of charge")],
            rows=rows,
            at_rest=_("Last value of the day; move over the chart to read a moment"),
            height=120,
            steps=2,
            least=100,
            top=100,
        )
    )


def span_chart(
    *,
    statistics: Statistics,
    ghost: Statistics | None = None,
    ghost_label: str = "",
    link: Callable[[Span], str] | None = None,
    name: str = "bars",
) -> Chart:
    """Draw the energy of a span in bars: use by source up, export down, another span's use as ghosts."""
    language = get_language() or "en"
    sums = statistics.totals
    direct = statistics.own_use_wh - statistics.battery_use_wh
    fed_in = statistics.export_wh - statistics.sold_wh
    # What came over the grid was partly a neighbour's: then the rest is named for what it is.
    supplied = _("From the supplier") if sums.community_wh else _("From the grid")
    flows = [
        ("sun", _("Own power, used"), direct, sums.own_use_wh - sums.battery_use_wh, statistics.has_production, 1),
        ("battery", _("From the battery"), statistics.battery_use_wh, sums.battery_use_wh, statistics.has_battery, 1),
        ("community", _("From neighbours"), statistics.community_wh, sums.community_wh, sums.community_wh > 0, 1),
        ("grid-import", supplied, statistics.supplier_wh, sums.supplier_wh, True, 1),
        ("community", _("To neighbours"), statistics.sold_wh, sums.sold_wh, sums.sold_wh > 0, -1),
        ("grid-export", _("To the grid"), fed_in, sums.export_wh - sums.sold_wh, statistics.has_production, -1),
    ]
    shown = [flow for flow in flows if flow[4]]
    known = statistics.covered_quarters > 0

    def layer(key: str, label: str, values: Ints) -> Layer:
        return Layer(key, label, [float(v) if k else None for v, k in zip(values, known, strict=True)])

    columns = [_("Consumption"), *[label for _key, label, *_rest in shown], _("Cost"), _("Income")]
    keys = [
        KeyItem(key, label, wording.sum_text(statistics, total), index + 2)
        for index, (key, label, _values, total, _there, _sign) in enumerate(shown)
    ]
    ghosts = _ghosts(ghost, len(direct))
    if ghost is not None and any(ghosts):
        columns.append(ghost_label)
        keys.append(
            KeyItem("ghost", ghost_label, formatting.energy(ghost.totals.consumption_wh, language), len(columns))
        )
    return bar_chart(
        BarInput(
            name=name,
            title=_("Energy, %(span)s") % {"span": statistics.span.label},
            units=ENERGY_UNITS,
            language=language,
            above=[layer(key, label, values) for key, label, values, _t, _there, sign in shown if sign > 0],
            below=[layer(key, label, values) for key, label, values, _t, _there, sign in shown if sign < 0],
            ticks=span_ticks(statistics),
            ghost=ghosts,
            estimated=[bool(flag) for flag in statistics.estimated_quarters > 0],
            keys=keys,
            columns=columns,
            rows=_span_rows(statistics, [values for _k, _l, values, *_r in shown], ghosts, link),
            at_rest=_("Sums of %(span)s; move over the chart to read a part") % {"span": statistics.span.label},
        )
    )


def _ghosts(ghost: Statistics | None, count: int) -> list[float | None]:
    if ghost is None:
        return []
    values = [float(v) if k else None for v, k in zip(ghost.consumption_wh, ghost.covered_quarters > 0, strict=True)]
    return (values + [None] * count)[:count]


def span_ticks(statistics: Statistics) -> list[Tick]:
    """Mark the buckets of a span under the middle of each bar."""
    edges, step = statistics.edges_ms, statistics.step
    count = len(edges) - 1
    ticks = []
    for index in range(count):
        local = local_moment(int(edges[index]), statistics.zone)
        if step in ("quarter", "hour"):
            label, minor, leave = f"{local:%H:%M}", local.hour % 6 != 0, local.hour % 3 != 0 or local.minute != 0
        elif step == "day" and count <= 7:
            label, minor, leave = date_format(local, "D"), False, False
        elif step == "day":
            label, minor, leave = str(local.day), local.day % 5 != 0 and local.day != 1, False
        elif step == "month":
            label, minor, leave = date_format(local, "M"), local.month % 2 == 0, False
        else:
            label, minor, leave = str(local.year), False, False
        if not leave:
            ticks.append(Tick((index + 0.5) / count, label, minor=minor))
    return ticks


def _span_rows(
    statistics: Statistics,
    columns: list[Ints],
    ghosts: list[float | None],
    link: Callable[[Span], str] | None,
) -> list[Row]:
    language = get_language() or "en"
    count = len(statistics.edges_ms) - 1
    inside = statistics.span.spans_inside()
    provisional = statistics.bucket_provisional
    rows = []
    for index in range(count):
        start = int(statistics.edges_ms[index])
        if start > statistics.now_ms:
            break
        known = bool(statistics.covered_quarters[index])
        values = [statistics.consumption_wh, *columns]
        cells = [formatting.energy(int(v[index]), language) if known else formatting.MISSING for v in values]
        if statistics.estimated_quarters[index]:
            cells = [f"{formatting.ABOUT}{formatting.THIN}{cell}" for cell in cells]
        cells.append(formatting.money(statistics.cost_uct[index], statistics.currency, language))
        cells.append(formatting.money(statistics.income_uct[index], statistics.currency, language))
        if any(ghosts):
            cells.append(formatting.energy(ghosts[index], language))
        local = local_moment(start, statistics.zone)
        href = link(Span.of(inside, local.date())) if link and inside else ""
        note = _("provisional") if provisional[index] else ""
        rows.append(Row((index + 0.5) / count, bucket_title(local, statistics.step), cells, href, note))
    return rows


def bucket_title(local: datetime, step: str) -> str:
    """Name one bucket of a span."""
    if step in ("quarter", "hour"):
        return f"{local:%H:%M}"
    if step == "month":
        return date_format(local, "YEAR_MONTH_FORMAT")
    if step == "year":
        return str(local.year)
    return f"{date_format(local, 'D')} {date_format(local, 'SHORT_DATE_FORMAT')}"
