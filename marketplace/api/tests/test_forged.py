"""What no page would send: forged cursors and numbers beyond all bounds are refused, not broken on."""

from __future__ import annotations

import base64
import json

import pytest

from marketplace.api.tests.asking import Program
from marketplace.tests.factories import EURO, traders
from myhouse.tests.factories import NOW

pytestmark = pytest.mark.django_db
KEY = "01990b64-1f3a-7e58-b1c7-5d90ab3e6f21"
VALUES = [10**30, -(10**30), 1.5, None, True, "x", "2026-01-01", "9999-12-31T23:59:59", [], {"a": 1}, "\x00"]
LISTS = ["offers?sort=price", "offers?sort=newest", "own-offers?limit=5", "trades?limit=5"]


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def program():
    seller, buyer = traders()
    buyer.buys(seller.offers_stored(1_000, EURO), 100)
    return Program(buyer)


def forged(value, key=KEY):
    return base64.urlsafe_b64encode(json.dumps([value, key]).encode()).decode().rstrip("=")


@pytest.mark.parametrize("path", LISTS)
def test_a_forged_cursor_is_refused_or_leads_nowhere(program, path):
    for cursor in [forged(value) for value in VALUES] + [forged(1, 10**30), forged(1, None), "%", "AAAA", "[[" * 500]:
        place, _mark, query = path.partition("?")
        name, _is, value = query.partition("=")

        assert program.get(place, **{name: value, "cursor": cursor}).status_code in {200, 422}, cursor


def test_a_forged_cursor_of_movements_is_refused_or_leads_nowhere(program):
    account = program.read("accounts")["accounts"][0]["id"]

    for value in VALUES:
        answer = program.get(f"accounts/{account}/entries", cursor=forged(value))

        assert answer.status_code in {200, 422}, value


@pytest.mark.parametrize(
    "ask",
    [{"min_wh": 10**30}, {"max_price_per_kwh": "9" * 30}, {"limit": 10**30}, {"min_wh": "1e3"}, {"sort": "\x00"}],
)
def test_numbers_beyond_all_bounds_are_refused(program, ask):
    assert program.wrong_field(program.get("offers", **ask)) == next(iter(ask))


@pytest.mark.parametrize("body", [[], "x", 1, None, {"energy_wh": 10**30}, {"energy_wh": 1, "version": 10**30}])
def test_a_body_that_is_no_purchase_is_refused(program, body):
    (offer,) = program.read("offers")["results"]

    assert program.post(f"offers/{offer['id']}/purchases", body).status_code == 422
