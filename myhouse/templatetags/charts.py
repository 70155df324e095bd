"""Filters that place the SVG of a chart; it was escaped where it was drawn."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString, mark_safe

from myhouse.charts import svg
from myhouse.charts.model import Chart

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
