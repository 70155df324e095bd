"""Two plain questions: does the process live, and can it do its work."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse


async def healthz(request: HttpRequest) -> JsonResponse:
    """Answer that the event loop turns."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when documents, time series and broker can be reached, else 503 naming what cannot."""
    failing = await sync_to_async(_failing, thread_sensitive=False)()
    status = {"status": "ok"} if not failing else {"status": "unavailable", "failing": failing}
    return JsonResponse(status, status=503 if failing else 200)


def _failing() -> list[str]:
    failing = []
    for name, check in (("documents", _documents), ("telemetry", _telemetry), ("broker", _broker)):
        try:
            check()
        except Exception:  # noqa: BLE001 whatever the reason, this part does not work
            failing.append(name)
    return failing


def _documents() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


def _telemetry() -> None:
    import uuid

    from telemetry.selectors import series_get

    series_get(series_id=uuid.UUID(int=0))


def _broker() -> None:
    import redis

    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2)
    try:
        client.ping()
    finally:
        client.close()
