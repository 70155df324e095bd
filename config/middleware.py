"""What holds for every page: the content policy, and sessions that last as long as they are used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpResponseNotAllowed
from django.utils.deprecation import MiddlewareMixin

from telemetry.missing import tolerated

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

RENEWED_EVERY_SECONDS = 60
PAGE_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
POLICY = "; ".join(  # noqa: FLY002 one line per directive
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)

# The admin's own pages bring code within them and make more while they run; from elsewhere it loads nothing either.
ADMIN_POLICY = POLICY.replace("script-src 'self'", "script-src 'self' 'unsafe-inline' 'unsafe-eval'").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


class ContentSecurityPolicyMiddleware(MiddlewareMixin):
    """Allow nothing but our own files, and no code within a page but the admin's."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Add the policy unless the page set a stricter one itself."""
        policy = ADMIN_POLICY if request.path.startswith("/admin/") else POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


class PageMethodsMiddleware(MiddlewareMixin):
    """Pages are read and sent forms to; every other method is for the API."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """Refuse a method that no form can send."""
        if request.method in PAGE_METHODS or request.path.startswith(("/api/", "/ingest/")):
            return None
        return HttpResponseNotAllowed(PAGE_METHODS)


def missing_readings_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """A page that is only looked at goes on without time series that cannot be read, and says so; others refuse."""

    def respond(request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"} or request.path.startswith(("/api/", "/ingest/")):
            return get_response(request)
        with tolerated():
            return get_response(request)

    return respond


class SessionRenewalMiddleware(MiddlewareMixin):
    """Begin the idle hour of a session anew, by writing it at most once a minute.

    SESSION_SAVE_EVERY_REQUEST would do the same with one synced write per page.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Note the time of use in the session once it is a minute old."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or request.session.is_empty():
            return
        now = int(time.time())
        if abs(now - request.session.get("used_at", 0)) >= RENEWED_EVERY_SECONDS:
            request.session["used_at"] = now
