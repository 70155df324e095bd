"""Where each URL leads; every app names its own paths below its prefix."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from config.health import healthz, readyz

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("myhouse.api.urls")),
    path("api/v1/", include("devices.api_urls")),
    path("ingest/", include("devices.ingest.urls")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("", include("myhouse.urls")),
]

handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
