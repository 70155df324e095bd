"""One table from kinds of refusals to HTTP, for pages, API views and plain views."""

import json

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from pymongo.errors import ServerSelectionTimeoutError
from rest_framework import exceptions
from rest_framework.views import APIView

from config.errors import STATUS_OF_KIND, RefusalMiddleware, not_found, problem_details, problem_of, server_error
from myhouse.errors import Busy, FieldError, Kind, NotAllowed, NotFound, TooMany, UnableTo
from myhouse.tests.factories import UserFactory
from myhouse.views import landing
from telemetry.errors import StoreBusyError, StoreUnavailableError, TelemetryError, UnableToWrite


def answered(error):
    response = problem_details(error, {"view": APIView(), "request": None})
    return response.status_code, response.data, response.headers


def test_every_kind_has_a_status():
    assert {kind.value for kind in Kind} <= set(STATUS_OF_KIND)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnableTo("no"), 422),
        (NotFound("no"), 404),
        (NotAllowed("no"), 403),
        (TooMany("no", retry_after_s=7), 429),
        (Busy("no", retry_after_s=7), 503),
        (Http404(), 404),
        (PermissionDenied(), 403),
        (exceptions.NotAuthenticated(), 401),
        (exceptions.MethodNotAllowed("PUT"), 405),
        (exceptions.ParseError(), 400),
        (exceptions.UnsupportedMediaType("text/x"), 415),
        (UnableToWrite("no", field="value"), 422),
        (StoreBusyError("no"), 503),
        (StoreUnavailableError("no"), 503),
    ],
)
def test_answers_a_refusal_with_its_status_as_problem_details(error, status):
    code, body, headers = answered(error)

    assert (code, body["status"]) == (status, status)
    assert headers["Content-Type"] == "application/problem+json"
    assert set(body) >= {"type", "title", "status", "detail"}


@pytest.mark.parametrize("error", [ValueError("bug"), TelemetryError("inside")])
def test_raises_on_what_is_a_fault_of_ours(error):
    assert problem_details(error, {"view": None, "request": None}) is None
    assert problem_of(error) is None


def test_names_the_fields_of_a_refusal():
    _code, body, _headers = answered(UnableTo("no", errors=[FieldError("a", "x"), FieldError("b", "y")]))

    assert body["errors"] == [{"field": "a", "message": "x"}, {"field": "b", "message": "y"}]


def test_names_nested_fields_of_the_framework():
    detail = {"battery": {"capacity_wh": ["too small"]}, "rows": [{}, {"t": ["bad"]}], "non_field_errors": ["all"]}

    _code, body, _headers = answered(exceptions.ValidationError(detail))

    assert body["errors"] == [
        {"field": "battery.capacity_wh", "message": "too small"},
        {"field": "rows.1.t", "message": "bad"},
        {"field": "", "message": "all"},
    ]


def test_says_when_to_come_back():
    assert answered(TooMany("no", retry_after_s=7))[2]["Retry-After"] == "7"
    assert answered(exceptions.Throttled(wait=9))[2]["Retry-After"] == "9"


def test_asks_for_a_token_where_one_is_missing():
    assert answered(exceptions.NotAuthenticated())[2]["WWW-Authenticate"].startswith("Bearer")


def test_a_plain_view_answers_the_same_problem():
    response = problem_of(UnableTo("no", field="a"))

    assert response.status_code == 422
    assert json.loads(response.content)["errors"] == [{"field": "a", "message": "no"}]


def middleware(path, error):
    request = RequestFactory().get(path)
    return RefusalMiddleware(lambda _request: HttpResponse()).process_exception(request, error)


def test_a_page_shows_a_refusal_in_words():
    response = middleware("/households/", UnableTo("Give the household a name."))

    assert response.status_code == 422
    assert b"Give the household a name." in response.content


def test_a_page_says_when_to_come_back():
    response = middleware("/sign-in/", TooMany("no", retry_after_s=7))

    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")


def test_a_page_leaves_faults_and_missing_pages_to_django():
    assert middleware("/households/", ValueError("bug")) is None
    assert middleware("/households/", NotFound("no")) is None


def test_a_program_gets_problem_details_from_the_middleware_too():
    response = middleware("/ingest/packets", Busy("no", retry_after_s=3))

    assert response.headers["Content-Type"] == "application/problem+json"


def test_an_unknown_address_of_the_api_is_a_problem_and_of_a_page_a_page():
    assert (
        not_found(RequestFactory().get("/api/v1/x"), Http404()).headers["Content-Type"] == "application/problem+json"
    )
    assert not_found(RequestFactory().get("/x"), Http404()).headers["Content-Type"].startswith("text/html")


def test_a_fault_tells_nothing_of_its_inside():
    api = server_error(RequestFactory().get("/api/v1/x"))
    page = server_error(RequestFactory().get("/x"))

    assert (api.status_code, page.status_code) == (500, 500)
    assert json.loads(api.content)["title"] == "Internal Server Error"


def lost(*_args: object, **_more: object) -> None:
    """What Django makes of a MongoDB without a primary."""
    raise DatabaseError from ServerSelectionTimeoutError("nobody leads")


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "kind"), [("/", "text/html"), ("/api/v1/me", "application/problem+json")])
def test_a_database_that_is_away_before_the_view_is_reached_is_told_as_such(client, monkeypatch, path, kind):
    client.force_login(UserFactory())
    monkeypatch.setattr(SessionStore, "load", lost)
    client.raise_request_exception = False

    answer = client.get(path)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.headers["Content-Type"].startswith(kind)
    assert "cannot be reached at the moment" in answer.content.decode()


@pytest.mark.django_db
def test_a_database_that_is_away_is_told_without_asking_it_once_more(client, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(landing, "showcase_now", lost)

    with django_assert_num_queries(0):
        answer = client.get("/")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "nicht erreichbar" in answer.content.decode()
