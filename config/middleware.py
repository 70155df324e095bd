"""Response headers that hold for every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.deprecation import MiddlewareMixin

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

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


class ContentSecurityPolicyMiddleware(MiddlewareMixin):
    """Allow nothing but our own files; the admin brings inline code of its own and is left out."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Add the policy unless the page set a stricter one itself."""
        if not request.path.startswith("/admin/"):
            response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
