"""The one table from an error's kind to its HTTP status, and problem details (RFC 9457) for the API."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from config.databases import is_away
from myhouse.errors import UnableTo

if TYPE_CHECKING:
    from rest_framework.request import Request

CONTENT_TYPE = "application/problem+json"
# A new primary is elected within some seconds.
AWAY_RETRY_S = 2
DOCUMENTS_AWAY = gettext_noop("The database cannot be reached at the moment. Try again.")
STATUS_OF_KIND: dict[str, HTTPStatus] = {
    "invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "conflict": HTTPStatus.CONFLICT,
    "not_found": HTTPStatus.NOT_FOUND,
    "forbidden": HTTPStatus.FORBIDDEN,
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_many": HTTPStatus.TOO_MANY_REQUESTS,
    "busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}


def status_of(error: Exception) -> HTTPStatus | None:
    """Return the status of a refusal by its kind; None for what is a fault of ours."""
    return STATUS_OF_KIND.get(str(getattr(error, "kind", "")))


def problem(
    *,
    status: int,
    detail: str,
    errors: Iterable[dict[str, str]] = (),
    retry_after_s: int = 0,
) -> HttpResponse:
    """Answer with problem details; for plain views, which do not pass through the REST framework."""
    response = JsonResponse(_body(status, detail, list(errors)), status=status, content_type=CONTENT_TYPE)
    if retry_after_s:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def problem_of(error: Exception) -> HttpResponse | None:
    """Answer a refusal with problem details; None when it is a fault of ours and must be raised on."""
    found = _refusal(error)
    if found is None:
        return None
    status, detail, errors, retry_after_s = found
    return problem(status=status, detail=detail, errors=errors, retry_after_s=retry_after_s)


def problem_details(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what an API view raised into its answer; None lets an unforeseen fault become a 500."""
    found = _refusal(error)
    if found is None:
        return None
    status, detail, errors, retry_after_s = found
    set_rollback()
    request: Request | None = context.get("request")
    response = Response(_body(status, detail, errors), status=status, content_type=CONTENT_TYPE)
    response.headers["Content-Type"] = CONTENT_TYPE
    if retry_after_s:
        response.headers["Retry-After"] = str(retry_after_s)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = getattr(error, "auth_header", None) or 'Bearer realm="myhouse"'
    if request is not None and isinstance(error, exceptions.MethodNotAllowed):
        response.headers["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address nobody serves: a page for people, problem details under /api/ and /ingest/."""
    from django.views.defaults import page_not_found

    if not _is_api(request):
        return page_not_found(request, exception)
    return problem(status=HTTPStatus.NOT_FOUND, detail=_("There is nothing at this address. See /api/v1/docs."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a fault of ours without telling its inside; databases that are away already before the view are none."""
    from django.views.defaults import server_error as page

    error = sys.exception()
    if error is not None and is_away(error):
        return _documents_away(request)
    if not _is_api(request):
        return page(request)
    return problem(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        detail=_("Something broke on our side; nothing was half saved. Try again in a minute."),
    )


class RefusalMiddleware(MiddlewareMixin):
    """Answers what a page's view refused and did not answer itself; nothing of it was written."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Show a refusal with its status: a page for people, problem details for programs."""
        if isinstance(error, (Http404, PermissionDenied)) and not _is_api(request):
            return None  # Django's own pages
        found = _refusal(error)
        if found is None:
            return None
        if _is_api(request):
            return problem_of(error)
        if is_away(error):
            return _documents_away(request)
        status, detail, _errors, retry_after_s = found
        template = "429.html" if status == HTTPStatus.TOO_MANY_REQUESTS else "refused.html"
        context = {"detail": detail, "status": int(status), "retry_after": retry_after_s}
        response = render(request, template, context, status=status)
        if retry_after_s:
            response.headers["Retry-After"] = str(retry_after_s)
        return response


def _documents_away(request: HttpRequest) -> HttpResponse:
    """Answer without asking the database anything."""
    if _is_api(request):
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return problem(status=status, detail=_(DOCUMENTS_AWAY), retry_after_s=AWAY_RETRY_S)
    response = HttpResponse(render_to_string("503.html"), status=HTTPStatus.SERVICE_UNAVAILABLE)
    response.headers["Retry-After"] = str(AWAY_RETRY_S)
    return response


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/ingest/"))


def _body(status: int, detail: str, errors: list[dict[str, str]]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    return body


def _refusal(error: Exception) -> tuple[int, str, list[dict[str, str]], int] | None:
    """Return status, detail, fields and seconds to wait of a refusal; None for what is none."""
    if isinstance(error, UnableTo):
        fields = [{"field": one.field, "message": one.message} for one in error.errors]
        detail = error.message or _("There is no such thing, or it is not yours.")
        return STATUS_OF_KIND[error.kind], detail, fields, error.retry_after_s
    if is_away(error):
        return HTTPStatus.SERVICE_UNAVAILABLE, _(DOCUMENTS_AWAY), [], AWAY_RETRY_S
    status = status_of(error)
    if status is None:
        return _framework_refusal(error)
    # Errors of other parts (the store, devices) are told by their kind alone.
    field = str(getattr(error, "field", "") or "")
    message = str(getattr(error, "message", "") or error)
    fields = [{"field": field, "message": message}] if field else []
    return status, message, fields, int(getattr(error, "retry_after_s", 0) or 0)


def _framework_refusal(error: Exception) -> tuple[int, str, list[dict[str, str]], int] | None:
    if isinstance(error, Http404):
        return HTTPStatus.NOT_FOUND, _("There is no such thing, or it is not yours."), [], 0
    if isinstance(error, PermissionDenied):
        return HTTPStatus.FORBIDDEN, str(error) or _("Your role does not allow this."), [], 0
    if isinstance(error, exceptions.ValidationError):
        return HTTPStatus.UNPROCESSABLE_ENTITY, _("Some fields cannot be accepted."), _fields(error.detail), 0
    if isinstance(error, exceptions.APIException):
        return error.status_code, str(error.detail), [], int(getattr(error, "wait", None) or 0)
    return None


def _fields(detail: Any, prefix: str = "") -> list[dict[str, str]]:
    """Flatten the framework's nested messages: {"a": {"b": ["x"]}} becomes a.b: x."""
    if isinstance(detail, dict):
        return [one for name, inner in detail.items() for one in _fields(inner, _joined(prefix, str(name)))]
    if isinstance(detail, list):
        if all(isinstance(one, str) for one in detail):
            return [{"field": prefix, "message": str(one)} for one in detail]
        return [one for place, inner in enumerate(detail) for one in _fields(inner, _joined(prefix, str(place)))]
    return [{"field": prefix, "message": str(detail)}]


def _joined(prefix: str, name: str) -> str:
    if name == "non_field_errors":
        return prefix
    return f"{prefix}.{name}" if prefix else name
