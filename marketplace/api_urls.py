"""REST API of the marketplace under /api/v1/."""

from django.urls import URLPattern, URLResolver, path

from marketplace.api.events import events

_HOME = "households/<uuid:household_id>"
urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{_HOME}/events", events, name="api-events"),
]
