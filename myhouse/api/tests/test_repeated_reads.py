"""Reads that repeat: named by their content, and answered with 304 to who has them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from myhouse.services.tokens import token_issue
from myhouse.tests.factories import MeteringPointFactory, home

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_home():
    owner, household = home()
    _token, secret = token_issue(user=owner, name="x", now=timezone.now())
    return Client(headers={"authorization": f"Bearer {secret}"}), household


@pytest.mark.parametrize(
    "path",
    ["", "/metering-points", "/members", "/contracts", "/batteries", "/appliances", "/measurements", "/uploads"],
)
def test_answers_304_to_who_has_it(at_home, path):
    client, household = at_home
    address = f"/api/v1/households/{household.pk}{path}"

    first = client.get(address)
    again = client.get(address, headers={"if-none-match": first.headers["ETag"]})

    assert first.status_code == 200
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in first.headers["Vary"]
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in again.headers["Vary"]


def test_answers_anew_once_something_has_changed(at_home):
    client, household = at_home
    address = f"/api/v1/households/{household.pk}/metering-points"
    first = client.get(address)
    MeteringPointFactory(household=household)

    again = client.get(address, headers={"if-none-match": first.headers["ETag"]})

    assert again.status_code == 200
    assert again.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize("known", ['"other"', "*", 'W/{}, "other"'])
def test_reads_if_none_match_as_http_means_it(at_home, known):
    client, household = at_home
    address = f"/api/v1/households/{household.pk}"
    tag = client.get(address).headers["ETag"]

    answer = client.get(address, headers={"if-none-match": known.format(tag)})

    assert answer.status_code == (200 if known == '"other"' else 304)


def test_names_no_refusal_and_nothing_secret(at_home):
    client, household = at_home
    body = {"name": "x", "scopes": ["readings:read"], "expires_at": (timezone.now() + timedelta(days=9)).isoformat()}

    refused = client.get("/api/v1/households/00000000-0000-0000-0000-000000000001")
    made = client.post(f"/api/v1/households/{household.pk}/service-tokens", body, content_type="application/json")

    assert "ETag" not in refused.headers
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert "ETag" not in made.headers


def test_keeps_a_file_private_without_reading_it_twice(at_home):
    client, household = at_home

    answer = client.get(f"/api/v1/households/{household.pk}/statistics/export.csv?unit=month")

    assert answer.streaming
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "ETag" not in answer.headers
