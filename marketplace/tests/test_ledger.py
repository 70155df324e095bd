"""Writing the ledger: what is moved, held, paid, released and taken back, and what is refused."""

from dataclasses import replace

import pytest

from marketplace.models import Account, Entry, Transfer
from marketplace.models.ledger import Asset, OwnerKind, TransferKind
from marketplace.services.ledger import (
    UnableToPay,
    UnableToReverse,
    UnableToSettle,
    account_open,
    accounts_of_household,
    accounts_of_households,
    issuing_account,
    ledger_write,
    reservation_settle,
    transfer_reverse,
)
from marketplace.tests.ledgers import EURO, fresh, moved, village
from myhouse.documents.base import uuid7
from myhouse.documents.idempotency import UnableToRepeat
from myhouse.tests.factories import NOW
from tests.statements import statements

pytestmark = pytest.mark.django_db


def state(account):
    account = fresh(account)
    return account.balance, account.reserved, account.entries_count


def lines(account):
    rows = Entry.objects.filter(account=account).order_by("number")
    return [(r.number, r.balance_change, r.reserved_change, r.balance_after, r.reserved_after) for r in rows]


def reserved(place, amount, **fields):
    movement = moved(place[0].money, place[1].money, amount, kind=TransferKind.RESERVE, **fields)
    return ledger_write(movements=[movement], now=NOW)[0]


def test_moves_an_amount_and_numbers_an_entry_on_both_accounts():
    place = village()
    ledger_write(movements=[moved(place[0].money, place[1].money, 3 * EURO)], now=NOW)
    assert lines(place[0].money) == [(1, 10 * EURO, 0, 10 * EURO, 0), (2, -3 * EURO, 0, 7 * EURO, 0)]
    assert lines(place[1].money) == [(1, 10 * EURO, 0, 10 * EURO, 0), (2, 3 * EURO, 0, 13 * EURO, 0)]
    assert state(place[0].money) == (7 * EURO, 0, 2)
    assert state(place.outside) == (-20 * EURO, 0, 2)


def test_refuses_more_than_is_available_and_names_what_is_missing():
    place = village()
    reserved(place, 9 * EURO)
    with pytest.raises(UnableToPay, match=r"€1\.01") as refusal:
        ledger_write(movements=[moved(place[0].money, place[1].money, 2 * EURO + 1)], now=NOW)
    assert (refusal.value.field, refusal.value.missing) == ("amount", EURO + 1)
    assert refusal.value.account == place[0].money
    assert state(place[0].money) == (10 * EURO, 9 * EURO, 2)


def test_several_movements_are_written_all_or_none():
    place = village()
    good = moved(place[0].money, place[1].money, EURO)
    bad = moved(place[0].energy, place[1].energy, 1)
    with pytest.raises(UnableToPay, match="energy"):
        ledger_write(movements=[good, bad], now=NOW)
    assert not Transfer.objects.filter(key__in=[good.key, bad.key]).exists()
    assert state(place[0].money) == (10 * EURO, 0, 1)


def test_an_account_may_not_pass_below_zero_between_two_movements():
    place = village()
    out, back = (moved(*pair, 11 * EURO) for pair in [
        (place[0].money, place[1].money), (place[1].money, place[0].money)
    ])  # fmt: skip
    with pytest.raises(UnableToPay):
        ledger_write(movements=[out, back], now=NOW)
    with pytest.raises(UnableToPay):
        ledger_write(movements=[back, out], now=NOW)
    smaller = [replace(out, amount=10 * EURO), replace(back, amount=20 * EURO)]
    assert len(ledger_write(movements=smaller, now=NOW)) == 2
    assert lines(place[0].money)[1:] == [(2, -10 * EURO, 0, 0, 0), (3, 20 * EURO, 0, 20 * EURO, 0)]


def test_the_same_movements_again_give_the_first_transfers_and_change_nothing():
    place = village()
    movements = [moved(place[0].money, place[1].money, EURO), moved(place.outside_energy, place[0].energy, 500)]
    first = ledger_write(movements=movements, now=NOW)
    before = state(place[0].money), state(place[0].energy)
    again = ledger_write(movements=movements, now=NOW)
    assert [one.pk for one in again] == [one.pk for one in first]
    assert (state(place[0].money), state(place[0].energy)) == before


@pytest.mark.parametrize("other", [{"amount": 2 * EURO}, {"cause": "trade"}, {"kind": TransferKind.RESERVE}])
def test_refuses_a_key_of_another_transfer(other):
    place = village()
    movement = moved(place[0].money, place[1].money, EURO)
    ledger_write(movements=[movement], now=NOW)
    with pytest.raises(UnableToRepeat):
        ledger_write(movements=[replace(movement, **other)], now=NOW)


def test_refuses_a_known_key_beside_a_new_one():
    place = village()
    movement = moved(place[0].money, place[1].money, EURO)
    ledger_write(movements=[movement], now=NOW)
    with pytest.raises(UnableToRepeat):
        ledger_write(movements=[movement, moved(place[0].money, place[1].money, EURO)], now=NOW)


def test_a_reservation_holds_is_paid_in_part_and_releases_the_rest():
    place = village()
    reserve = reserved(place, 4 * EURO, cause="trade")
    assert state(place[0].money) == (10 * EURO, 4 * EURO, 2)
    assert state(place[1].money) == (10 * EURO, 0, 1)
    done = reservation_settle(reserve=reserve, post=3 * EURO, key="settle", now=NOW)
    assert [(one.kind, one.amount, one.of_id, one.cause) for one in done] == [
        ("post", 3 * EURO, reserve.pk, "trade"),
        ("release", EURO, reserve.pk, "trade"),
    ]
    assert state(place[0].money) == (7 * EURO, 0, 4)
    assert state(place[1].money) == (13 * EURO, 0, 2)


@pytest.mark.parametrize(("post", "kinds"), [(4 * EURO, ["post"]), (0, ["release"])])
def test_a_reservation_is_paid_or_released_whole(post, kinds):
    place = village()
    done = reservation_settle(reserve=reserved(place, 4 * EURO), post=post, key="settle", now=NOW)
    assert [one.kind for one in done] == kinds
    assert state(place[0].money)[:2] == (10 * EURO - post, 0)


def test_a_reservation_of_nothing_is_closed_once_as_well():
    place = village()
    reserve = reserved(place, 0)
    assert [one.kind for one in reservation_settle(reserve=reserve, post=0, key="a", now=NOW)] == ["release"]
    with pytest.raises(UnableToSettle):
        reservation_settle(reserve=reserve, post=0, key="b", now=NOW)


def test_a_reservation_is_settled_once():
    place = village()
    reserve = reserved(place, 4 * EURO)
    first = reservation_settle(reserve=reserve, post=4 * EURO, key="a", now=NOW)
    assert reservation_settle(reserve=reserve, post=4 * EURO, key="a", now=NOW) == first
    with pytest.raises(UnableToSettle):
        reservation_settle(reserve=reserve, post=4 * EURO, key="b", now=NOW)
    with pytest.raises(UnableToSettle):
        reservation_settle(reserve=reserve, post=0, key="a", now=NOW)
    assert state(place[0].money)[:2] == (6 * EURO, 0)


def test_a_reservation_is_closed_whole():
    place = village()
    reserve = reserved(place, 4 * EURO)
    part = moved(place[0].money, place[1].money, EURO, kind=TransferKind.POST, of=reserve)
    with pytest.raises(ValueError, match="closed whole"):
        ledger_write(movements=[part], now=NOW)
    with pytest.raises(ValueError, match="cannot be paid"):
        reservation_settle(reserve=reserve, post=4 * EURO + 1, key="a", now=NOW)


def test_takes_a_transfer_back_once():
    place = village()
    transfer = ledger_write(movements=[moved(place[0].money, place[1].money, EURO)], now=NOW)[0]
    back = transfer_reverse(transfer=transfer, key="back", note="A mistake", now=NOW)
    assert (back.kind, back.of_id, back.note) == ("reverse", transfer.pk, "A mistake")
    assert state(place[0].money)[0] == state(place[1].money)[0] == 10 * EURO
    assert transfer_reverse(transfer=transfer, key="back", note="Again", now=NOW) == back
    with pytest.raises(UnableToReverse):
        transfer_reverse(transfer=transfer, key="back again", note="", now=NOW)


def test_refuses_to_take_back_what_is_spent():
    place = village(homes=3)
    transfer = ledger_write(movements=[moved(place[0].money, place[1].money, EURO)], now=NOW)[0]
    ledger_write(movements=[moved(place[1].money, place[2].money, 11 * EURO)], now=NOW)
    with pytest.raises(UnableToPay) as refusal:
        transfer_reverse(transfer=transfer, key="back", note="", now=NOW)
    assert refusal.value.account == place[1].money


def test_refuses_to_take_back_a_reservation():
    with pytest.raises(UnableToReverse):
        transfer_reverse(transfer=reserved(village(), EURO), key="back", note="", now=NOW)


@pytest.mark.parametrize("amount", [-1, 10**15 + 1, 1.0, True])
def test_an_amount_is_a_whole_number_within_bounds(amount):
    place = village()
    with pytest.raises(ValueError, match="no whole amount"):
        ledger_write(movements=[moved(place[0].money, place[1].money, amount)], now=NOW)


def test_a_transfer_keeps_to_one_asset_and_one_community():
    place, elsewhere = village(), village()
    for credit in (place[0].money, place[0].energy, elsewhere[0].money):
        with pytest.raises(ValueError, match="two accounts"):
            ledger_write(movements=[moved(place[0].money, credit, 1)], now=NOW)


def test_a_trade_takes_eight_statements():
    place = village()
    movements = [moved(place[0].money, place[1].money, EURO), moved(place.outside_energy, place[0].energy, 500)]
    with statements() as found:
        ledger_write(movements=movements, now=NOW)
    # Known keys, four accounts, what they have now, two transfers, four entries.
    assert len(found) == 8, found


def test_accounts_are_opened_once_and_found_again():
    place = village(homes=1, money=0)
    again = accounts_of_household(household=place[0].household, community=place.community, now=NOW)
    assert (again.money, again.energy) == (place[0].money, place[0].energy)
    assert (again.money.currency, again.energy.currency) == ("EUR", "")


def test_the_accounts_of_two_households_take_one_query(django_assert_num_queries):
    place = village(money=0)
    households = [one.household for one in place.neighbours]
    with django_assert_num_queries(1):
        found = accounts_of_households(households=households, community=place.community, now=NOW)
    assert [found[one.pk].energy for one in households] == [one.energy for one in place.neighbours]


def test_issuing_accounts_spread_over_their_stripes():
    place = village(homes=0)
    accounts = {issuing_account(community=place.community, asset=Asset.MONEY, for_id=uuid7(), now=NOW).stripe
                for _number in range(200)}  # fmt: skip
    assert accounts == set(range(16))


def test_suppliers_and_communities_have_accounts_too():
    place = village(homes=1)
    supplier = account_open(
        community=place.community,
        owner_kind=OwnerKind.SUPPLIER,
        owner_id=place[0].user.pk,
        asset=Asset.MONEY,
        now=NOW,
    )
    pot = account_open(
        community=place.community,
        owner_kind=OwnerKind.COMMUNITY,
        owner_id=place.community.pk,
        asset=Asset.MONEY,
        now=NOW,
    )
    ledger_write(movements=[moved(place[0].money, supplier, EURO), moved(supplier, pot, EURO)], now=NOW)
    assert state(pot)[0] == EURO
    with pytest.raises(UnableToPay):
        ledger_write(movements=[moved(supplier, pot, 1)], now=NOW)
    assert Account.objects.filter(owner_id=place.community.pk).count() == 3
