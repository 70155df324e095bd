"""A program that asks the API for one household; every answer is checked against the description."""

from __future__ import annotations

import json
import re
from functools import cache

import jsonschema
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from myhouse.services.tokens import token_issue
from myhouse.tests.factories import NOW


@cache
def description():
    return SchemaGenerator().get_schema(request=None, public=True)


def operation_of(method, path):
    """Find what is said of a call, by the path with its ids filled in."""
    for route, item in description()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path) and method.lower() in item:
            return item[method.lower()]
    raise AssertionError(f"{method} {path} is not described")


def check(answer, method, path):
    """Compare an answer with what is said of it."""
    said = operation_of(method, path)["responses"][str(answer.status_code)]
    if "$ref" in said:
        said = description()["components"]["responses"][said["$ref"].rpartition("/")[2]]
    kind = answer.headers["Content-Type"].partition(";")[0]
    schema = {"components": description()["components"], **said["content"][kind]["schema"]}
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(answer.json())


class Program:
    """Speaks for a trader's household."""

    def __init__(self, trader, *, secret=None, household=None):
        if secret is None:
            _token, secret = token_issue(user=trader.user, name="program", now=NOW)
        self.base = f"/api/v1/households/{(household or trader.household).pk}"
        self.client = Client(headers={"Authorization": f"Bearer {secret}"})

    def ask(self, method, path, body=None, *, key=None, **query):
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.client.generic(
            method,
            f"{self.base}/{path}",
            data=b"" if body is None else json.dumps(body),
            content_type="application/json",
            headers=headers,
            query_params=query,
        )
        check(answer, method, f"{self.base}/{path}")
        return answer

    def get(self, path, **query):
        return self.ask("GET", path, **query)

    def read(self, path, **query):
        """Return the body of an answer that must be one."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def post(self, path, body, **rest):
        return self.ask("POST", path, body, **rest)

    def wrong_field(self, answer, status=422):
        """Return the first field that a refusal names."""
        assert answer.status_code == status, answer.content
        return answer.json()["errors"][0]["field"]
