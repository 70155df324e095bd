"""Offers and purchases by API: what a person can do on a page."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from marketplace.api.tests.asking import Program
from marketplace.limits import PURCHASES
from marketplace.models import Offer, Trade
from marketplace.tests.factories import EURO, traders
from myhouse.models import Membership
from myhouse.models.households import Role
from myhouse.services.suspension import household_suspend
from myhouse.services.tokens import service_token_issue
from myhouse.tests.factories import NOW

pytestmark = pytest.mark.django_db
# Token and household four, community two, the offers, two for names, batteries, contracts, market prices.
BOOK_QUERIES = 12
STORED = {"kind": "stored", "energy_wh": 2_000, "total": "0.50"}


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def market():
    """Two households that trade."""
    return traders()


@pytest.fixture
def seller(market):
    return Program(market[0])


@pytest.fixture
def buyer(market):
    return Program(market[1])


def test_an_offer_is_made_and_stands_in_the_book_of_the_neighbours(seller, buyer):
    made = seller.post("offers", STORED)
    (seen,) = buyer.read("offers")["results"]

    assert made.status_code == 201
    assert (made.json()["own"], seen["own"], seen["id"]) == (True, False, made.json()["id"])
    assert (seen["total"], seen["price_per_kwh"], seen["supplier_price_per_kwh"]) == ("0.50", "0.25", "0.32")
    assert (seen["saving"], seen["currency"], seen["deliverable_wh"]) == ("0.14", "EUR", 2_000)
    assert (seen["window"], seen["created_at"]) == (None, "2026-06-15T10:00:00.000Z")


def test_surplus_is_offered_in_a_window(seller):
    window = {"start": "2026-06-15T12:00:00Z", "end": "2026-06-15T15:00:00+02:00"}

    made = seller.post("offers", {"kind": "window", "energy_wh": 1_000, "total": "0.2", "window": window}).json()

    assert made["window"] == {"start": "2026-06-15T12:00:00.000Z", "end": "2026-06-15T13:00:00.000Z"}
    assert made["closes_at"] == "2026-06-15T12:00:00.000Z"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"total": 0.5}, "total"),
        ({"total": "-1"}, "total"),
        ({"total": "0.123456789"}, "total"),
        ({"total": "99999999"}, "total"),
        ({"energy_wh": 0}, "energy_wh"),
        ({"energy_wh": "much"}, "energy_wh"),
        ({"kind": "both"}, "kind"),
        ({"kind": "window"}, "window"),
        ({"kind": "window", "window": {"start": "2026-06-15T12:00:00Z"}}, "window.end"),
        ({"kind": "window", "window": {"start": "2026-06-15T12:01:00Z", "end": "2026-06-15T13:00:00Z"}}, "window"),
        ({"currency": "CHF"}, "currency"),
    ],
)
def test_a_refusal_names_the_field_as_it_was_sent(seller, change, field):
    assert seller.wrong_field(seller.post("offers", STORED | change)) == field


def test_refuses_to_offer_more_than_there_is(seller):
    assert seller.wrong_field(seller.post("offers", STORED | {"energy_wh": 6_000}), 409) == "energy_wh"


def test_the_book_is_filtered_sorted_and_paged(market, buyer):
    offers = [market[0].offers_stored(1_000, cents * EURO // 100) for cents in (30, 10, 20)]
    market[0].offers_window(500, EURO // 10)

    cheapest = buyer.read("offers", kind="stored", limit=2)
    rest = buyer.read("offers", kind="stored", limit=2, cursor=cheapest["next_cursor"])
    dear = buyer.read("offers", sort="-price", kind="stored", max_price_per_kwh="0.20")["results"]

    assert [one["price_per_kwh"] for one in cheapest["results"] + rest["results"]] == ["0.10", "0.20", "0.30"]
    assert rest["next_cursor"] is None
    assert [one["price_per_kwh"] for one in dear] == ["0.20", "0.10"]
    assert [one["id"] for one in buyer.read("offers", kind="stored", sort="price", limit=1)["results"]] == [
        str(offers[1].pk)
    ]
    assert len(buyer.read("offers", min_wh=600)["results"]) == 3
    assert {one["kind"] for one in buyer.read("offers", kind="window")["results"]} == {"window"}


@pytest.mark.parametrize("ask", [{"sort": "colour"}, {"limit": 0}, {"limit": 1000}, {"kind": "x"}, {"cursor": "%"}])
def test_refuses_a_book_that_cannot_be(buyer, ask):
    assert buyer.wrong_field(buyer.get("offers", **ask)) == next(iter(ask))


def test_lists_ask_the_same_few_queries_for_many_offers_as_for_one(market, seller, buyer, django_assert_num_queries):
    market[0].offers_stored(100, EURO // 100)
    with django_assert_num_queries(BOOK_QUERIES):
        buyer.read("offers")
    for _number in range(15):
        market[0].offers_stored(100, EURO // 100)

    with django_assert_num_queries(BOOK_QUERIES):
        assert len(buyer.read("offers")["results"]) == 16
    with django_assert_num_queries(BOOK_QUERIES):
        assert len(seller.read("own-offers")["results"]) == 16


def test_an_offer_is_changed_by_whoever_saw_its_last_version(market, seller):
    offer = market[0].offers_stored(2_000, EURO)

    changed = seller.ask("PATCH", f"offers/{offer.pk}", {"version": 1, "total": "0.8"}).json()
    late = seller.ask("PATCH", f"offers/{offer.pk}", {"version": 1, "energy_wh": 500})
    bare = seller.ask("PATCH", f"offers/{offer.pk}", {"total": "0.8"})

    assert (changed["total"], changed["energy_wh"], changed["version"]) == ("0.80", 2_000, 2)
    assert seller.wrong_field(late, 409) == "version"
    assert seller.wrong_field(bare) == "version"


def test_the_unsold_rest_is_withdrawn(market, seller, buyer):
    offer = market[0].offers_stored(2_000, EURO)
    market[1].buys(offer, 500)

    ended = seller.ask("DELETE", f"offers/{offer.pk}")

    assert (ended.status_code, ended.json()["state"], ended.json()["left_wh"]) == (200, "withdrawn", 1_500)
    assert buyer.get(f"offers/{offer.pk}").status_code == 404
    assert seller.read("own-offers")["results"][0]["state"] == "withdrawn"


def test_nobody_changes_or_withdraws_the_offer_of_another(market, buyer):
    offer = market[0].offers_stored()

    assert buyer.ask("PATCH", f"offers/{offer.pk}", {"version": 1, "total": "0.01"}).status_code == 404
    assert buyer.ask("DELETE", f"offers/{offer.pk}").status_code == 404
    assert Offer.objects.get().state == "open"


def test_a_part_is_bought_and_seen_by_both(market, seller, buyer):
    offer = market[0].offers_stored(2_000, EURO // 2)

    bought = buyer.post(f"offers/{offer.pk}/purchases", {"energy_wh": 500, "version": 1, "currency": "EUR"})
    (sold,) = seller.read("trades", side="sold")["results"]

    assert bought.status_code == 201
    assert (bought.json()["side"], bought.json()["total"], bought.json()["state"]) == ("bought", "0.125", "done")
    assert (sold["id"], sold["side"], sold["price_per_kwh"]) == (bought.json()["id"], "sold", "0.25")
    assert buyer.read(f"offers/{offer.pk}")["left_wh"] == 1_500


def test_a_part_s_price_is_told_beforehand(market, buyer):
    offer = market[0].offers_stored(1_000, 10 * 1_000_000 + 1)
    path = f"offers/{offer.pk}/price"

    told = buyer.read(path, energy_wh=333)
    bought = buyer.post(f"offers/{offer.pk}/purchases", {"energy_wh": 333, "version": told["version"]}).json()

    assert (told["total"], told["supplier_total"], told["currency"]) == ("0.0333", "0.10656", "EUR")
    assert bought["total"] == told["total"]
    assert buyer.wrong_field(buyer.get(path, energy_wh=668)) == "energy_wh"
    assert buyer.wrong_field(buyer.get(path)) == "energy_wh"


def test_the_same_key_buys_once(market, buyer):
    path = f"offers/{market[0].offers_stored(2_000, EURO).pk}/purchases"

    first = buyer.post(path, {"energy_wh": 500}, key="k-1")
    again = buyer.post(path, {"energy_wh": 500}, key="k-1")
    other = buyer.post(path, {"energy_wh": 600}, key="k-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert buyer.wrong_field(other) == "Idempotency-Key"
    assert Trade.objects.count() == 1


def test_a_key_used_for_one_offer_is_free_for_another(market, buyer):
    one, another = (market[0].offers_stored(2_000, EURO).pk for _offer in range(2))
    # Made in one moment they are alike but for the end.
    like_one = UUID(int=one.int ^ 1)
    renamed = Offer.objects.get(pk=another)
    renamed.pk = like_one
    renamed.save(force_insert=True)
    Offer.objects.filter(pk=another).delete()
    paths = [f"offers/{pk}/purchases" for pk in (one, like_one)]

    first, second = (buyer.post(path, {"energy_wh": 500}, key="k-1") for path in paths)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["offer"] != second.json()["offer"]


def test_says_why_nothing_was_bought(market, seller, buyer):
    path = f"offers/{market[0].offers_stored(1_000, 20 * EURO).pk}/purchases"

    assert buyer.wrong_field(buyer.post(path, {"energy_wh": 1_000}), 409) == "energy_wh"
    assert buyer.wrong_field(buyer.post(path, {"energy_wh": 5_000}), 409) == "energy_wh"
    assert buyer.wrong_field(buyer.post(path, {"energy_wh": 1, "version": 9}), 409) == "version"
    assert buyer.wrong_field(buyer.post(path, {"energy_wh": 0})) == "energy_wh"
    assert seller.post(path, {"energy_wh": 100}).status_code == 422
    assert Trade.objects.count() == 0


def test_purchases_are_counted_and_refused_with_the_time_to_wait(market, buyer, monkeypatch):
    monkeypatch.setattr("marketplace.api.buying.PURCHASES", type(PURCHASES)("test", tries=1, window_s=60))
    path = f"offers/{market[0].offers_stored(1_000, EURO).pk}/purchases"

    assert buyer.post(path, {"energy_wh": 1}).status_code == 201
    refused = buyer.post(path, {"energy_wh": 1})

    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60


def test_a_viewer_reads_and_does_not_trade(market, seller, buyer):
    offer = market[0].offers_stored()
    Membership.objects.filter(user=market[1].user).update(role=Role.VIEWER)

    assert buyer.get("offers").status_code == 200
    assert buyer.post(f"offers/{offer.pk}/purchases", {"energy_wh": 1}).status_code == 403
    assert buyer.post("offers", STORED).status_code == 403


def test_a_suspended_household_reads_and_does_not_trade(market, buyer):
    offer = market[0].offers_stored()
    household_suspend(household=market[1].household, reason="Unpaid bills", actor=market[0].actor, now=NOW)

    assert buyer.get("offers").status_code == 200
    assert buyer.post(f"offers/{offer.pk}/purchases", {"energy_wh": 1}).status_code == 409
    assert buyer.post("offers", STORED).status_code == 409
    assert buyer.post("cash-orders", {"direction": "payout", "amount": "1"}).status_code == 409


def test_a_supplier_sees_nothing_of_the_market(market, buyer):
    Membership.objects.filter(user=market[1].user).update(role=Role.SUPPLIER)

    for path in ("offers", "own-offers", "trades", "accounts", "cash-orders", "sellable"):
        assert buyer.get(path).status_code == 403, path


def test_a_service_does_what_its_scopes_name(market):
    shape = {"expires_at": NOW + timedelta(days=1), "actor": market[1].actor, "now": NOW}
    offer = market[0].offers_stored()

    def service(scope):
        _token, secret = service_token_issue(
            user=market[1].user, household=market[1].household, name=scope, scopes=[scope], **shape
        )
        return Program(market[1], secret=secret)

    reader, trader, other = service("market:read"), service("market:trade"), service("household:read")

    assert reader.get("offers").status_code == 200
    assert reader.post(f"offers/{offer.pk}/purchases", {"energy_wh": 1}).status_code == 403
    assert trader.get("offers").status_code == 403
    assert trader.post(f"offers/{offer.pk}/purchases", {"energy_wh": 1}).status_code == 201
    assert other.get("offers").status_code == 403


def test_another_community_neither_sees_nor_buys(market):
    (stranger,) = traders(homes=1)
    offer = market[0].offers_stored()
    program = Program(stranger)

    assert program.read("offers")["results"] == []
    assert program.get(f"offers/{offer.pk}").status_code == 404
    assert program.post(f"offers/{offer.pk}/purchases", {"energy_wh": 1}).status_code == 404
