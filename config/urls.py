"""Where each URL leads; every app names its own paths below its prefix."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from config.health import healthz, readyz
from myhouse.views.accounts import StaffSignInView

urlpatterns: list[URLPattern | URLResolver] = [
    # Staff sign in like everybody else, so the same limits hold for guessing their passwords.
    path("admin/login/", StaffSignInView.as_view()),
    # And change their own there, too, where it ends their tokens and is audited.
    path("admin/password_change/", RedirectView.as_view(pattern_name="password-change")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("myhouse.api.urls")),
    path("api/v1/", include("devices.api_urls")),
    path("api/v1/", include("marketplace.api_urls")),
    path("ingest/", include("devices.ingest.urls")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("", include("devices.urls")),
    path("", include("marketplace.urls")),
    path("", include("myhouse.urls")),
]

handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
