"""Writing market prices and emission factors: dated figures with a named source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from myhouse.documents.atomic import atomic
from myhouse.documents.services import Actor, audit_record
from myhouse.errors import Kind, UnableTo
from myhouse.models import ReferenceSeries
from myhouse.models.tariffs import ReferenceKind
from telemetry.model import HOUR_MS, QUARTER_MS, Batch, Quality, Series
from telemetry.model import Kind as SeriesKind
from telemetry.selectors import series_get
from telemetry.services import history_write, readings_write, series_register

UNITS = {ReferenceKind.PRICE: "uct/Wh", ReferenceKind.EMISSION: "g/kWh"}
# What a figure can be at most: 100 euro per kWh, 2 kg of CO2 per kWh.
LIMITS = {ReferenceKind.PRICE: (-10_000_000, 10_000_000), ReferenceKind.EMISSION: (0, 2_000)}
# Day-ahead prices are known before their day; further ahead nobody publishes.
AHEAD = timedelta(days=8)
VALUES_AT_MOST = 400_000
_NAME = re.compile(r"[\w .,:()/+-]{1,80}")


class UnableToSaveReference(UnableTo):
    """The reference series or its values cannot be so."""


class ReferenceConflictError(UnableToSaveReference):
    """There is a series of this name that says something else."""

    kind = Kind.CONFLICT


@atomic
def reference_register(
    *,
    kind: str,
    name: str,
    source: str,
    country: str,
    actor: Actor,
    now: datetime,
    interval_ms: int = QUARTER_MS,
    demo: bool = False,
) -> ReferenceSeries:
    """Name a series of prices or emission factors and who publishes it; the same again changes nothing."""
    name, source = " ".join(name.split()), " ".join(source.split())
    _check_series(kind, name, source, country, interval_ms)
    known = ReferenceSeries.objects.filter(name=name).first()
    if known is not None:
        if (known.kind, known.source, known.country, known.demo) != (kind, source, country, demo):
            raise ReferenceConflictError(
                _("“%(name)s” exists with another kind, source or country. Choose another name.") % {"name": name},
                field="name",
            )
        return known
    series = ReferenceSeries(kind=kind, name=name, source=source, country=country, demo=demo)
    series_register(
        series=Series(
            id=series.series_id,
            unit=UNITS[ReferenceKind(kind)],
            kind=SeriesKind.MEAN,
            interval_ms=interval_ms,
            simulated=demo,
        )
    )
    series.save(force_insert=True)
    audit_record(actor=actor, action="reference.create", now=now, subject=series, details={"source": source})
    return series


def _check_series(kind: str, name: str, source: str, country: str, interval_ms: int) -> None:
    if kind not in ReferenceKind.values:
        raise UnableToSaveReference(_("The kind must be price or emission."), field="kind")
    if not _NAME.fullmatch(name):
        message = _("Give it a name of 1 to 80 letters, digits and simple marks.")
        raise UnableToSaveReference(message, field="name")
    if not 1 <= len(source) <= 160:
        raise UnableToSaveReference(_("Say who publishes the figures (1 to 160 characters)."), field="source")
    if not re.fullmatch("[A-Z]{2}", country):
        raise UnableToSaveReference(_("Give the country by its two letters, such as DE."), field="country")
    if interval_ms not in {QUARTER_MS, HOUR_MS}:
        raise UnableToSaveReference(_("Figures hold for a quarter-hour or an hour."), field="resolution")


def reference_write(
    *,
    series: ReferenceSeries,
    times_ms: Sequence[int] | np.ndarray[Any, np.dtype[np.int64]],
    values: Sequence[float] | np.ndarray[Any, np.dtype[np.float64]],
    actor: Actor,
    now: datetime,
) -> int:
    """Write figures by their start; the same time again overwrites. Prices in µct per Wh, factors in g per kWh."""
    times = np.asarray(times_ms, np.int64)
    figures = np.asarray(values, np.float64)
    known = series_get(series_id=series.series_id)
    assert known is not None
    _check_values(series, times, figures, known.interval_ms or QUARTER_MS)
    if not len(times):
        return 0
    quality = Quality.SIMULATED if series.demo else Quality.MEASURED
    batch = Batch.of(series.series_id, times, figures, quality)
    now_ms = int((now + AHEAD).timestamp() * 1000)
    if len(times) > 10_000:
        history_write(batch=batch, now_ms=now_ms)
    else:
        readings_write(batch=batch, now_ms=now_ms)
    _audit_values(series=series, count=len(times), actor=actor, now=now)
    return len(times)


def _audit_values(*, series: ReferenceSeries, count: int, actor: Actor, now: datetime) -> None:
    audit_record(actor=actor, action="reference.write", now=now, subject=series, details={"values": count})


def _check_values(
    series: ReferenceSeries,
    times: np.ndarray[Any, np.dtype[np.int64]],
    values: np.ndarray[Any, np.dtype[np.float64]],
    interval_ms: int,
) -> None:
    if len(times) != len(values):
        raise UnableToSaveReference(_("Give as many values as times."), field="values")
    if len(times) > VALUES_AT_MOST:
        message = _("At most %(limit)d values at once; send them in parts.") % {"limit": VALUES_AT_MOST}
        raise UnableToSaveReference(message, field="values")
    low, high = LIMITS[ReferenceKind(series.kind)]
    if not np.isfinite(values).all() or (values < low).any() or (values > high).any():
        message = _("A value lies outside %(low)d to %(high)d %(unit)s.")
        unit = UNITS[ReferenceKind(series.kind)]
        raise UnableToSaveReference(message % {"low": low, "high": high, "unit": unit}, field="values")
    if series.kind == ReferenceKind.PRICE and (values != np.floor(values)).any():
        raise UnableToSaveReference(_("Prices are whole µct per Wh (1 = 0.001 ct/kWh)."), field="values")
    if (times % interval_ms).any():
        message = _("A time is not the start of a quarter-hour (or hour) of the series, in UTC.")
        raise UnableToSaveReference(message, field="times")
