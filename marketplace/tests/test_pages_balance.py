"""Trades, balance and community on the pages: every movement opens to its cause, and files hold all of them."""

import re
from datetime import timedelta

import pytest

from marketplace.models import CashOrder, Entry, Trade
from marketplace.models.ledger import CashState
from marketplace.panels import household_panel
from marketplace.services.cash import cash_confirm, cash_refuse, deposit_request
from marketplace.services.claims import claims_use
from marketplace.tests.factories import EURO, traders
from marketplace.tests.pages import at, body, plain, signed_in
from myhouse.documents.services import SYSTEM
from myhouse.models import Household, Membership
from myhouse.models.households import Role
from myhouse.tests.factories import NOW, CommunityRoleFactory, MembershipFactory, UserFactory, home

pytestmark = pytest.mark.django_db
CENT = 1_000_000
LATER = NOW + timedelta(hours=3)


@pytest.fixture
def traded(time_machine):
    """A buyer who used a part of what he bought, his seller, and the trade."""
    time_machine.move_to(LATER, tick=False)
    seller, buyer = traders(money_uct=EURO)
    trade = buyer.buys(seller.offers_stored(1_000, 20 * CENT), 600)
    buyer.measure(start=NOW, imports=[100] * 4, exports=[0] * 4)
    seller.measure(start=NOW, imports=[0] * 4, exports=[200] * 4)
    claims_use(now=NOW + timedelta(hours=2))
    return seller, buyer, trade


def part(client, url, target):
    return body(client.get(url, headers={"HX-Request": "true", "HX-Target": target}))


def test_trades_are_listed_by_side(traded):
    seller, buyer, _trade = traded
    client = signed_in(buyer)

    assert "bought from" in body(client.get(at(buyer, "market/trades/")))
    assert "No trades yet" in body(client.get(at(buyer, "market/trades/?side=sold")))
    assert "sold to" in body(signed_in(seller).get(at(seller, "market/trades/?side=sold")))


def test_a_trade_shows_the_quarter_hours_it_was_used_in_and_what_was_saved(traded):
    _seller, buyer, trade = traded

    page = body(signed_in(buyer).get(at(buyer, f"market/trades/{trade.pk}/")))

    assert page.count("100 Wh") == 4
    assert "€0.02" in page
    assert "€0.03" in page
    assert "Transfers on your accounts" in page
    assert page.count(at(buyer, "balance/")) >= 2


def test_a_window_not_over_yet_is_provisional_on_both_sides(time_machine):
    time_machine.move_to(NOW, tick=False)
    seller, buyer = traders(money_uct=EURO)
    trade = buyer.buys(seller.offers_window(), 500)

    for one, words in ((buyer, "The money is reserved."), (seller, "The buyer's money is reserved for you.")):
        page = body(signed_in(one).get(at(one, f"market/trades/{trade.pk}/")))
        assert "provisional" in page
        assert words in page


def test_a_new_occupant_does_not_see_trades_and_movements_of_the_former_one(traded):
    _seller, buyer, trade = traded
    transfer = Entry.objects.filter(account=buyer.money()).latest("number").transfer_id
    Membership.objects.filter(household=buyer.household).update(starts_at=NOW + timedelta(hours=1))
    client = signed_in(buyer)

    assert client.get(at(buyer, f"market/trades/{trade.pk}/")).status_code == 404
    assert client.get(at(buyer, f"balance/{transfer}/")).status_code == 404
    assert "No trades yet" in body(client.get(at(buyer, "market/trades/")))
    assert "No movements yet" in body(client.get(at(buyer, "balance/")))


def test_the_balance_shows_each_movement_with_what_was_there_afterwards(traded):
    _seller, buyer, _trade = traded

    page = body(signed_in(buyer).get(at(buyer, "balance/")))

    assert 'data-available="88000000"' in page
    assert "−€0.12" in page
    assert "€0.88" in page
    assert "+€1.00" in page


def test_every_movement_opens_to_what_caused_it(traded):
    _seller, buyer, trade = traded
    client = signed_in(buyer)
    order = deposit_request(household=buyer.household, amount_uct=5 * EURO, actor=SYSTEM, now=NOW)
    cash_confirm(order=order, actor=SYSTEM, now=NOW)

    told = {}
    for account in ("money", "energy"):
        page = body(client.get(at(buyer, f"balance/?account={account}")))
        for link in re.findall(r'<th scope="row"><a href="([^"]+)">([^<]+)<', page):
            told[link[1]] = body(client.get(link[0]))

    assert at(buyer, f"market/trades/{trade.pk}/") in told["Energy bought"]
    assert order.reference in told["Deposit"]
    assert "the oldest first" in told["Used at home"]
    assert "0.12" in told["Energy bought"]


@pytest.mark.parametrize("asset", ["money", "energy"])
def test_all_movements_are_handed_out_as_csv_and_excel(traded, asset):
    _seller, buyer, _trade = traded
    client = signed_in(buyer)

    csv = client.get(at(buyer, f"balance/export/csv/?account={asset}"))
    xlsx = client.get(at(buyer, f"balance/export/xlsx/?account={asset}"))

    account = buyer.money() if asset == "money" else buyer.energy()
    assert b"".join(csv.streaming_content).decode("utf-8-sig").count("\r\n") == account.entries_count + 1
    assert b"".join(xlsx.streaming_content)[:2] == b"PK"
    assert client.get(at(buyer, "balance/export/pdf/")).status_code == 404


def test_a_deposit_is_announced_once_with_a_reference_and_can_be_cancelled(traded):
    _seller, buyer, _trade = traded
    client = signed_in(buyer)

    for _time in range(2):
        client.post(at(buyer, "balance/deposit/"), {"amount": "12,50", "once": "k1"})
    order = CashOrder.objects.get()
    page = body(client.get(at(buyer, "balance/")))
    assert order.amount_uct == 12_50 * CENT
    assert order.reference in page

    client.post(at(buyer, f"balance/orders/{order.pk}/cancel/"), {"once": "k2"})
    order.refresh_from_db()
    assert order.state == CashState.CANCELLED
    again = client.post(at(buyer, f"balance/orders/{order.pk}/cancel/"), {"once": "k3"}, follow=True)
    assert "decided before" in body(again)


def test_a_payout_reserves_and_one_beyond_the_balance_is_refused_with_what_was_typed(traded):
    _seller, buyer, _trade = traded
    client = signed_in(buyer)

    client.post(at(buyer, "balance/payout/"), {"amount": "0.50", "note": "My bank", "once": "k1"})
    refused = client.post(at(buyer, "balance/payout/"), {"amount": "9", "note": "My bank", "once": "k2"})

    assert buyer.money().reserved == 50 * CENT
    assert refused.status_code == 422
    assert 'value="9"' in body(refused)
    assert '<details class="more" open>' in body(refused)


def test_an_amount_of_money_that_is_none_is_marked(traded):
    _seller, buyer, _trade = traded

    answer = signed_in(buyer).post(at(buyer, "balance/deposit/"), {"amount": "a lot", "once": "k1"})

    assert answer.status_code == 422
    assert 'value="a lot"' in body(answer)
    assert not CashOrder.objects.exists()


def test_what_an_operator_decided_is_kept_with_the_reason(traded):
    _seller, buyer, _trade = traded
    order = deposit_request(household=buyer.household, amount_uct=EURO, actor=SYSTEM, now=NOW)
    cash_refuse(order=order, reason="Nothing arrived", actor=SYSTEM, now=NOW)

    assert "Nothing arrived" in body(signed_in(buyer).get(at(buyer, "balance/")))


def test_a_suspended_household_moves_no_money(traded):
    _seller, buyer, _trade = traded
    Household.objects.filter(pk=buyer.household.pk).update(suspended_at=NOW, suspended_reason="Unpaid bills")
    client = signed_in(buyer)

    assert "Pay in" not in body(client.get(at(buyer, "balance/")))
    assert client.post(at(buyer, "balance/deposit/"), {"amount": "1", "once": "k1"}).status_code == 409


@pytest.mark.parametrize(
    ("rest", "target"),
    [("balance/", "balance"), ("balance/", "have"), ("market/trades/", "trades"), ("market/offers/", "own-offers")],
)
def test_parts_of_a_page_are_read_again_without_the_frame(traded, rest, target):
    _seller, buyer, _trade = traded

    found = part(signed_in(buyer), at(buyer, rest), target)

    assert f'id="{target}"' in found
    assert "<html" not in found


def test_a_trade_is_read_again_without_the_frame(traded):
    _seller, buyer, trade = traded

    assert 'id="trade"' in part(signed_in(buyer), at(buyer, f"market/trades/{trade.pk}/"), "trade")


def test_the_community_page_shows_what_was_saved_by_day_and_month(traded):
    _seller, buyer, _trade = traded
    client, url = signed_in(buyer), f"/community/{buyer.community.pk}/"

    month = body(client.get(url))
    year = body(client.get(url, {"unit": "year"}))

    assert "400 Wh" in month
    assert "€0.05" in month
    assert "bar--community" in month
    assert "unit=month&amp;day=2026-06-01" in year
    assert "No traded energy has met a meter" in body(client.get(url, {"day": "2026-02-01"}))
    assert client.get(url, {"day": "never"}).status_code == 404


def test_the_community_page_is_for_its_members_and_managers(traded, client):
    _seller, buyer, _trade = traded
    url = f"/community/{buyer.community.pk}/"
    manager = CommunityRoleFactory(community=buyer.community).user
    supplier = MembershipFactory(household=buyer.household, role=Role.SUPPLIER).user

    answers = {}
    for name, user in (
        ("manager", manager),
        ("supplier", supplier),
        ("stranger", UserFactory()),
        ("other", home()[0]),
    ):
        client.force_login(user)
        answers[name] = client.get(url).status_code

    assert answers == {"manager": 200, "supplier": 404, "stranger": 404, "other": 404}


def test_the_market_part_of_the_community_page_is_read_again(traded):
    _seller, buyer, _trade = traded

    found = part(signed_in(buyer), f"/community/{buyer.community.pk}/", "community-now")

    assert "Open offers" in found
    assert "<html" not in found


def test_the_households_page_shows_balance_claims_offers_and_the_best_offer(traded):
    _seller, buyer, _trade = traded
    buyer.offers_stored(300, 9 * CENT)

    panel = household_panel(household=buyer.household, community=buyer.community, now=NOW)
    page = body(signed_in(buyer).get(f"/households/{buyer.household.pk}/"))

    assert panel.context["best_uct_kwh"] == 20 * CENT
    assert panel.context["others_wh"] == 400
    assert panel.context["open_wh"] == 300
    assert "Best offer now" in page
    assert "€0.88" in page


def test_a_household_of_no_community_has_no_market_panel():
    assert household_panel(household=home()[1], community=None, now=NOW) is None


@pytest.mark.parametrize(
    "rest", ["balance/", "balance/?account=energy", "market/trades/", "market/trades/{trade}/", "balance/{transfer}/"]
)
def test_no_page_asks_more_than_fifteen_queries(traded, rest, django_assert_max_num_queries):
    _seller, buyer, trade = traded
    transfer = Entry.objects.filter(account=buyer.money()).latest("number").transfer_id
    client, url = signed_in(buyer), at(buyer, rest.format(trade=trade.pk, transfer=transfer))
    client.get(url)

    with django_assert_max_num_queries(15):
        assert client.get(url).status_code == 200


def test_the_pages_of_community_and_notices_ask_few_queries(traded, django_assert_max_num_queries):
    _seller, buyer, _trade = traded
    client = signed_in(buyer)
    client.get("/notices/")

    for url in (f"/community/{buyer.community.pk}/", "/notices/"):
        with django_assert_max_num_queries(15):
            assert client.get(url).status_code == 200


def test_a_sale_is_counted_in_the_frame_until_it_is_read(traded):
    seller, _buyer, _trade = traded
    client = signed_in(seller)

    assert "1 unread notice" in body(client.get("/account/"))
    assert plain(Trade.objects.get().get_state_display()) == "Done"
    assert 'id="bell"' in part(client, "/notices/", "bell")
    client.post("/notices/read/")
    assert "unread notice" not in body(client.get("/notices/"))


def test_the_households_page_asks_no_more_than_fifteen_queries(traded, django_assert_max_num_queries):
    _seller, buyer, _trade = traded
    client, url = signed_in(buyer), f"/households/{buyer.household.pk}/"
    client.get(url)

    with django_assert_max_num_queries(15):
        assert client.get(url).status_code == 200
