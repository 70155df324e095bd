"""The reads that must be fast: plain asynchronous views with remembered tokens and memberships.

A view of the REST framework with a token costs several times what these reads themselves cost. Who may read
what is therefore remembered for REMEMBERED_S seconds in the process: a revoked token or an ended membership
stops working within that time. They answer bearer tokens only.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextvars
import hashlib
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from time import monotonic
from typing import Any, cast

import msgspec
import numpy as np
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, MethodNotAllowed, NotAuthenticated
from rest_framework.settings import api_settings

from myhouse.api.gate import scope_require
from myhouse.api.throttle import MinuteCounter
from myhouse.authentication import token_authenticate
from myhouse.documents.pages import limit_read
from myhouse.errors import UnableTo
from myhouse.models import AccessToken, User
from myhouse.scopes import Scope
from myhouse.selectors import readings as selectors
from myhouse.selectors.readings import Buckets, Source, UnableToRead
from telemetry.errors import TelemetryError

REMEMBERED_S = 3.0
_REMEMBERED_MAX = 10_000
_POOL = ThreadPoolExecutor(2, thread_name_prefix="read")
_encoder = msgspec.json.Encoder()
QUALITIES = ("measured", "estimated", "substituted", "suspect", "simulated")


class BucketRow(msgspec.Struct, omit_defaults=True):
    """One bucket; `covered` of `expected` quarter-hours are there, `estimated` of them estimated."""

    start: str
    covered: int
    expected: int | None = None
    estimated: int | None = None
    value: int | None = None
    mean: float | None = None
    min: float | None = None
    max: float | None = None


class ReadingRow(msgspec.Struct):
    """One reading."""

    time: str
    value: float
    quality: str


class _Memory:
    """What was looked up a moment ago, bounded in number and age."""

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: Any) -> Any:
        """What was kept under the key, or None when it is unknown or too old."""
        found = self._kept.get(key)
        return found[1] if found is not None and found[0] > monotonic() else None

    def put(self, key: Any, value: Any) -> Any:
        """Keep a value; when there are too many, all are forgotten."""
        with self._lock:
            if len(self._kept) >= _REMEMBERED_MAX:
                self._kept.clear()
            self._kept[key] = (monotonic() + REMEMBERED_S, value)
        return value

    def forget(self) -> None:
        """Look everything up afresh."""
        with self._lock:
            self._kept.clear()


_tokens = _Memory()
_sources = _Memory()
_counter = MinuteCounter()


def forget() -> None:
    """Forget remembered tokens and memberships of this process at once."""
    _tokens.forget()
    _sources.forget()


def _read(request: HttpRequest, measurement_id: uuid.UUID, answer: Callable[[Source, Any], bytes]) -> HttpResponse:
    """Find out who asks for what, answer, or refuse; runs in a thread of the pool."""
    if request.method not in {"GET", "HEAD"}:
        refused = _refused(MethodNotAllowed(str(request.method)))
        refused.headers["Allow"] = "GET, HEAD"
        return refused
    try:
        source = _source_of(_user_of(request), measurement_id)
        body = answer(source, request.GET)
    except (UnableTo, TelemetryError, APIException) as error:
        return _refused(error)
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if tag in request.headers.get("If-None-Match", ""):
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body, content_type="application/json", headers=headers)


def _user_of(request: HttpRequest) -> User:
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise NotAuthenticated
    digest = hashlib.sha256(secret.encode()).digest()
    token: AccessToken | None = _tokens.get(digest)
    if token is None:
        address = str(request.META.get("REMOTE_ADDR") or "local")
        token = _tokens.put(digest, token_authenticate(secret=secret, address=address, now=timezone.now()))
    _counter.hit(digest, tries=settings.API_RATES["read"])
    scope_require(token, Scope.READINGS_READ)
    return token.user


def _source_of(user: User, measurement_id: uuid.UUID) -> Source:
    key = (user.pk, user.only_household_id, measurement_id)
    known: Source | None = _sources.get(key)
    if known is not None:
        return known
    found: Source = _sources.put(
        key, selectors.source_for(user=user, measurement_id=measurement_id, now=timezone.now())
    )
    return found


def _handler() -> Callable[[Exception, dict[str, Any]], Any]:
    """The one table from errors to answers, which the project names in its settings."""
    handler: Any = api_settings.EXCEPTION_HANDLER
    return cast("Callable[[Exception, dict[str, Any]], Any]", handler)


def _refused(error: Exception) -> HttpResponse:
    """Problem details, by the same table as the rest of the API; a fault of ours is raised on."""
    answer = _handler()(error, {"request": None, "view": None})
    if answer is None:
        raise error
    response = HttpResponse(_encoder.encode(answer.data), status=answer.status_code)
    for name, value in answer.headers.items():
        response.headers[name] = value
    response.headers["Content-Type"] = "application/problem+json"
    return response


async def _in_pool(function: Callable[..., HttpResponse], *args: Any) -> HttpResponse:
    """Run in a thread, so that a slow look-up never holds up the event loop."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_POOL, context.run, function, *args)


async def buckets(request: HttpRequest, measurement_id: uuid.UUID) -> HttpResponse:
    """Buckets of a measurement over [start, end)."""
    return await _in_pool(_read, request, measurement_id, _buckets)


async def readings(request: HttpRequest, measurement_id: uuid.UUID) -> HttpResponse:
    """Raw readings of a measurement over [start, end), page by page."""
    return await _in_pool(_read, request, measurement_id, _readings)


def span_of(source: Source, query: Any) -> tuple[int, int, str]:
    """Start, end and zone of a query; the zone is the household's unless named."""
    zone = query.get("zone") or source.household.time_zone
    for name in ("start", "end"):
        if not query.get(name):
            raise UnableToRead(_("Say from when until when: start and end."), field=name)
    start = selectors.moment_read(query["start"], zone, "start")
    end = selectors.moment_read(query["end"], zone, "end")
    if end <= start:
        raise UnableToRead(_("The end lies after the start. Give a later end."), field="end")
    return start, end, zone


def _buckets(source: Source, query: Any) -> bytes:
    start, end, zone = span_of(source, query)
    bucket = query.get("bucket", "day")
    found = selectors.buckets(source=source, start_ms=start, end_ms=end, bucket=bucket, zone=zone)
    return _encoder.encode(
        {
            "measurement": str(source.measurement.pk),
            "quantity": source.measurement.quantity,
            "unit": found.unit,
            "bucket": bucket,
            "zone": zone,
            "simulated": source.series.simulated,
            "buckets": rows_of(found),
        }
    )


def rows_of(found: Buckets) -> list[BucketRow]:
    """Buckets as rows; what has nothing in it has no value."""
    starts = _iso(found.starts.tobytes())
    covered, estimated = found.covered.tolist(), found.estimated.tolist()
    if found.value is not None:
        return [
            BucketRow(start, count, of, guessed, amount if count or amount else None)
            for start, count, of, guessed, amount in zip(
                starts, covered, found.expected.tolist(), estimated, found.value.tolist(), strict=True
            )
        ]
    if found.mean is None or found.min is None or found.max is None:
        return []
    levels = [_levels(array) for array in (found.mean, found.min, found.max)]
    return [
        BucketRow(start, count, of or None, guessed, None, mean, low, high)
        for start, count, of, guessed, mean, low, high in zip(
            starts, covered, found.expected.tolist(), estimated, *levels, strict=True
        )
    ]


def _levels(array: np.ndarray[Any, np.dtype[np.float64]]) -> list[float | None]:
    """Levels with three decimals; a gap is None."""
    return [None if level != level else level for level in np.round(array, 3).tolist()]  # noqa: PLR0124 - NaN


@lru_cache(maxsize=64)
def _iso(starts: bytes) -> list[str]:
    """Times as text; the same ranges are asked for again and again."""
    return selectors.iso_many(np.frombuffer(starts, np.int64))


def _readings(source: Source, query: Any) -> bytes:
    start, end, _zone = span_of(source, query)
    limit = limit_read(query.get("limit"), most=selectors.READINGS_MAX, default=1_000)
    if query.get("cursor"):
        start = max(start, _cursor_read(query["cursor"]))
    found = selectors.readings(source=source, start_ms=start, end_ms=end, limit=limit + 1)
    more = len(found.times) > limit
    page = found.head(limit)
    return _encoder.encode(
        {
            "measurement": str(source.measurement.pk),
            "quantity": source.measurement.quantity,
            "kind": source.series.kind.value,
            "unit": source.series.unit,
            "readings": [
                ReadingRow(moment, value, QUALITIES[quality])
                for moment, value, quality in zip(
                    selectors.iso_many(page.times), page.values.tolist(), page.quality.tolist(), strict=True
                )
            ],
            "next_cursor": _cursor_write(int(found.times[limit])) if more else None,
        }
    )


def _cursor_write(ms: int) -> str:
    return base64.urlsafe_b64encode(ms.to_bytes(8, "big")).decode().rstrip("=")


def _cursor_read(text: str) -> int:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 8:
        raise UnableToRead(_("Use the cursor of the page before, or none to start over."), field="cursor")
    return int.from_bytes(raw, "big")
