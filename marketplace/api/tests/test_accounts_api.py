"""Balances, movements, deposits and payouts by API."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import openpyxl
import pytest

from marketplace.api.tests.asking import Program
from marketplace.limits import CASH_ORDERS
from marketplace.models import CashOrder
from marketplace.services.cash import cash_confirm
from marketplace.tests.factories import EURO, traders
from myhouse.documents.services import SYSTEM
from myhouse.tests.factories import NOW

pytestmark = pytest.mark.django_db
# Token and household four, the account, the entries, and five to say what they are about.
ENTRIES_QUERIES = 11


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def market():
    return traders()


@pytest.fixture
def program(market):
    return Program(market[1])


def account(program, asset):
    return next(one for one in program.read("accounts")["accounts"] if one["asset"] == asset)


def test_the_balance_is_money_and_energy(market, program):
    market[1].buys(market[0].offers_stored(1_000, EURO // 4))

    found = program.read("accounts")

    assert (found["balance"], found["available"], found["energy_wh"], found["currency"]) == (
        "9.75",
        "9.75",
        1_000,
        "EUR",
    )
    assert account(program, "money")["balance"] == "9.75"
    assert (account(program, "energy")["balance"], account(program, "energy")["currency"]) == (1_000, None)


def test_what_is_reserved_cannot_be_spent(market, program):
    market[1].buys(market[0].offers_window(1_000, EURO))

    found = program.read("accounts")

    assert (found["balance"], found["reserved"], found["available"]) == ("10.00", "1.00", "9.00")


def test_a_household_without_trades_has_nothing(market):
    (poor,) = traders(homes=1, money_uct=0, community=market[0].community)

    found = Program(poor).read("accounts")

    assert (found["balance"], found["accounts"]) == ("0.00", [])


def test_movements_carry_the_running_balance_and_add_up_to_it(market, program):
    offer = market[0].offers_stored(2_000, EURO)
    for energy in (100, 300, 200):
        market[1].buys(offer, energy)

    found = program.read(f"accounts/{account(program, 'money')['id']}/entries")
    lines = found["results"]

    assert [line["number"] for line in lines] == [4, 3, 2, 1]
    assert (lines[0]["balance_after"], lines[0]["balance_change"], lines[0]["cause"]) == ("9.70", "-0.10", "trade")
    running = [Decimal(line["balance_after"]) - Decimal(line["balance_change"]) for line in lines]
    assert running == [*(Decimal(line["balance_after"]) for line in lines[1:]), 0]


def test_movements_of_energy_are_whole_wh(market, program):
    market[1].buys(market[0].offers_stored(1_000, EURO))

    (line,) = program.read(f"accounts/{account(program, 'energy')['id']}/entries")["results"]

    assert (line["balance_change"], line["balance_after"]) == (1_000, 1_000)


def test_movements_come_page_by_page_with_the_same_few_queries(market, program, django_assert_num_queries):
    offer = market[0].offers_stored(2_000, EURO)
    for _number in range(5):
        market[1].buys(offer, 100)
    path = f"accounts/{account(program, 'money')['id']}/entries"

    with django_assert_num_queries(ENTRIES_QUERIES):
        first = program.read(path, limit=4)
    rest = program.read(path, limit=4, cursor=first["next_cursor"])

    assert [line["number"] for line in first["results"] + rest["results"]] == [6, 5, 4, 3, 2, 1]
    assert program.wrong_field(program.get(path, limit=0)) == "limit"
    assert program.wrong_field(program.get(path, cursor="x")) == "cursor"


def test_another_s_account_does_not_exist(market, program):
    of_seller = account(Program(market[0]), "money")["id"]

    assert program.get(f"accounts/{of_seller}/entries").status_code == 404
    assert program.client.get(f"{program.base}/accounts/{of_seller}/export.csv").status_code == 404


def test_a_movement_opens_to_its_trade(market, program):
    trade = market[1].buys(market[0].offers_stored(1_000, EURO))
    money = account(program, "money")["id"]
    newest = program.read(f"accounts/{money}/entries", limit=1)["results"][0]

    found = program.read(f"accounts/{money}/entries/{newest['transfer']}")
    elsewhere = program.get(f"accounts/{account(program, 'energy')['id']}/entries/{newest['transfer']}")

    assert (found["trade"], found["cash_order"], found["balance_change"]) == (str(trade.pk), None, "-1.00")
    assert len(found["related"]) == 1
    assert elsewhere.status_code == 404


def test_movements_are_handed_out_as_files(market, program):
    market[1].buys(market[0].offers_stored(1_000, EURO))
    path = f"{program.base}/accounts/{account(program, 'money')['id']}/export"

    text = b"".join(program.client.get(f"{path}.csv").streaming_content).decode()
    book = openpyxl.load_workbook(io.BytesIO(b"".join(program.client.get(f"{path}.xlsx").streaming_content)))

    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row[6] for row in rows[1:]] == ["10", "9"]
    assert book.active.max_row >= 3
    assert program.client.get(f"{path}.pdf").status_code == 404


def test_a_deposit_is_asked_for_and_counts_once_confirmed(program):
    asked = program.post("cash-orders", {"direction": "deposit", "amount": "25.00"})
    before = program.read("accounts")["balance"]
    cash_confirm(order=CashOrder.objects.get(), actor=SYSTEM, now=NOW)

    assert (asked.status_code, asked.json()["state"], asked.json()["amount"]) == (201, "requested", "25.00")
    assert asked.json()["reference"]
    assert (before, program.read("accounts")["balance"]) == ("10.00", "35.00")
    assert program.read(f"cash-orders/{asked.json()['id']}")["state"] == "confirmed"


def test_a_payout_is_reserved_at_once_and_can_be_taken_back(program):
    asked = program.post("cash-orders", {"direction": "payout", "amount": "4", "note": "Home bank"}).json()
    reserved = program.read("accounts")["available"]
    ended = program.ask("DELETE", f"cash-orders/{asked['id']}")
    again = program.ask("DELETE", f"cash-orders/{asked['id']}")

    assert (reserved, program.read("accounts")["available"]) == ("6.00", "10.00")
    assert (ended.status_code, ended.json()["state"], again.status_code) == (200, "cancelled", 409)
    assert [one["note"] for one in program.read("cash-orders")["results"]] == ["Home bank"]


def test_the_same_key_asks_once(program):
    body = {"direction": "deposit", "amount": "5"}

    first, again = (program.post("cash-orders", body, key="one") for _try in range(2))

    assert first.json() == again.json()
    assert CashOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"amount": "0.001"}, 422, "amount"),
        ({"amount": "1.005"}, 422, "amount"),
        ({"amount": 5}, 422, "amount"),
        ({"direction": "gift"}, 422, "direction"),
        ({"currency": "USD"}, 422, "currency"),
        ({"direction": "payout", "amount": "10.01"}, 409, "amount"),
        ({"note": "x" * 201}, 422, "note"),
    ],
)
def test_a_refusal_names_its_field(program, change, status, field):
    answer = program.post("cash-orders", {"direction": "deposit", "amount": "5.00"} | change)

    assert program.wrong_field(answer, status) == field
    assert CashOrder.objects.count() == 0


def test_orders_are_counted_and_refused_with_the_time_to_wait(program, monkeypatch):
    monkeypatch.setattr("marketplace.api.accounts.CASH_ORDERS", type(CASH_ORDERS)("test", tries=1, window_s=60))
    body = {"direction": "deposit", "amount": "5"}

    assert program.post("cash-orders", body).status_code == 201
    assert program.post("cash-orders", body).headers["Retry-After"]


def test_another_s_order_does_not_exist(market, program):
    order = Program(market[0]).post("cash-orders", {"direction": "deposit", "amount": "5"}).json()["id"]

    assert program.get(f"cash-orders/{order}").status_code == 404
    assert program.ask("DELETE", f"cash-orders/{order}").status_code == 404
