"""What can be sold, and where the energy came from, by API."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketplace.api.tests.asking import Program
from marketplace.services.claims import claims_use
from marketplace.tests.factories import EURO, traders
from myhouse.models import CommunityMembership, Membership
from myhouse.models.households import Role
from myhouse.tests.factories import NOW

pytestmark = pytest.mark.django_db
DAY = {"unit": "day", "start": "2026-06-15"}


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def market():
    return traders()


def test_says_what_can_be_offered_now_and_in_each_quarter_hour(market):
    market[0].offers_stored(1_000)
    market[0].offers_window(400, start=NOW + timedelta(hours=1), end=NOW + timedelta(hours=2))

    found = Program(market[0]).read("sellable")
    slots = {slot["start"]: slot for slot in found["slots"]}

    assert (found["stored_wh"], found["stored_free_wh"]) == (5_000, 4_000)
    assert slots["2026-06-15T11:00:00.000Z"] == {
        "start": "2026-06-15T11:00:00.000Z",
        "expected_wh": 500,
        "free_wh": 400,
    }
    assert len(slots) == 192


def test_nothing_is_sellable_where_nothing_is_measured(market):
    (bare,) = traders(homes=1, soc_pct=0, past_export_wh=0, community=market[0].community)

    found = Program(bare).read("sellable")

    assert found["stored_free_wh"] == 0
    assert {slot["free_wh"] for slot in found["slots"]} == {0}


@pytest.fixture
def used(market, time_machine):
    """Half of a kWh bought for 20 ct was used from noon on, while the seller gave 300 Wh a quarter-hour away."""
    seller, buyer = market
    buyer.buys(seller.offers_stored(1_000, EURO // 5), 1_000)
    buyer.measure(start=NOW, imports=[300, 200, 0, 0], exports=[0, 0, 0, 0])
    seller.measure(start=NOW, imports=[0, 0, 0, 0], exports=[300, 300, 0, 0])
    later = NOW + timedelta(hours=2)
    claims_use(now=later)
    time_machine.move_to(NOW + timedelta(minutes=50), tick=False)
    return market


def test_what_was_used_comes_from_the_neighbours_first_and_its_money_with_it(used):
    found = Program(used[1]).read("energy-sources", **DAY, step="hour")
    noon = next(one for one in found["buckets"] if one["start"] == "2026-06-15T10:00:00.000Z")

    assert noon["neighbours"] == {"energy_wh": 500, "paid": "0.10"}
    assert noon["supplier"] == {"energy_wh": 0, "paid": "0.00"}
    assert noon["saving"] == "0.06"
    assert found["total"]["neighbours"] == {"energy_wh": 500, "paid": "0.10"}
    assert (found["step"], found["zone"], found["currency"], found["provisional"]) == (
        "hour",
        "Europe/Berlin",
        "EUR",
        True,
    )


def test_what_was_given_away_went_to_neighbours_and_to_the_grid(used):
    total = Program(used[0]).read("energy-sources", **DAY)["total"]
    before_noon = 48 * 500  # quarter-hours since local midnight

    assert total["sold"] == {"energy_wh": 600, "earned": "0.12"}
    assert total["fed_in"]["energy_wh"] == before_noon
    assert total["fed_in"]["earned"] == "1.92"


def test_the_buckets_add_up_to_the_total(used):
    found = Program(used[0]).read("energy-sources", unit="month", start="2026-06-01")

    for name in ("own", "battery", "neighbours", "supplier", "sold", "fed_in"):
        assert sum(one[name]["energy_wh"] for one in found["buckets"]) == found["total"][name]["energy_wh"]


def test_a_member_sees_the_sources_of_his_own_time(used):
    Membership.objects.filter(user=used[1].user).update(starts_at=NOW + timedelta(minutes=15))

    total = Program(used[1]).read("energy-sources", **DAY)["total"]

    assert total["neighbours"] == {"energy_wh": 200, "paid": "0.04"}


def test_a_supplier_sees_sums_only(market):
    Membership.objects.filter(user=market[0].user).update(role=Role.SUPPLIER)
    program = Program(market[0])

    assert program.get("energy-sources", **DAY).status_code == 403
    assert program.get("energy-sources", unit="month", step="day").status_code == 403
    assert program.read("energy-sources", unit="month")["step"] == "month"


@pytest.mark.parametrize("ask", [{"unit": "moon"}, {"start": "x"}, {"step": "blink"}])
def test_refuses_a_span_that_is_none(market, ask):
    program = Program(market[0])

    assert program.wrong_field(program.get("energy-sources", **ask)) == next(iter(ask))


def test_the_community_sees_what_trading_saved(used):
    found = Program(used[0]).read("community-savings", unit="day", start="2026-06-15")

    # 500 Wh used at 20 instead of 32 ct, 600 Wh delivered at 20 instead of 8 ct.
    assert (found["traded_wh"], found["paid"]) == (500, "0.10")
    assert (found["buyers_saved"], found["sellers_gained"], found["saved"]) == ("0.06", "0.072", "0.132")
    assert [(one["start"], one["saved"]) for one in found["buckets"]] == [("2026-06-14T22:00:00.000Z", "0.132")]
    assert len(Program(used[1]).read("community-savings", unit="year")["buckets"]) == 12


def test_the_market_of_now_is_told_in_numbers(market):
    market[1].buys(market[0].offers_stored(1_000, EURO // 4), 400)

    found = Program(market[1]).read("market")

    assert (found["open_offers"], found["offered_wh"], found["cheapest_per_kwh"]) == (1, 600, "0.25")
    assert (found["trades_today"], found["traded_today_wh"]) == (1, 400)


def test_who_has_no_community_has_no_market(market):
    CommunityMembership.objects.filter(household=market[0].household).delete()
    program = Program(market[0])

    assert program.get("market").status_code == 404
    assert program.get("community-savings").status_code == 404
    assert program.read("offers")["results"] == []
    assert program.read("accounts")["community"] is None
    assert program.post("offers", {"kind": "stored", "energy_wh": 1, "total": "1"}).status_code == 422


def test_refuses_a_step_that_savings_are_not_told_by(market):
    program = Program(market[0])

    assert program.wrong_field(program.get("community-savings", step="hour")) == "step"
