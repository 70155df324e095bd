"""Selling on the pages: making, changing and withdrawing offers, and what is told while one types."""

from datetime import timedelta

import pytest

from marketplace.models import Offer
from marketplace.models.offers import OfferState
from marketplace.tests.factories import traders
from marketplace.tests.pages import at, body, key_of, signed_in
from myhouse.models import Household
from myhouse.tests.factories import NOW

pytestmark = pytest.mark.django_db
CENT = 1_000_000
STORED = {"kind": "stored", "energy": "1,5", "price": "19,5", "per": "kwh"}


@pytest.fixture(autouse=True)
def _at_noon(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def pair():
    return traders()


def selling(client, trader, **fields):
    """Send the form of a new offer under its own key."""
    kind = fields["kind"]
    url = at(trader, f"market/offers/new/?kind={kind}")
    return client.post(url, fields | {"once": key_of(client.get(url).content.decode())})


def test_the_page_says_what_can_be_sold_now(pair):
    seller, _buyer = pair

    page = body(signed_in(seller).get(at(seller, "market/offers/new/")))

    assert "free of 5.00 kWh in the battery" in page
    assert 'value="5"' in page


def test_stored_energy_is_offered_by_its_price_per_kwh(pair):
    seller, _buyer = pair

    answer = selling(signed_in(seller), seller, **STORED)

    offer = Offer.objects.get()
    assert answer.url == at(seller, "market/offers/")
    assert (offer.energy_wh, offer.total_uct) == (1_500, 1_500 * 19_500)


def test_a_price_for_all_of_it_is_taken_as_it_is(pair):
    seller, _buyer = pair

    selling(signed_in(seller), seller, **STORED | {"price": "0.30", "per": "total"})

    assert Offer.objects.get().total_uct == 30 * CENT


def test_a_form_that_is_sent_twice_offers_once(pair):
    seller, _buyer = pair
    client, url = signed_in(seller), at(seller, "market/offers/new/?kind=stored")
    fields = STORED | {"once": key_of(client.get(url).content.decode())}

    client.post(url, fields)
    client.post(url, fields)

    assert Offer.objects.count() == 1


def test_more_than_the_battery_holds_is_refused_at_its_field_and_kept(pair):
    seller, _buyer = pair

    answer = selling(signed_in(seller), seller, **STORED | {"energy": "50"})

    page = body(answer)
    assert answer.status_code == 422
    assert "The battery holds 5.00 kWh" in page.split('id="id_energy_error"')[1][:200]
    assert 'value="50"' in page
    assert not Offer.objects.exists()


def test_a_window_is_offered_by_local_quarter_hours(pair):
    seller, _buyer = pair
    client = signed_in(seller)
    page = body(client.get(at(seller, "market/offers/new/?kind=window")))
    assert "13:00 · 500 Wh" in page
    start = NOW + timedelta(hours=1)
    window = {"starts": start.isoformat(), "ends": (start + timedelta(hours=1)).isoformat()}

    answer = selling(client, seller, **STORED | window | {"kind": "window"})

    assert answer.status_code == 302
    offer = Offer.objects.get()
    assert (offer.window_start, offer.window_end) == (start, start + timedelta(hours=1))


def test_a_window_that_ends_before_it_begins_is_refused_at_its_end(pair):
    seller, _buyer = pair
    start = NOW + timedelta(hours=2)
    window = {"starts": start.isoformat(), "ends": (start - timedelta(hours=1)).isoformat()}

    answer = selling(signed_in(seller), seller, **STORED | window | {"kind": "window"})

    assert answer.status_code == 422
    assert "Choose an end after the start" in body(answer).split('id="id_ends_error"')[1][:200]


def test_what_an_offer_would_bring_is_told_without_writing(pair):
    seller, _buyer = pair
    client, url = signed_in(seller), at(seller, "market/offers/try/?kind=stored")

    good = body(client.post(url, STORED))
    dear = body(client.post(url, STORED | {"price": "40"}))
    cheap = body(client.post(url, STORED | {"price": "5"}))
    large = body(client.post(url, STORED | {"energy": "9"}))
    unready = body(client.post(url, STORED | {"price": "x"}))

    assert "€0.29" in good
    assert "€0.17 more than by feeding it in" in good
    assert "would pay their supplier less" in dear
    assert "Feeding it in would earn you more" in cheap
    assert "Offer at most 5.00 kWh" in large
    assert "Not ready yet" in unready
    assert not Offer.objects.exists()


def test_own_offers_show_what_is_sold_of_each(pair):
    seller, buyer = pair
    buyer.buys(seller.offers_stored(1_000, 20 * CENT), 250)

    page = body(signed_in(seller).get(at(seller, "market/offers/")))

    assert "250 Wh of 1.00 kWh sold" in page
    assert 'width="25.0%"' in page
    assert "€0.05" in page


def test_an_unsold_offer_is_changed(pair):
    seller, _buyer = pair
    offer = seller.offers_stored(1_000, 20 * CENT)
    client, url = signed_in(seller), at(seller, f"market/offers/{offer.pk}/change/")
    page = client.get(url).content.decode()
    assert 'value="0.2"' in page
    fields = {"energy": "2", "price": "22", "per": "kwh", "version": "1", "once": key_of(page)}

    told = body(client.post(f"{url}try/", fields))
    answer = client.post(url, fields)

    assert "€0.44" in told
    assert answer.status_code == 302
    offer.refresh_from_db()
    assert (offer.energy_wh, offer.total_uct, offer.version) == (2_000, 44 * CENT, 2)


def test_an_offer_changed_meanwhile_is_not_changed_over_it(pair):
    seller, _buyer = pair
    offer = seller.offers_stored(1_000, 20 * CENT)
    client, url = signed_in(seller), at(seller, f"market/offers/{offer.pk}/change/")
    key = key_of(client.get(url).content.decode())
    Offer.objects.filter(pk=offer.pk).update(version=5)

    answer = client.post(url, {"energy": "2", "price": "22", "per": "kwh", "version": "1", "once": key})

    assert answer.status_code == 422
    assert "changed meanwhile" in body(answer)


def test_the_rest_of_an_offer_is_withdrawn(pair):
    seller, buyer = pair
    offer = seller.offers_stored(1_000, 20 * CENT)
    buyer.buys(offer, 250)
    client, url = signed_in(seller), at(seller, f"market/offers/{offer.pk}/")
    page = client.get(url).content.decode()
    assert "Change amount or price" not in page

    client.post(f"{url}withdraw/", {"once": key_of(page)})
    again = client.post(f"{url}withdraw/", {"once": "another"}, follow=True)

    offer.refresh_from_db()
    assert offer.state == OfferState.WITHDRAWN
    assert "no longer open" in body(again)


def test_a_neighbours_offer_is_not_there_to_be_changed(pair):
    seller, buyer = pair
    offer = seller.offers_stored()
    client = signed_in(buyer)

    assert client.get(at(buyer, f"market/offers/{offer.pk}/change/")).status_code == 404
    assert client.post(at(buyer, f"market/offers/{offer.pk}/withdraw/"), {"once": "x"}).status_code == 404


def test_a_suspended_household_cannot_offer(pair):
    seller, _buyer = pair
    Household.objects.filter(pk=seller.household.pk).update(suspended_at=NOW, suspended_reason="Unpaid bills")
    client = signed_in(seller)

    assert "Sell energy" not in body(client.get(at(seller, "market/offers/")))
    answer = client.get(at(seller, "market/offers/new/"))
    assert answer.status_code == 409
    assert "Unpaid bills" in body(answer)


def test_a_kind_of_offer_that_does_not_exist_is_not_found(pair):
    seller, _buyer = pair

    assert signed_in(seller).get(at(seller, "market/offers/new/?kind=wind")).status_code == 404


def test_own_offers_ask_few_queries_however_many_they_are(pair, django_assert_max_num_queries):
    seller, _buyer = pair
    for number in range(20):
        seller.offers_stored(100, (number + 1) * CENT)
    client = signed_in(seller)
    client.get(at(seller, "market/offers/"))

    with django_assert_max_num_queries(15):
        client.get(at(seller, "market/offers/"))


def test_the_page_of_a_new_offer_asks_few_queries(pair, django_assert_max_num_queries):
    seller, _buyer = pair
    client, url = signed_in(seller), at(seller, "market/offers/new/?kind=window")
    client.get(url)

    with django_assert_max_num_queries(15):
        client.get(url)
