"""Where devices hand in readings: read, check, store durably, then answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import Context
from datetime import UTC, datetime

import msgspec
import numpy as np
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from devices.ingest.bodies import COLUMNS_BYTES, PACKETS_BYTES, TELEGRAM_BYTES, body_read
from devices.ingest.columns import columns_read
from devices.ingest.gather import gather_current
from devices.ingest.limits import DEVICE, GATEWAY, guess_count, guesses_check, rate_check
from devices.ingest.p1 import telegram_read
from devices.ingest.packets import Reading, packets_read
from devices.ingest.refusals import Refusal
from devices.ingest.routes import Route, Standing, route_loading, route_remembered
from devices.intake import AHEAD_MS, EARLIEST_MS, Rows, Sheet, rows_check, rows_guard, sheet_check, sheet_guard
from devices.models import Device
from devices.relay import relay
from devices.services.channels import channel_open
from myhouse.errors import FieldError
from telemetry.errors import StoreBusyError, StoreUnavailableError, UnableToWrite
from telemetry.model import DAY_MS
from telemetry.selectors import is_spooling
from telemetry.services import history_write, readings_write_async

INLINE_BYTES = 524_288
"""Longer bodies are read in a thread, so that the requests of others go on meanwhile."""
HISTORY_ROWS = 2_000
"""From so many readings of past days on they are sealed directly; a few late ones go the usual way."""

TOLD_AT_MOST = 100

Read = Callable[[bytes, Route, int], Reading]


@csrf_exempt
async def packets(request: HttpRequest) -> HttpResponse:
    """Take DataPackets: one, a list, or one per line."""
    content_type = request.content_type or ""
    return await _answer(
        request,
        PACKETS_BYTES,
        lambda body, route, _now_ms: packets_read(body=body, content_type=content_type, route=route),
    )


@csrf_exempt
async def columns(request: HttpRequest) -> HttpResponse:
    """Take readings in columns, of any number of series."""
    return await _answer(request, COLUMNS_BYTES, lambda body, route, _now_ms: columns_read(body=body, route=route))


@csrf_exempt
async def telegram(request: HttpRequest) -> HttpResponse:
    """Take one P1 telegram as text."""
    return await _answer(
        request, TELEGRAM_BYTES, lambda body, route, now_ms: telegram_read(body=body, route=route, now_ms=now_ms)
    )


async def _answer(request: HttpRequest, limit: int, read: Read) -> HttpResponse:
    """Answer 200 once every reading is durable (202: in the spool), or a refusal when none was stored."""
    now_ms = time.time_ns() // 1_000_000
    if request.method != "POST":
        return Refusal(405, _("Send readings with POST.")).response()
    try:
        route = await _route_of(request)
        body = body_read(request, limit=limit)
        reading = await _read(read, body, route, now_ms)
        if reading.to_open and await sync_to_async(_open)(route, reading.to_open, now_ms):
            reading = await _read(read, body, await _route_of(request), now_ms)
        accepted = await readings_store(reading.found, ignored=reading.ignored, now_ms=now_ms)
    except Refusal as refusal:
        return refusal.response()
    answer: dict[str, object] = {
        "accepted": accepted,
        "ignored": [told(one) for one in reading.ignored[:TOLD_AT_MOST]],
    }
    if len(reading.ignored) > TOLD_AT_MOST:
        answer["ignored_count"] = len(reading.ignored)
    if accepted < len(reading.found):
        answer["quarantined"] = len(reading.found) - accepted
    spooling = is_spooling()
    if spooling:
        answer["spooled"] = True
    return HttpResponse(msgspec.json.encode(answer), status=202 if spooling else 200, content_type="application/json")


def told(one: FieldError) -> dict[str, str]:
    """Return what was left out, and the remedy, as the sender reads it."""
    return {"field": one.field, "message": one.message}


async def _read(read: Read, body: bytes, route: Route, now_ms: int) -> Reading:
    if len(body) > INLINE_BYTES:
        return await asyncio.to_thread(read, body, route, now_ms)
    return read(body, route, now_ms)


async def _route_of(request: HttpRequest) -> Route:
    """Return what the request's key opens, within its rate."""
    meta = request.META  # the parsed headers would cost more than all else here
    scheme, _space, secret = meta.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise Refusal(401, _("Send the device's key: “Authorization: Bearer …”."), field="Authorization")
    digest, standing, route = route_remembered(secret)
    address = meta.get("REMOTE_ADDR", "")
    if standing is Standing.AGEING:
        # Outlives the request, so it must not rely on what surrounds that.
        Context().run(route_loading, digest)
    elif standing is Standing.UNKNOWN:
        if route is None:
            guesses_check(address=address)
        route = await asyncio.shield(route_loading(digest))
        if route is None:
            guess_count(address=address)
    if route is None:
        message = _("This key is unknown or was revoked: issue a new one on the device's page.")
        raise Refusal(401, message, field="Authorization")
    rate_check(key_id=route.key_id, rate=GATEWAY if route.is_gateway else DEVICE)
    return route


def _open(route: Route, to_open: dict[tuple[str, str], int], now_ms: int) -> bool:
    """Bind the quantities sent for the first time; returns whether any of them was bound."""
    opened = False
    for (external_id, quantity), first_ms in to_open.items():
        if not EARLIEST_MS <= first_ms <= now_ms + AHEAD_MS:
            continue
        device = Device.objects.select_related("metering_point").get(pk=route.members[external_id].device_id)
        starts_at = datetime.fromtimestamp(min(first_ms, now_ms) / 1000, UTC)
        opened |= channel_open(device=device, quantity=quantity, starts_at=starts_at) is not None
    return opened


async def readings_store(found: Rows | Sheet, *, ignored: list[FieldError], now_ms: int) -> int:
    """Check and store a request's readings, all of them or none; returns how many are durable."""
    if not len(found):
        message = _("Nothing was stored: none of these points is bound.")
        raise Refusal(422, message, errors=ignored[:20] or [FieldError("points", message)])
    errors = rows_check(found, now_ms=now_ms) if isinstance(found, Rows) else sheet_check(found, now_ms=now_ms)
    if errors:
        raise Refusal(422, _("Nothing was stored: correct these fields."), errors=errors)
    try:
        if isinstance(found, Rows):
            return await _rows_written(found, now_ms)
        return await _sheet_written(found, now_ms)
    except (StoreBusyError, StoreUnavailableError) as error:
        raise Refusal(503, str(error), retry_after_s=error.retry_after_s or 1) from error
    except UnableToWrite as error:
        place = found.place(error.index or 0, "value")
        raise Refusal(422, str(error), field=place) from error


async def _rows_written(found: Rows, now_ms: int) -> int:
    rows = rows_guard(found)
    if rows:
        await gather_current().write(rows, now_ms=now_ms)
        relay.put_rows(rows, now_ms=now_ms)
    return len(rows)


async def _sheet_written(found: Sheet, now_ms: int) -> int:
    """Write a long past in bulk straight into sealed blocks, all else with the requests of this moment."""
    sheet = sheet_guard(found)
    past = len(sheet) >= HISTORY_ROWS and np.count_nonzero(sheet.times < now_ms - now_ms % DAY_MS) >= HISTORY_ROWS
    if past:
        accepted = (await asyncio.to_thread(history_write, batch=sheet.batch, now_ms=now_ms)).accepted
    else:
        accepted = (await readings_write_async(batch=sheet.batch, now_ms=now_ms)).accepted
    relay.put(sheet, now_ms=now_ms)
    return accepted
