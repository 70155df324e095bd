"""How many requests the API takes of one token, and what it says to more."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from myhouse import limits
from myhouse.api import hot
from myhouse.services.metering import measurement_start
from myhouse.services.tokens import token_issue
from myhouse.tests.factories import PASSWORD, MeteringPointFactory, UserFactory, home

pytestmark = pytest.mark.django_db
RATES = {"read": 3, "write": 2, "anonymous": 2}


@pytest.fixture(autouse=True)
def few(settings):
    settings.API_RATES = RATES
    hot.forget()


@pytest.fixture(autouse=True)
def _within_one_minute(time_machine):
    time_machine.move_to(timezone.now().replace(second=20), tick=False)


def client_of(user):
    _token, secret = token_issue(user=user, name="x", now=timezone.now())
    return Client(headers={"authorization": f"Bearer {secret}"})


def test_says_how_many_requests_are_left():
    client = client_of(UserFactory())

    answers = [client.get("/api/v1/me") for _ in range(2)]

    assert [one.headers["RateLimit"] for one in answers] == ['"read";r=2;t=40', '"read";r=1;t=40']
    assert answers[0].headers["RateLimit-Policy"] == '"read";q=3;w=60'


def test_refuses_more_with_the_time_to_wait():
    client = client_of(UserFactory())

    statuses = [client.get("/api/v1/me").status_code for _ in range(3)]
    refused = client.get("/api/v1/me")

    assert statuses == [200, 200, 200]
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "40"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["detail"].startswith("At most 3")


def test_takes_requests_again_in_the_next_minute(time_machine):
    client = client_of(UserFactory())
    for _ in range(4):
        client.get("/api/v1/me")

    time_machine.shift(timedelta(seconds=40))

    assert client.get("/api/v1/me").status_code == 200


def test_counts_reading_and_writing_apart_and_each_token_for_itself():
    user = UserFactory()
    first, second = client_of(user), client_of(user)
    body = {"data": {"theme": "dark"}, "content_type": "application/json"}

    writes = [first.patch("/api/v1/me", **body).status_code for _ in range(3)]

    assert writes == [200, 200, 429]
    assert first.get("/api/v1/me").status_code == 200
    assert second.patch("/api/v1/me", **body).status_code == 200


def test_counts_what_is_refused_too():
    client = client_of(UserFactory())
    nowhere = "/api/v1/households/00000000-0000-0000-0000-000000000001"

    assert [client.get(nowhere).status_code for _ in range(4)] == [404, 404, 404, 429]


def test_counts_a_browser_by_its_user(client):
    client.force_login(UserFactory())

    assert [client.get("/api/v1/me").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_counts_asking_for_tokens_by_the_address():
    user = UserFactory()
    body = {"data": {"email": user.email, "password": PASSWORD}, "content_type": "application/json"}

    statuses = [Client().post("/api/v1/tokens", **body).status_code for _ in range(3)]
    elsewhere = Client(REMOTE_ADDR="192.0.2.7").post("/api/v1/tokens", **body)

    assert statuses == [201, 201, 429]
    assert elsewhere.status_code == 201


def test_counts_wrong_tokens_by_the_address():
    client = Client(headers={"authorization": "Bearer wrong"})

    statuses = [client.get("/api/v1/me").status_code for _ in range(61)]

    assert statuses == [401] * 60 + [429]
    assert client_of(UserFactory()).get("/api/v1/me").status_code == 200


@pytest.fixture
def away(settings):
    """Redis cannot be reached."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    limits._alone.clear()
    yield
    limits._alone.clear()


def test_counts_alone_while_redis_is_away(away, settings):
    settings.API_RATES = {**settings.API_RATES, "read": 3}
    user = UserFactory()
    client = client_of(user)

    reads = [client.get("/api/v1/me") for _ in range(4)]
    written = client.patch("/api/v1/me", {"theme": "dark"}, content_type="application/json")

    user.refresh_from_db()
    assert [one.status_code for one in reads] == [200, 200, 200, 429]
    assert (written.status_code, user.theme) == (200, "dark")


def test_gives_no_token_while_redis_is_away(away):
    asked = {"email": UserFactory().email, "password": "correct horse"}

    answer = Client().post("/api/v1/tokens", asked, content_type="application/json")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


@pytest.mark.django_db(transaction=True)
def test_bounds_the_fast_reads_too():
    owner, household = home()
    now = timezone.now()
    measurement = measurement_start(
        metering_point=MeteringPointFactory(household=household), quantity="power", starts_at=now - timedelta(days=2)
    )
    client = client_of(owner)
    address = f"/api/v1/measurements/{measurement.pk}/readings?start=2026-01-01&end=2026-01-02"

    answers = [client.get(address) for _ in range(4)]

    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "40"
