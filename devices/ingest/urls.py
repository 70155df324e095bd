"""Where devices send their readings, under /ingest/."""

from django.urls import URLPattern, URLResolver, path

import devices.ingest.description  # noqa: F401 says to the API's description what the views are
from devices.ingest import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("packets", views.packets, name="ingest-packets"),
    path("columns", views.columns, name="ingest-columns"),
    path("p1", views.telegram, name="ingest-p1"),
]
