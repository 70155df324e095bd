"""Two plain questions: does the process live, and can it do its work."""

from __future__ import annotations

import uuid
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse

# What is on servers of its own and may be away without the rest: replicas that all stepped out of the way because of
# it would turn a part that is missing into an outage.
_MAY_BE_AWAY = {"telemetry", "broker"}


async def healthz(request: HttpRequest) -> JsonResponse:
    """Answer that the event loop turns."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while this process can do its work, else 503 naming what cannot be reached.

    On servers, time series and broker that are away are named ("degraded") but leave the answer at 200: readings
    go to the spool meanwhile, and what waits there is told.
    """
    away, waiting = await sync_to_async(_found, thread_sensitive=False)()
    if not away:
        return JsonResponse({"status": "ok", **waiting})
    if settings.ENVIRONMENT.on_servers and _MAY_BE_AWAY.issuperset(away):
        return JsonResponse({"status": "degraded", "failing": away, **waiting})
    return JsonResponse({"status": "unavailable", "failing": away, **waiting}, status=503)


def _away() -> list[str]:
    found = []
    for name, check in (("documents", _documents), ("telemetry", _telemetry), ("broker", _broker)):
        try:
            check()
        except Exception:  # noqa: BLE001 whatever the reason, this part does not work
            found.append(name)
    return found


def _found() -> tuple[list[str], dict[str, Any]]:
    """Name what is away, and what waits in the spool, if anything does."""
    from telemetry.selectors import store_state

    away = _away()
    state = store_state()
    if state.is_whole and not state.refused:
        return away, {}
    told = {"readings": state.spooled_readings, "bytes": state.spooled_bytes, "since_ms": state.since_ms}
    return away, {"spool": {**told, "oldest_ms": state.oldest_ms, "refused": state.refused, "full": state.full}}


def _documents() -> None:
    database: Any = connection
    try:
        if database.vendor == "mongodb":
            database.ensure_connection()
            database.database.command("ping")
            return
        with database.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        database.close()


def _telemetry() -> None:
    from telemetry.selectors import series_get

    series_get(series_id=uuid.UUID(int=0))


def _broker() -> None:
    import redis

    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    finally:
        client.close()
