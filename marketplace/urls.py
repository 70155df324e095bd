"""Pages of the marketplace; each subject names its own paths in `views`."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
