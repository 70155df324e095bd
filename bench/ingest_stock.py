"""A Django view that reads JSON and does nothing with it, behind two middlewares and the product's own server."""

from __future__ import annotations

import json
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup(set_prefix=False)

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.handlers import ThreadedHandler


def nothing(request: HttpRequest) -> HttpResponse:
    """Read the body, answer two bytes."""
    json.loads(request.body)
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [path("ingest/noop", nothing)]
settings.ROOT_URLCONF = "bench.ingest_stock"
settings.MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
application: Any = ThreadedHandler(threads=8)
