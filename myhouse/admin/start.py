"""The start page of the operators: how the communities stand, each figure leading to its list."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from myhouse.admin.scope import scope_of
from myhouse.panels import overviews_of
from myhouse.selectors.second_factor import factor_on
from myhouse.views.gate import user_of


def start_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the apps hand up to the page."""
    scope = scope_of(request)
    context["overviews"] = overviews_of(scope=scope, now=scope.now)
    context["factor_missing"] = not factor_on(user=user_of(request))
    return context
