"""Buying on the pages, as a browser without JavaScript does it, and the parts that are read again."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest

from marketplace.limits import PURCHASES
from marketplace.models import Trade
from marketplace.services.offers import offer_change
from marketplace.tests.factories import EURO, traders
from marketplace.tests.pages import at, body, key_of, signed_in
from myhouse.documents.idempotency import UnableToRunTwice
from myhouse.models import Household
from myhouse.models.households import Role
from myhouse.tests.factories import NOW, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db
CENT = 1_000_000


@pytest.fixture(autouse=True)
def _at_noon(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def pair():
    return traders(money_uct=EURO)


def buying(client, url, **changes):
    """Send the form of an offer as it stands on its page, with these changes."""
    page = client.get(url).content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w*)"', page))
    fields |= {"energy": re.search(r'name="energy" value="([^"]*)"', page).group(1)}
    fields.pop("csrfmiddlewaretoken", None)
    return client.post(url, fields | changes)


def test_the_book_shows_the_price_in_total_and_per_kwh_beside_the_suppliers(pair):
    seller, buyer = pair
    seller.offers_stored(2_000, 40 * CENT)

    page = body(signed_in(buyer).get(at(buyer)))

    assert "20.0 ct/kWh" in page
    assert "€0.40" in page
    assert "Your supplier: 32.0 ct/kWh" in page
    assert "saves €0.24" in page
    assert "You can spend" in page


def test_the_book_is_filtered_and_what_was_typed_is_kept(pair):
    seller, buyer = pair
    seller.offers_stored(2_000, 40 * CENT)
    seller.offers_stored(500, 20 * CENT)
    client = signed_in(buyer)

    page = body(client.get(at(buyer), {"min_kwh": "1", "max_price": "30", "sort": "price"}))

    assert page.count('class="offer"') == 1
    assert 'value="30"' in page
    assert "No offer fits" in body(client.get(at(buyer), {"max_price": "1,5"}))


def test_a_filter_that_is_no_number_is_marked_and_nothing_is_lost(pair):
    _seller, buyer = pair

    answer = signed_in(buyer).get(at(buyer), {"min_kwh": "much"})

    assert answer.status_code == 422
    assert 'value="much"' in body(answer)
    assert "Mend the marked field" in body(answer)


def test_the_book_is_read_a_page_at_a_time(pair):
    seller, buyer = pair
    for number in range(27):
        seller.offers_stored(100, (number + 1) * CENT)
    client = signed_in(buyer)

    first = body(client.get(at(buyer)))
    more = re.search(r'id="page-next" href="([^"]+)"', first).group(1).replace("&amp;", "&")
    second = body(client.get(more))

    assert (first.count('class="offer"'), second.count('class="offer"')) == (25, 2)
    assert "To the beginning" in second


def test_an_empty_book_says_what_to_do(pair):
    _seller, buyer = pair

    assert "Nobody offers energy right now" in body(signed_in(buyer).get(at(buyer)))


def test_a_part_is_bought_at_exactly_the_price_shown(pair):
    seller, buyer = pair
    offer = seller.offers_stored(1_000, 20 * CENT + 1)
    client, url = signed_in(buyer), at(buyer, f"market/offers/{offer.pk}/")

    shown = buying(client, url, energy="0,333")
    assert shown.status_code == 200
    assert "This is the price of the amount you typed" in body(shown)
    total = int(re.search(r'data-total="(\d+)"', shown.content.decode()).group(1))
    fields = {"energy": "0,333", "shown_wh": "333", "version": "1", "once": key_of(shown.content.decode())}
    bought = client.post(url, fields)

    trade = Trade.objects.get()
    assert bought.url == at(buyer, f"market/trades/{trade.pk}/")
    assert (trade.energy_wh, trade.total_uct) == (333, total)


def test_all_of_it_is_bought_with_one_press(pair):
    seller, buyer = pair
    offer = seller.offers_stored(1_000, 20 * CENT)

    answer = buying(signed_in(buyer), at(buyer, f"market/offers/{offer.pk}/"), shown_wh="1000", version="1")

    assert answer.status_code == 302
    assert Trade.objects.get().energy_wh == 1_000


def test_a_form_that_is_sent_twice_buys_once(pair):
    seller, buyer = pair
    offer = seller.offers_stored(1_000, 20 * CENT)
    client, url = signed_in(buyer), at(buyer, f"market/offers/{offer.pk}/")
    fields = {"energy": "0.4", "shown_wh": "400", "version": "1", "once": key_of(client.get(url).content.decode())}

    first, second = client.post(url, fields), client.post(url, fields)

    assert first.url == second.url
    assert Trade.objects.count() == 1


def test_a_form_sent_again_with_another_amount_is_refused_in_plain_words(pair):
    seller, buyer = pair
    offer = seller.offers_stored(1_000, 20 * CENT)
    client, url = signed_in(buyer), at(buyer, f"market/offers/{offer.pk}/")
    fields = {"energy": "0.4", "shown_wh": "400", "version": "1", "once": key_of(client.get(url).content.decode())}
    client.post(url, fields)

    answer = client.post(url, fields | {"energy": "0.5", "shown_wh": "500"})

    assert answer.status_code == 422
    assert "This form was sent before with other figures" in body(answer)
    assert key_of(answer.content.decode()) != fields["once"]
    assert Trade.objects.count() == 1


def test_the_second_click_waits_for_the_answer_of_the_first(pair, monkeypatch):
    seller, buyer = pair
    offer = seller.offers_stored(1_000, 20 * CENT)
    client, url = signed_in(buyer), at(buyer, f"market/offers/{offer.pk}/")
    from marketplace.views import sending

    running, real, waited = iter([True, True]), sending.once, []

    def busy_at_first(**asked):
        if next(running, False):
            raise UnableToRunTwice("running")
        return real(**asked)

    monkeypatch.setattr(sending, "once", busy_at_first)
    monkeypatch.setattr(sending, "time", SimpleNamespace(sleep=waited.append))

    answer = buying(client, url, shown_wh="1000", version="1")

    assert answer.status_code == 302
    assert len(waited) == 2


def test_nobody_pays_a_price_that_changed_after_he_saw_it(pair):
    seller, buyer = pair
    offer = seller.offers_stored(1_000, 20 * CENT)
    client, url = signed_in(buyer), at(buyer, f"market/offers/{offer.pk}/")
    key = key_of(client.get(url).content.decode())
    offer_change(
        offer_id=offer.pk,
        household=seller.household,
        energy_wh=1_000,
        total_uct=30 * CENT,
        version=1,
        actor=seller.actor,
        now=NOW,
    )

    answer = client.post(url, {"energy": "1", "shown_wh": "1000", "version": "1", "once": key})

    assert answer.status_code == 422
    assert "€0.30" in body(answer)
    assert 'name="version" value="2"' in body(answer)
    assert not Trade.objects.exists()


def test_what_is_not_there_is_refused_with_the_amount_kept(pair):
    seller, buyer = pair
    offer = seller.offers_stored(1_000, 20 * CENT)

    answer = buying(signed_in(buyer), at(buyer, f"market/offers/{offer.pk}/"), energy="5", shown_wh="5000")

    assert answer.status_code == 422
    assert "Only 1.00 kWh are left" in body(answer)
    assert 'value="5"' in body(answer)


def test_the_price_of_what_is_typed_is_told_without_writing(pair):
    seller, buyer = pair
    offer = seller.offers_stored(1_000, 20 * CENT)
    client, url = signed_in(buyer), at(buyer, f"market/offers/{offer.pk}/price/")

    part = body(client.get(url, {"energy": "0.25"}))
    dear = body(client.get(url, {"energy": "0.25", "shown_wh": "1", "version": "9"}))
    nothing = body(client.get(url, {"energy": "0"}))

    assert 'data-total="5000000"' in part
    assert 'name="shown_wh" value="250"' in dear
    assert "saves €0.03" in part
    assert "Type how much you want" in nothing


def test_the_price_part_says_when_the_balance_does_not_suffice():
    seller, buyer = traders(money_uct=5 * CENT)
    offer = seller.offers_stored(1_000, 20 * CENT)

    part = body(signed_in(buyer).get(at(buyer, f"market/offers/{offer.pk}/price/"), {"energy": "1"}))

    assert "Your balance does not suffice" in part


def test_parts_of_an_offer_that_is_gone_say_so(pair):
    seller, buyer = pair
    offer = seller.offers_stored(1_000, 20 * CENT)
    url = at(buyer, f"market/offers/{offer.pk}/")
    buyer.buys(offer)
    client = signed_in(buyer)

    part = client.get(url, headers={"HX-Request": "true", "HX-Target": "offer-now"})
    price = client.get(f"{url}price/", {"energy": "1"}, headers={"HX-Request": "true"})

    assert "no longer there" in body(part)
    assert "no longer there" in body(price)
    assert client.get(url).status_code == 404


def test_who_comes_too_late_is_told_that_it_is_sold_out(pair):
    seller, buyer = pair
    (rival,) = traders(homes=1, community=seller.community)
    offer = seller.offers_stored(1_000, 20 * CENT)
    url, client = at(buyer, f"market/offers/{offer.pk}/"), signed_in(buyer)
    fields = {"energy": "1", "shown_wh": "1000", "version": "1", "once": "late"}
    assert client.get(url).status_code == 200
    rival.buys(offer)

    answer = client.post(url, fields)

    assert answer.status_code == 422
    assert "sold out meanwhile" in body(answer)


def test_all_of_an_offer_bought_and_sent_again_leads_to_the_trade_again(pair):
    seller, buyer = pair
    url, client = at(buyer, f"market/offers/{seller.offers_stored(1_000, 20 * CENT).pk}/"), signed_in(buyer)
    fields = {"energy": "1", "shown_wh": "1000", "version": "1", "once": "again"}

    first, second = client.post(url, fields), client.post(url, fields)

    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"]


@pytest.mark.parametrize("target", ["book", "wallet"])
def test_a_part_of_the_book_is_read_again_without_the_frame(pair, target):
    seller, buyer = pair
    seller.offers_stored()

    answer = signed_in(buyer).get(at(buyer), headers={"HX-Request": "true", "HX-Target": target})

    assert f'id="{target}"' in body(answer)
    assert "<html" not in body(answer)


def test_a_suspended_household_sees_the_reason_and_no_controls(pair):
    seller, buyer = pair
    offer = seller.offers_stored()
    url = at(buyer, f"market/offers/{offer.pk}/")
    Household.objects.filter(pk=buyer.household.pk).update(suspended_at=NOW, suspended_reason="Unpaid bills")
    client = signed_in(buyer)

    page = body(client.get(url))

    assert "Unpaid bills" in page
    assert ">Buy<" not in page
    answer = client.post(url, {"energy": "1", "shown_wh": "1000", "version": "1", "once": "x"})
    assert answer.status_code == 409
    assert "Unpaid bills" in body(answer)
    assert not Trade.objects.exists()


def test_a_viewer_looks_and_does_not_buy(pair):
    seller, buyer = pair
    offer = seller.offers_stored()
    url = at(buyer, f"market/offers/{offer.pk}/")
    buyer.user = MembershipFactory(household=buyer.household, role=Role.VIEWER).user
    client = signed_in(buyer)

    assert "Buying is for owners" in body(client.get(url))
    assert client.post(url, {"energy": "1"}).status_code == 403


def test_more_purchases_in_a_minute_than_anybody_makes_are_refused(pair):
    seller, buyer = pair
    offer = seller.offers_stored()
    client, url = signed_in(buyer), at(buyer, f"market/offers/{offer.pk}/")

    answers = [client.post(url, {"energy": ""}).status_code for _try in range(PURCHASES.tries + 1)]

    assert answers.count(422) == PURCHASES.tries
    assert answers[-1] == 429


def test_a_household_without_a_community_is_told_what_it_takes(client):
    from myhouse.tests.factories import home

    user, household = home()
    client.force_login(user)

    for rest in ("market/", "market/offers/", "market/trades/", "balance/"):
        assert "belongs to no community yet" in body(client.get(f"/households/{household.pk}/{rest}"))


def test_a_supplier_and_a_stranger_do_not_see_the_market(pair, client):
    _seller, buyer = pair
    supplier = MembershipFactory(household=buyer.household, role=Role.SUPPLIER).user
    client.force_login(supplier)
    assert client.get(at(buyer)).status_code == 403
    client.force_login(UserFactory())
    assert client.get(at(buyer)).status_code == 404


def test_the_book_asks_few_queries_however_long_it_is(pair, django_assert_max_num_queries):
    seller, buyer = pair
    for number in range(20):
        seller.offers_stored(100, (number + 1) * CENT)
    seller.offers_window(start=NOW + timedelta(hours=2))
    client = signed_in(buyer)
    client.get(at(buyer))

    with django_assert_max_num_queries(15):
        client.get(at(buyer))


def test_an_offers_page_asks_few_queries(pair, django_assert_max_num_queries):
    seller, buyer = pair
    offer = seller.offers_stored()
    client, url = signed_in(buyer), at(buyer, f"market/offers/{offer.pk}/")
    client.get(url)

    with django_assert_max_num_queries(15):
        client.get(url)
