"""The book: what a household sees of the offers, in which order, and what of them pays off."""

from datetime import timedelta

import pytest

from marketplace.selectors.offers import BookQuery, book_page, offer_for, own_offers_page, part_price
from marketplace.selectors.sellable import sellable_of, window_free_wh
from marketplace.services.offers import offer_withdraw
from marketplace.tests.factories import EURO, traders
from myhouse.documents.pages import UnableToPage
from myhouse.errors import NotFound
from myhouse.tests.factories import NOW, home

pytestmark = pytest.mark.django_db

SOON = NOW + timedelta(hours=1)


def seen(trader, **query):
    return book_page(household=trader.household, query=BookQuery(**query), now=NOW)


def energies(found):
    return [line.offer.left_wh for line in found.lines]


@pytest.fixture
def filled():
    seller, other, reader = traders(homes=3)
    seller.offers_stored(1_000, 30_000_000)
    seller.offers_window(300, 3_000_000, start=SOON + timedelta(hours=3), now=NOW + timedelta(seconds=1))
    other.offers_stored(200, 8_000_000, now=NOW + timedelta(seconds=2))
    other.offers_window(100, 5_000_000, start=SOON, now=NOW + timedelta(seconds=3))
    return seller, other, reader


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("price", [300, 1_000, 200, 100]),
        ("-price", [100, 200, 1_000, 300]),
        ("newest", [100, 200, 300, 1_000]),
        ("energy", [1_000, 300, 200, 100]),
    ],
)
def test_the_book_is_sorted_as_asked(filled, sort, expected):
    assert energies(seen(filled[2], sort=sort)) == expected


def test_the_book_is_filtered_by_kind_amount_and_price(filled):
    reader = filled[2]

    assert energies(seen(reader, kind="window", sort="window")) == [100, 300]
    assert energies(seen(reader, min_wh=300)) == [300, 1_000]
    assert energies(seen(reader, max_price_uct_kwh=30_000_000)) == [300, 1_000]


def test_the_book_comes_in_pages(filled):
    first = seen(filled[2], limit=3)
    second = seen(filled[2], limit=3, cursor=first.next_cursor)

    assert energies(first) + energies(second) == [300, 1_000, 200, 100]
    assert second.next_cursor is None


def test_refuses_a_sort_or_kind_that_is_none(filled):
    for query in ({"sort": "colour"}, {"kind": "wind"}):
        with pytest.raises(UnableToPage) as refused:
            seen(filled[2], **query)
        assert refused.value.field in query


def test_an_offer_stands_beside_the_readers_own_tariff():
    seller, reader = traders()
    seller.offers_stored(1_000, 20_000_000)

    (theirs,) = seen(reader).lines
    (own,) = seen(seller).lines

    assert (theirs.price_uct_kwh, theirs.supplier_uct_kwh, theirs.saving_uct) == (20_000_000, 32_000_000, 12_000_000)
    assert (theirs.left_total_uct, theirs.deliverable_wh, theirs.own) == (20_000_000, 1_000, False)
    assert (own.own, own.saving_uct) == (True, None)


def test_nothing_is_compared_where_no_tariff_is_known():
    seller, _reader = traders()
    seller.offers_stored(1_000)
    _user, household = home()
    seller.community.household_memberships.create(household=household, starts_at=NOW)

    (line,) = book_page(household=household, query=BookQuery(), now=NOW).lines

    assert (line.supplier_uct_kwh, line.saving_uct) == (None, None)


def test_the_book_says_how_much_of_an_offer_the_battery_still_holds():
    seller, reader = traders(soc_pct=50)
    seller.offers_stored(4_000)
    later = NOW + timedelta(minutes=5)
    seller.charge(10, at=later)

    (line,) = book_page(household=reader.household, query=BookQuery(), now=later).lines
    (old,) = book_page(household=reader.household, query=BookQuery(), now=later + timedelta(minutes=16)).lines

    assert (line.offer.left_wh, line.deliverable_wh, old.deliverable_wh) == (4_000, 1_000, 0)


def test_a_window_that_has_begun_is_out_of_the_book_before_it_is_closed():
    seller, reader = traders()
    seller.offers_window(start=SOON)

    assert len(book_page(household=reader.household, query=BookQuery(), now=SOON - timedelta(seconds=1)).lines) == 1
    assert book_page(household=reader.household, query=BookQuery(), now=SOON).lines == []


def test_another_community_sees_nothing_of_the_book(filled):
    (stranger,) = traders(homes=1)
    offer = filled[0].offers_stored(1)

    assert seen(stranger).lines == []
    with pytest.raises(NotFound):
        offer_for(household=stranger.household, offer_id=offer.pk, now=NOW)
    assert book_page(household=home()[1], query=BookQuery(), now=NOW).lines == []


def test_an_ended_offer_is_seen_by_its_seller_only():
    seller, reader = traders()
    offer = seller.offers_stored()
    assert offer_for(household=reader.household, offer_id=offer.pk, now=NOW).own is False

    offer_withdraw(offer_id=offer.pk, household=seller.household, actor=seller.actor, now=NOW)

    with pytest.raises(NotFound):
        offer_for(household=reader.household, offer_id=offer.pk, now=NOW)
    line = offer_for(household=seller.household, offer_id=offer.pk, now=NOW)
    assert (line.own, line.deliverable_wh) == (True, 0)
    assert [one.offer.pk for one in own_offers_page(household=seller.household, now=NOW).lines] == [offer.pk]
    assert own_offers_page(household=seller.household, since=NOW + timedelta(hours=1)).lines == []


def test_a_part_costs_what_the_rest_of_the_offer_says():
    seller, buyer = traders()
    offer = seller.offers_stored(3, 10)
    buyer.buys(offer, 1)
    offer.refresh_from_db()

    assert [part_price(offer=offer, energy_wh=energy) for energy in (1, 2)] == [3, 7]


def test_the_book_takes_the_same_queries_for_one_offer_and_for_many(django_assert_num_queries):
    seller, other, reader = traders(homes=3)
    seller.offers_stored(1)

    with django_assert_num_queries(8):
        seen(reader)
    for number in range(20):
        seller.offers_stored(2, number)
        other.offers_window(2, EURO + number)
    with django_assert_num_queries(8):
        assert len(seen(reader).lines) == 41


def test_what_can_be_sold_is_told_with_what_is_free_of_it():
    (seller,) = traders(homes=1, soc_pct=50, past_export_wh=500)
    seller.offers_stored(1_000)
    seller.offers_window(400, start=SOON, end=SOON + timedelta(minutes=15))

    found = sellable_of(household=seller.household, now=NOW)

    assert (found.stored_wh, found.stored_free_wh, found.refreshed_at) == (5_000, 4_000, NOW)
    assert len(found.slots) == 192
    assert {slot.start: (slot.expected_wh, slot.free_wh) for slot in found.slots}[SOON] == (500, 100)
    assert window_free_wh(household=seller.household, start=SOON, end=SOON + timedelta(hours=1)) == 1_600
