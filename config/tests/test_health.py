"""Is it well: what may be away on servers is named, but sends nobody elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from config.cluster.child import free_port

pytestmark = pytest.mark.django_db(transaction=True)


def asked(path: str):
    return async_to_sync(AsyncClient().get)(path)


def test_is_ready_when_everything_can_be_reached():
    assert asked("/healthz").json() == {"status": "ok"}
    assert (asked("/readyz").status_code, asked("/readyz").json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("database_url", "status", "word"),
    [("sqlite:////nowhere", 503, "unavailable"), ("mongodb://nowhere/x", 200, "degraded")],
)
def test_a_broker_that_is_away_is_named(settings, database_url, status, word):
    plain = replace(settings.ENVIRONMENT, telemetry_url="sqlite:////nowhere")
    settings.ENVIRONMENT = replace(plain, database_url=database_url)
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    answer = asked("/readyz")
    assert answer.status_code == status
    assert answer.json()["status"] == word
    assert answer.json()["failing"] == ["broker"]
