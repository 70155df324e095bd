"""What ingest refuses, as RFC 9457 problem details; each error names its field and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from django.http import HttpResponse

from myhouse.errors import FieldError


class Refusal(Exception):
    """Ends a request: nothing of it was stored."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        field: str = "",
        retry_after_s: int = 0,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors) or ((FieldError(field, detail),) if field else ())
        self.retry_after_s = retry_after_s

    def response(self) -> HttpResponse:
        """Return the refusal as the answer to the request."""
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "errors": [{"field": one.field, "message": one.message} for one in self.errors],
        }
        response = HttpResponse(msgspec.json.encode(body), status=self.status, content_type="application/problem+json")
        if self.status == 401:
            response["WWW-Authenticate"] = "Bearer"
        if self.retry_after_s:
            response["Retry-After"] = str(self.retry_after_s)
        return response
