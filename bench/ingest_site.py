"""The product's URLs and the limits that ingest is measured against, answered by the same server."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.urls import urlpatterns as product
from devices.ingest.bodies import COLUMNS_BYTES, body_read
from devices.ingest.columns import columns_decode


async def noop(request: HttpRequest) -> HttpResponse:
    """Do nothing: what the server and Django cost by themselves."""
    return HttpResponse(b"{}", content_type="application/json")


async def decode(request: HttpRequest) -> HttpResponse:
    """Decode the columns and drop them: what a store that costs nothing would reach."""
    columns = columns_decode(body_read(request, limit=COLUMNS_BYTES))
    return HttpResponse(b'{"accepted": %d}' % len(columns.series), content_type="application/json")


urlpatterns = [*product[:-1], path("ingest/noop", noop), path("ingest/decode", decode), *product[-1:]]
