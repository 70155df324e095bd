"""What members and operators read of the accounts."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from python_calamine import CalamineWorkbook

from marketplace.models import CashOrder
from marketplace.models.ledger import Asset, OwnerKind, TransferKind
from marketplace.selectors.accounts import (
    account_for,
    account_lines,
    accounts_of_community,
    balance_of,
    cash_order_for,
    cash_orders_of,
    cash_orders_open,
    movement_for,
    movements_page,
    movements_table,
    proof_latest,
)
from marketplace.services.cash import cash_confirm, deposit_request, payout_request
from marketplace.services.ledger import account_open, ledger_write, reservation_settle, transfer_reverse
from marketplace.tests.ledgers import EURO, moved, village
from myhouse.documents.base import uuid7
from myhouse.documents.services import SYSTEM
from myhouse.errors import NotFound
from myhouse.exports import table_csv, table_xlsx
from myhouse.tests.factories import NOW, home

pytestmark = pytest.mark.django_db


def traded(place, amount=EURO, **fields):
    movement = moved(place[0].money, place[1].money, amount, cause="trade", cause_id=uuid7(), **fields)
    return ledger_write(movements=[movement], now=NOW)[0]


def test_a_balance_says_what_can_be_spent():
    place = village()
    traded(place, 3 * EURO)
    traded(place, 2 * EURO, kind=TransferKind.RESERVE)
    ledger_write(movements=[moved(place.outside_energy, place[0].energy, 700)], now=NOW)
    balance = balance_of(household=place[0].household, now=NOW)
    assert (balance.balance_uct, balance.reserved_uct, balance.available_uct) == (7 * EURO, 2 * EURO, 5 * EURO)
    assert (balance.energy_wh, balance.currency, balance.community) == (700, "EUR", place.community)
    assert (balance.money, balance.energy) == (place[0].money, place[0].energy)
    assert balance.accounts == [place[0].energy, place[0].money]


def test_a_household_without_a_community_has_an_empty_balance():
    _user, household = home()
    balance = balance_of(household=household, now=NOW)
    assert (balance.community, balance.available_uct, balance.accounts) == (None, 0, [])


def test_movements_read_as_what_they_were():
    place = village()
    reserve = traded(place, 2 * EURO, kind=TransferKind.RESERVE)
    reservation_settle(reserve=reserve, post=EURO, key="settle", now=NOW)
    sale = traded(place)
    transfer_reverse(transfer=sale, key="back", note="Meter was broken", now=NOW)
    lines = movements_page(account=place[0].money).items
    assert [line.title for line in lines] == [
        "Purchase taken back",
        "Energy bought",
        "Rest of a reservation released",
        "Purchase paid from the reservation",
        "Reserved for a purchase",
        "Opening balance",
    ]
    assert [line.title for line in movements_page(account=place[1].money).items][:3] == [
        "Sale taken back",
        "Energy sold",
        "Energy sold",
    ]
    assert lines[0].note == "Meter was broken"
    assert lines[0].counterpart.startswith("Neighbour ")
    assert lines[-1].counterpart == place.community.name


def test_the_running_balance_is_the_sum_at_every_row():
    place = village()
    for amount in (EURO, 3 * EURO, 2 * EURO):
        traded(place, amount)
    lines = movements_page(account=place[0].money).items[::-1]
    sums = [sum(line.balance_change for line in lines[: end + 1]) for end in range(len(lines))]
    assert [line.balance_after for line in lines] == sums


def test_a_page_of_movements_costs_the_same_however_long_it_is(django_assert_num_queries):
    place = village(homes=6)
    for other in place.neighbours[1:]:
        ledger_write(movements=[moved(place[0].money, other.money, 5, cause="trade")], now=NOW)
    with django_assert_num_queries(6):
        first = movements_page(account=place[0].money, limit=2)
    with django_assert_num_queries(6):
        rest = movements_page(account=place[0].money, limit=200, cursor=first.next_cursor)
    assert [line.number for line in first.items + rest.items] == [6, 5, 4, 3, 2, 1]
    assert rest.next_cursor is None


def test_movements_keep_to_the_period_of_the_reader():
    place = village()
    later = NOW + timedelta(days=1)
    ledger_write(movements=[moved(place[0].money, place[1].money, EURO)], now=later)
    account = place[0].money
    assert [line.number for line in movements_page(account=account, since=later).items] == [2]
    assert [line.number for line in movements_page(account=account, until=later).items] == [1]


def test_a_movement_opens_to_what_caused_it():
    place = village()
    order = payout_request(household=place[0].household, amount_uct=EURO, note="Bank", actor=SYSTEM, now=NOW)
    cash_confirm(order=order, actor=SYSTEM, now=NOW)
    newest = movements_page(account=place[0].money).items[0]
    detail = movement_for(household=place[0].household, transfer_id=newest.transfer_id)
    assert (detail.line, detail.order.pk, detail.trade) == (newest, order.pk, None)
    assert [line.title for line in detail.related] == ["Payout asked for"]


def test_a_stranger_finds_neither_account_nor_movement_nor_order():
    place = village(homes=3)
    transfer = traded(place)
    order = deposit_request(household=place[0].household, amount_uct=EURO, actor=SYSTEM, now=NOW)
    stranger = place[2].household
    with pytest.raises(NotFound):
        movement_for(household=stranger, transfer_id=transfer.pk)
    with pytest.raises(NotFound):
        account_for(household=stranger, account_id=place[0].money.pk)
    with pytest.raises(NotFound):
        cash_order_for(household=stranger, order_id=order.pk)
    assert account_for(household=place[0].household, account_id=place[0].money.pk) == place[0].money
    assert cash_order_for(household=place[0].household, order_id=order.pk) == order


def test_what_a_seller_is_promised_is_no_movement_of_his_yet():
    place = village()
    reserve = traded(place, kind=TransferKind.RESERVE)
    with pytest.raises(NotFound):
        movement_for(household=place[1].household, transfer_id=reserve.pk)


def test_exports_every_movement_exactly_and_in_order():
    place = village()
    traded(place, 123_456_789)
    table = movements_table(account=place[0].money, zone="Europe/Berlin")
    rows = list(csv.reader(io.StringIO(b"".join(table_csv(table)).decode("utf-8-sig"))))
    assert rows[0][:5] == ["Number", "Time (Europe/Berlin)", "What", "With", "Change (EUR)"]
    assert [row[0] for row in rows[1:]] == ["1", "2"]
    assert rows[2][4] == "-1.23456789"
    assert Decimal(rows[2][6]) == Decimal("8.76543211")
    book = io.BytesIO()
    table_xlsx(movements_table(account=place[0].money, zone="UTC"), book)
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(book.getvalue())).get_sheet_by_index(0).to_python()
    assert [row[4] for row in sheet[1:]] == [10, -1.23456789]


def test_a_new_occupant_sees_what_waits_and_none_of_what_was_decided_before_him():
    place = village()
    household, later = place[0].household, NOW + timedelta(days=1)
    decided = deposit_request(household=household, amount_uct=EURO, actor=SYSTEM, now=NOW)
    cash_confirm(order=decided, actor=SYSTEM, now=NOW)
    waits = deposit_request(household=household, amount_uct=EURO, actor=SYSTEM, now=NOW)
    assert cash_orders_of(household=household, since=later) == [waits]
    assert cash_order_for(household=household, order_id=waits.pk, since=later) == waits
    with pytest.raises(NotFound):
        cash_order_for(household=household, order_id=decided.pk, since=later)


def test_operators_see_what_waits_the_oldest_first():
    place, elsewhere = village(), village()
    orders = [
        deposit_request(household=one.household, amount_uct=EURO, actor=SYSTEM, now=NOW + timedelta(minutes=minute))
        for minute, one in enumerate([place[1], place[0], elsewhere[0]])
    ]
    assert cash_orders_open(community_ids=None) == orders
    assert cash_orders_open(community_ids=[place.community.pk]) == orders[:2]
    cash_confirm(order=orders[0], actor=SYSTEM, now=NOW)
    assert cash_orders_open(community_ids=[place.community.pk]) == [orders[1]]
    assert cash_orders_of(household=place[1].household)[0].state == "confirmed"
    assert CashOrder.objects.count() == 3


def test_operators_see_the_accounts_of_a_community_with_their_owners(django_assert_num_queries):
    place = village()
    supplier = account_open(
        community=place.community,
        owner_kind=OwnerKind.SUPPLIER,
        owner_id=place[0].user.pk,
        asset=Asset.MONEY,
        now=NOW + timedelta(days=1),
    )
    found = accounts_of_community(community=place.community)
    assert found.items[0] == supplier
    assert len(found.items) == 7
    with django_assert_num_queries(2):
        lines = account_lines(accounts=found.items)
    owners = {line.owner for line in lines}
    assert owners == {place[0].user.name, place[0].household.name, place[1].household.name, "Issuing"}


def test_there_is_no_proof_before_the_first_one():
    assert proof_latest() is None
