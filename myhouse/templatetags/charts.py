"""Filters that place the SVG of a chart; it was escaped where it was drawn."""

from __future__ import annotations

from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe

from myhouse.charts import svg
from myhouse.charts.model import Chart, Row

register = template.Library()


@register.filter
def axis_svg(chart: Chart) -> SafeString:
    """Return the labels beside the plot."""
    return mark_safe(chart.axis)  # noqa: S308 - myhouse.charts.svg escapes every text


@register.filter
def plot_svg(chart: Chart) -> SafeString:
    """Return what spans the width."""
    return mark_safe(chart.plot)  # noqa: S308 - myhouse.charts.svg escapes every text


@register.filter
def hatch_key(chart: Chart) -> SafeString:
    """Return the small hatched square of the key."""
    return mark_safe(svg.hatch(f"{chart.name}-key"))  # noqa: S308 - a name given by our own code


@register.filter
def table_rows(chart: Chart) -> SafeString:
    """Return the rows of the chart's table; a template looping over a thousand cells would cost a third of a page."""
    return mark_safe("\n".join(_row(row) for row in chart.rows))  # noqa: S308 - every text is escaped below


def _row(row: Row) -> str:
    title = escape(str(row.title))
    if row.href:
        title = f'<a href="{escape(row.href)}">{title}</a>'
    if row.note:
        title += f' <span class="soft">{escape(str(row.note))}</span>'
    cells = "".join([f'<td class="num">{escape(str(cell))}</td>' for cell in row.cells])
    return f'<tr data-x="{escape(row.at_text)}"><th scope="row">{title}</th>{cells}</tr>'
