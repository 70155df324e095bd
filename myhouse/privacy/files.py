"""How an export is written: documents as JSON, long rows as CSV, each piece by piece."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from typing import Any

import numpy as np
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet

from myhouse.models import Household
from myhouse.privacy.parts import PersonFile
from telemetry import selectors as telemetry
from telemetry.model import Quality

# About so many readings are in memory at a time; how many days those are is found out while reading.
_READINGS_AT_ONCE = 100_000
_DAYS_AT_MOST = 64
_ROWS_AT_ONCE = 500
_DAY_MS = 86_400_000
_QUALITIES = {quality.value: quality.name.lower() for quality in Quality}


def document_file(path: str, document: Callable[[], Any]) -> PersonFile:
    """One document as JSON."""
    return PersonFile(path, lambda: [_json(document()) + b"\n"])


def list_file(path: str, rows: Callable[[], Iterable[Any]]) -> PersonFile:
    """Any number of documents as one JSON array, of which one is in memory at a time."""
    return PersonFile(path, lambda: _array(rows()))


def row_document(row: Model, *, without: Iterable[str] = ()) -> dict[str, Any]:
    """Return a row's own columns, without those that are secret or say nothing to its owner."""
    left_out = set(without)
    return {
        column.name: getattr(row, column.attname)
        for column in row._meta.concrete_fields
        if column.name not in left_out
    }


def rows_all(rows: QuerySet[Any]) -> Iterator[Any]:
    """Yield all rows in the order of their keys, some hundred at a time."""
    last = uuid.UUID(int=0)
    while found := list(rows.filter(pk__gt=last).order_by("pk")[:_ROWS_AT_ONCE]):
        yield from found
        last = found[-1].pk


def documents(rows: QuerySet[Any], *, without: Iterable[str] = ()) -> Iterator[dict[str, Any]]:
    """Yield all rows as documents of an export."""
    return (row_document(row, without=without) for row in rows_all(rows))


def readings_file(path: str, *, series_id: Any, unit: str, start_ms: int, end_ms: int) -> PersonFile:
    """Readings of [start_ms, end_ms) of one series as CSV."""
    return PersonFile(path, lambda: _readings(series_id, unit, start_ms, end_ms))


def household_folder(household: Household) -> str:
    """Name the folder of a household's files, the same for all parts."""
    return f"households/{path_part(household.name)}-{household.pk.hex[-6:]}"


def path_part(text: str) -> str:
    """Turn a name into what every file system takes as one."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")[:40] or "unnamed"


def _readings(series_id: Any, unit: str, start_ms: int, end_ms: int) -> Iterator[bytes]:
    yield f"time (UTC),value ({unit}),quality\r\n".encode()
    bounds = telemetry.bounds(series_id=series_id)
    if bounds is None:
        return
    begin, end, days = max(start_ms, bounds[0]), min(end_ms, bounds[1] + 1), 1
    while begin < end:
        until = min((begin // _DAY_MS + days) * _DAY_MS, end)
        found = telemetry.scan(series_id=series_id, start_ms=begin, end_ms=until)
        if len(found):
            times = np.datetime_as_string(found.times.astype("datetime64[ms]"), unit="ms").tolist()
            rows = zip(times, found.values.tolist(), found.quality.tolist(), strict=True)
            yield "".join(f"{time}Z,{value!r},{_QUALITIES[quality]}\r\n" for time, value, quality in rows).encode()
        begin = until
        fitting = days * _READINGS_AT_ONCE // max(len(found), 1)
        days = max(min(fitting, 2 * days, _DAYS_AT_MOST), 1)


class _Plain(DjangoJSONEncoder):
    """Times in full; what JSON has no form for as text."""

    def default(self, o: Any) -> Any:
        """Write a time or date in ISO 8601."""
        return o.isoformat() if isinstance(o, datetime | date) else super().default(o)


def _json(document: Any) -> bytes:
    return json.dumps(document, cls=_Plain, ensure_ascii=False, indent=1).encode()


def _array(rows: Iterable[Any]) -> Iterator[bytes]:
    yield b"["
    separator = b"\n"
    for row in rows:
        yield separator + _json(row)
        separator = b",\n"
    yield b"\n]\n"
