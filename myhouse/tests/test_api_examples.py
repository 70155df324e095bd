"""Each call of the API stands in its description with words and an example, and the examples are true to it."""

import jsonschema
import pytest
from django.conf import settings
from django.utils.module_loading import import_string
from drf_spectacular.generators import SchemaGenerator

from myhouse.api.description import operations_of


@pytest.fixture(scope="module")
def described():
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture(scope="module")
def operations(described):
    return {f"{method.upper()} {path}": operation for path, method, operation in operations_of(described)}


def contents(operation):
    """What is sent and what comes back: media type and what is said of it."""
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            yield from response.get("content", {}).items()


def is_text(media_type):
    return media_type.endswith(("/json", "+json")) or media_type.startswith("text/")


def test_names_each_operation_once(operations):
    names = [operation["operationId"] for operation in operations.values()]

    assert len(names) == len(set(names)) > 60


def test_says_what_each_operation_and_parameter_is(operations):
    silent = [name for name, one in operations.items() if not (one.get("summary") and one.get("description"))]
    parameters = [
        (name, parameter["name"])
        for name, operation in operations.items()
        for parameter in operation.get("parameters", [])
        if not parameter.get("description")
    ]

    assert silent == []
    assert parameters == []


def test_gives_an_example_of_what_is_sent_and_what_comes_back(operations):
    missing = [
        (name, media)
        for name, operation in operations.items()
        for media, said in contents(operation)
        if is_text(media) and "example" not in said
    ]
    parameters = [
        (name, parameter["name"])
        for name, operation in operations.items()
        for parameter in operation.get("parameters", [])
        if parameter.get("required") and "example" not in parameter
    ]

    assert missing == []
    assert parameters == []


def test_the_examples_are_true_to_the_description(described, operations):
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": described["components"]}
    formats = jsonschema.Draft202012Validator.FORMAT_CHECKER
    wrong = []
    for name, operation in operations.items():
        said = [*(said for _media, said in contents(operation)), *operation.get("parameters", [])]
        for one in [one for one in said if "example" in one]:
            validator = jsonschema.Draft202012Validator({**whole, **one["schema"]}, format_checker=formats)
            wrong += [(name, error.json_path, error.message) for error in validator.iter_errors(one["example"])]

    assert wrong == []


def test_no_example_is_left_over(operations):
    named = {name for module in settings.API_EXAMPLES for name in import_string(f"{module}.EXAMPLES")}

    assert named - {operation["operationId"] for operation in operations.values()} == set()


def test_every_refusal_is_a_problem_document(described, operations):
    problems = described["components"]["responses"]
    refusals = {
        (status, response.get("$ref", ""))
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if status >= "400"
    }

    assert {"401", "403", "404", "422", "429"} <= {status for status, _ref in refusals}
    assert {ref.removeprefix("#/components/responses/") for _status, ref in refusals} <= set(problems)
    assert all(set(one["content"]) == {"application/problem+json"} for one in problems.values())
