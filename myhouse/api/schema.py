"""The description of the API: OpenAPI at /api/v1/schema, and a page to read and try it."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.urls import path
from django.utils.translation import get_language
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from myhouse.api.gate import ApiView
from myhouse.scopes import CLOSED


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # spectacular
    """Describes our bearer tokens."""

    target_class = "myhouse.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Bearer in the Authorization header."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A person's token from POST /api/v1/tokens, or a service token with the scope named here.",
        }

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        """The scope that a service token needs for this operation, if any opens it."""
        scope = auto_schema.view.scopes.get(auto_schema.method)
        return {self.name: [scope.value] if scope else []}


@cache
def schema_made(language: str) -> Any:
    """Make the document once per process and language: it costs a second and never changes."""
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call] # spectacular


class SchemaView(ApiView, SpectacularAPIView):
    """The OpenAPI document; public, as it holds nothing of anybody."""

    scopes = CLOSED
    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the document as YAML or JSON, as is asked for."""
        return Response(schema_made(get_language() or "en"))


class DocsView(SpectacularSwaggerSplitView):
    """The page that shows the document; its script is a file of its own, as the policy forbids inline ones."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    template_name = "api/docs.html"


urlpatterns = [
    path("schema", SchemaView.as_view(), name="api-schema"),
    path("docs", DocsView.as_view(url_name="api-schema"), name="api-docs"),
]
