"""What the description of the API gains after it was made: refusals, examples, words for every parameter.

An example stands beside the API it belongs to, under the name of its operation: `EXAMPLES` of the modules that
the setting API_EXAMPLES names; `PARAMETERS` there say what a path's parts are. A test checks all of them against
the description itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from django.conf import settings

Document = dict[str, Any]
METHODS = ("get", "put", "post", "patch", "delete")
PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Example:
    """One call as it may look: what is sent and what comes back; None where there is nothing."""

    answer: Any = None
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Parameter:
    """What one part of a path is, with an example."""

    description: str
    example: Any


PROBLEM: Document = {
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

# Name, status, title, what it means, an example's detail and wrong field.
_REFUSALS: dict[str, tuple[int, str, str, str, str]] = {
    "Malformed": (400, "Bad Request", "The body cannot be read.", "JSON parse error", ""),
    "Unauthenticated": (
        401,
        "Unauthorized",
        "The token is missing, wrong, revoked or expired.",
        "The token is wrong, revoked or expired. Get a new one at /api/v1/tokens.",
        "",
    ),
    "Forbidden": (
        403,
        "Forbidden",
        "Your role, or the scopes of a service token, do not allow it.",
        "This service token lacks the scope “household:write”.",
        "",
    ),
    "NotFound": (
        404,
        "Not Found",
        "There is no such thing, or it is not yours.",
        "There is no such household, or it is not yours.",
        "",
    ),
    "NotAcceptable": (406, "Not Acceptable", "There is no answer of the wanted media type.", "Ask for JSON.", ""),
    "Conflict": (
        409,
        "Conflict",
        "Something stands against it, such as a change made meanwhile.",
        "The same request is running. Try again shortly.",
        "",
    ),
    "TooLarge": (413, "Request Entity Too Large", "The body is too large.", "The body is too large.", ""),
    "UnsupportedMedia": (415, "Unsupported Media Type", "The body's media type is not taken.", "Send JSON.", ""),
    "Invalid": (
        422,
        "Unprocessable Entity",
        "Some fields cannot be accepted; `errors` names each.",
        "Some fields cannot be accepted.",
        "name",
    ),
    "TooMany": (
        429,
        "Too Many Requests",
        "Too many requests: go on after `Retry-After` seconds.",
        "At most 120 such requests are taken in a minute. Go on in 21 s.",
        "",
    ),
    "Unavailable": (
        503,
        "Service Unavailable",
        "Something needed is away for a moment; send the same again after `Retry-After` seconds.",
        "This cannot be checked for a moment. Try again in half a minute.",
        "",
    ),
}

_DONE = {"201": "Made.", "202": "Begun; follow it at its own address.", "204": "Done; there is nothing to say."}
_ETAG: Document = {"description": "Names this very content.", "schema": {"type": "string"}}


def problems_add(result: Document, generator: Any, request: Any, public: bool) -> Document:  # noqa: FBT001 the hook's signature
    """Say at each operation which refusals it knows; all are problem documents."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["responses"] = {name: _refusal(name) for name in _REFUSALS}
    for path, method, operation in operations_of(result):
        responses = operation.setdefault("responses", {})
        for name in _refusals_of(path, method, operation):
            responses.setdefault(str(_REFUSALS[name][0]), {"$ref": f"#/components/responses/{name}"})
        for status, response in responses.items():
            if "$ref" not in response:
                response["description"] = response.get("description") or _DONE.get(status, "As asked for.")
        if method == "get" and any(name.endswith("json") for name in responses["200"].get("content", {})):
            responses["200"].setdefault("headers", {})["ETag"] = _ETAG
            responses["304"] = {"description": "What `If-None-Match` names is still so.", "headers": {"ETag": _ETAG}}
        operation["responses"] = dict(sorted(responses.items()))
    return result


def examples_add(result: Document, generator: Any, request: Any, public: bool) -> Document:  # noqa: FBT001 the hook's signature
    """Put its example to each operation, and words to each part of its path."""
    examples: dict[str, Example] = {}
    parameters: dict[str, Parameter] = {}
    for name in settings.API_EXAMPLES:
        module = import_module(name)
        examples.update(module.EXAMPLES)
        parameters.update(module.PARAMETERS)
    for _path, _method, operation in operations_of(result):
        example = examples.get(operation["operationId"], Example())
        for parameter in operation.get("parameters", []):
            _parameter_say(parameter, parameters.get(parameter["name"]), example)
        contents = [(operation.get("requestBody", {}).get("content", {}), example.body)]
        contents += [
            (response.get("content", {}), example.answer)
            for status, response in operation["responses"].items()
            if status.startswith("2")
        ]
        for content, value in contents:
            _example_put(content, value)
    return result


def operations_of(result: Document) -> Iterator[tuple[str, str, Document]]:
    """Walk all operations: path, method and what is said of it."""
    for path, item in result["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _refusals_of(path: str, method: str, operation: Document) -> Iterator[str]:
    yield from ("TooMany", "Unavailable")
    schemes = {name for one in operation.get("security", []) for name in one}
    # Signing in needs no token, and may fail all the same.
    if schemes or "requestBody" in operation:
        yield "Unauthenticated"
    if "token" in schemes:
        yield "Forbidden"
    # What is not there may be named in a body or query too.
    if "{" in path or "requestBody" in operation or operation.get("parameters"):
        yield "NotFound"
    asks = any(one["in"] != "path" for one in operation.get("parameters", []))
    if method == "get":
        yield "NotAcceptable"
    # What is asked for may not go together with what is there, also where nothing is changed.
    if method != "get" or asks:
        yield "Conflict"
    if "requestBody" in operation:
        yield from ("Malformed", "TooLarge", "UnsupportedMedia", "Invalid")
    elif method != "get" or asks:
        yield "Invalid"


def _refusal(name: str) -> Document:
    status, title, description, detail, wrong = _REFUSALS[name]
    example: Document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if wrong:
        example["errors"] = [{"field": wrong, "message": "This field is required."}]
    answer: Document = {
        "description": description,
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }
    if status in {429, 503}:
        wait = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
        answer["headers"] = {"Retry-After": wait}
    return answer


def _parameter_say(parameter: Document, known: Parameter | None, example: Example) -> None:
    if parameter["in"] == "path" and known is not None:
        parameter.setdefault("description", known.description)
        parameter.setdefault("example", known.example)
    elif parameter["name"] in example.query:
        parameter["example"] = example.query[parameter["name"]]


def _example_put(content: Document, value: Any) -> None:
    """An object for JSON, a text for all else; each media type takes what fits it."""
    for media_type, media in content.items():
        is_json = media_type.endswith(("/json", "+json"))
        if value is not None and (is_json or media_type.startswith("text/")) and is_json != isinstance(value, str):
            media["example"] = value
