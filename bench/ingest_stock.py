"""The same no-op view behind Django's own ASGI handler with two middlewares: what most Django sites would have."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.ingest_settings")

from django.conf import settings
from django.core.asgi import get_asgi_application

settings.MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
application: Any = get_asgi_application()
