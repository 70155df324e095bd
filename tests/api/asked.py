"""Requests made up from the API's description (schemathesis), sent to the application within this process."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any

import hypothesis
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from drf_spectacular.generators import SchemaGenerator
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from devices.ingest.description import TAG as INGEST

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# More with API_EXAMPLES_EACH=200: what is found then belongs into a test of its own.
EXAMPLES_EACH = int(os.environ.get("API_EXAMPLES_EACH", "8"))
# Never ends by itself; its own tests read it.
STREAMS = {"households_events"}
# Asynchronous views read on a thread of their own, which sees what was committed only.
DIRECT = {"measurement_buckets", "measurement_readings"}
# Which of the known ids a name in a body or query stands for.
MEANT = {"household": "household_id", "metering_point": "point_id", "parent": "point_id", "battery": "battery_id"}


@cache
def described() -> Any:
    """Return the description as schemathesis reads it."""
    return schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))


@cache
def application() -> Any:
    """Return the application with its middleware."""
    return WSGIHandler()


def operations() -> dict[str, Any]:
    """Return every operation that ends by itself, by its name."""
    found = (result.ok() for result in described().get_all_operations())
    return {
        one.definition.raw["operationId"]: one for one in found if one.definition.raw["operationId"] not in STREAMS
    }


def tagged(operation: Any, tags: list[str]) -> bool:
    """Whether the operation stands under one of these headings."""
    return bool(set(operation.tags or []) & set(tags))


def filled(value: Any, ids: dict[str, uuid.UUID]) -> Any:
    """Put ids of what is there into a body or query, by the names of its fields."""
    if isinstance(value, list):
        return [filled(one, ids) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: str(ids[MEANT[name]]) if name in MEANT and isinstance(inner, str) else filled(inner, ids)
        for name, inner in value.items()
    }


def path_ids(operation: Any, ids: dict[str, uuid.UUID]) -> dict[str, Any]:
    """Return the parts of the operation's path that are known."""
    names = [one["name"] for one in operation.definition.raw.get("parameters", []) if one["in"] == "path"]
    return {name: str(ids[name]) for name in names if name in ids}


def requests_of(operation: Any, ids: dict[str, uuid.UUID]) -> st.SearchStrategy[Case]:
    """Make up requests: right and wrong ones, about what is there and about nothing."""
    raw, known = operation.definition.raw, path_ids(operation, ids)
    right = operation.as_strategy(GenerationMode.POSITIVE, path_parameters=known)
    kinds = [right_requests_of(operation, ids), right]
    if known:
        kinds.append(operation.as_strategy(GenerationMode.POSITIVE))
    if "requestBody" in raw or any(one["in"] != "path" for one in raw.get("parameters", [])):
        kinds.append(operation.as_strategy(GenerationMode.NEGATIVE, path_parameters=known))
    return st.one_of(kinds)


def right_requests_of(operation: Any, ids: dict[str, uuid.UUID]) -> st.SearchStrategy[Case]:
    """Make up right requests about what is there."""
    known = operation.as_strategy(GenerationMode.POSITIVE, path_parameters=path_ids(operation, ids))
    return known.map(lambda case: about(case, ids))


def mentions(case: Case, ids: dict[str, uuid.UUID]) -> bool:
    """Whether a request is about anything of these."""
    said = repr([case.path_parameters, case.query, case.body])
    return any(str(one) in said for one in ids.values() if isinstance(one, uuid.UUID))


def about(case: Case, ids: dict[str, uuid.UUID]) -> Case:
    """Let a request be about what is there, in its body and query too."""
    if isinstance(case.body, (dict, list)):
        case.body = filled(case.body, ids)
    if case.query:
        case.query = filled(dict(case.query), ids)
    return case


def asked(case: Case, secret: str) -> Response:
    """Send a request."""
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    response: Response = case.call(app=application(), headers=headers)
    return response


def every(requests: st.SearchStrategy[Case], judge: Callable[[Case], None], *, examples: int = EXAMPLES_EACH) -> None:
    """Let a judge see some requests, the same ones each time."""

    @hypothesis.seed(20_261_121)
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=requests)
    def run(case: Case) -> None:
        judge(case)

    run()


def is_ingest(operation: Any) -> bool:
    """Whether devices ask there, with their keys."""
    return tagged(operation, INGEST)


def promised(operation: Any) -> int:
    """The status that the description promises."""
    return min(int(status) for status in operation.definition.raw["responses"])


def example_of(operation: Any, ids: dict[str, uuid.UUID]) -> Case:
    """The request that the description shows, about what is there."""
    raw = operation.definition.raw
    query = {
        one["name"]: one["example"] for one in raw.get("parameters", []) if one["in"] == "query" and "example" in one
    }
    path = {one["name"]: one["example"] for one in raw.get("parameters", []) if one["in"] == "path"}
    content = raw.get("requestBody", {}).get("content", {})
    media_type, body = next(
        ((kind, said["example"]) for kind, said in content.items() if "example" in said), (None, None)
    )
    values: dict[str, Any] = {"path_parameters": path | path_ids(operation, ids), "query": query}
    if media_type is not None:
        values |= {"body": body, "media_type": media_type}
    return about(operation.Case(**values), ids)
