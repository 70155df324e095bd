"""The smallest page Django can answer, behind the same server, middleware and threads as ours."""

from __future__ import annotations

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
    """Answer two bytes."""
    return HttpResponse(b"ok")


urlpatterns = [path("", nothing)]
settings.ROOT_URLCONF = "bench.noop"
application: Any = ThreadedHandler(threads=8)
