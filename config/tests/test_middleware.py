"""A session lasts one hour after it was last used, and is written once a minute, not at every page."""

from __future__ import annotations

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.test import Client

from config.middleware import ADMIN_POLICY
from tests.statements import statements

pytestmark = pytest.mark.django_db
START = 1_790_000_000


@pytest.fixture
def client() -> Client:
    with time_machine.travel(START, tick=False):
        signed_in = Client()
        signed_in.force_login(get_user_model().objects.create_user("anna@example.org", "x", name="Anna"))
        signed_in.get("/account/")
    return signed_in


def is_signed_in(client: Client, at: int) -> bool:
    with time_machine.travel(at, tick=False):
        return client.get("/account/").status_code == 200


def test_an_hour_without_a_request_signs_out(client: Client) -> None:
    assert is_signed_in(client, START + 3_500)
    assert is_signed_in(client, START + 3_500 + 3_500)
    assert not is_signed_in(client, START + 3_500 + 3_500 + 3_601)


def test_pages_within_a_minute_write_the_session_once(client: Client) -> None:
    with statements() as soon:
        assert is_signed_in(client, START + 59)
    with statements() as later:
        assert is_signed_in(client, START + 60)

    assert not [one for one in soon if one.writes]
    assert len([one for one in later if one.writes]) == 1


def test_a_page_carries_the_content_policy_and_the_admin_its_own(client: Client) -> None:
    assert "script-src 'self'" in client.get("/").headers["Content-Security-Policy"]
    assert client.get("/admin/").headers["Content-Security-Policy"] == ADMIN_POLICY


def test_a_visitor_without_a_session_gets_none(client: Client) -> None:
    assert "myhouse_session" not in Client().get("/").cookies
