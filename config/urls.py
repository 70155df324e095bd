"""Where each URL leads; every app names its own paths below its prefix."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("myhouse.api.urls")),
    path("api/v1/", include("devices.api_urls")),
    path("ingest/", include("devices.ingest.urls")),
    path("", include("myhouse.urls")),
]
