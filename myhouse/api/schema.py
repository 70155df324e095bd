"""The description of the API: OpenAPI at /api/v1/schema, and a page to read and try it."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # spectacular
    """Describes our bearer tokens."""

    target_class = "myhouse.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Bearer in the Authorization header."""
        return {"type": "http", "scheme": "bearer", "description": "From POST /api/v1/tokens."}


PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457); `errors` names each wrong field and the remedy.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}
_METHODS = ("get", "put", "post", "patch", "delete")


def problems_add(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # noqa: FBT001 the hook's signature
    """Say at each operation that every refusal is a problem document; a hook of the generator."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    answer = {
        "description": "Refused; nothing was written.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for operations in result["paths"].values():
        for method in _METHODS:
            if method in operations:
                operations[method].setdefault("responses", {}).setdefault("default", answer)
    return result


class SchemaView(SpectacularAPIView):
    """The OpenAPI document; public, as it holds nothing of anybody."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []


class DocsView(SpectacularSwaggerSplitView):
    """The page that shows the document; its script is a file of its own, as the policy forbids inline ones."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    template_name = "api/docs.html"


urlpatterns = [
    path("schema", SchemaView.as_view(), name="api-schema"),
    path("docs", DocsView.as_view(url_name="api-schema"), name="api-docs"),
]
