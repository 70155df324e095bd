"""The demo's market: a believable past, and neighbours who go on trading, by the services everybody uses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings

from config import demo
from config.demo.street import street_of
from config.demo.trading import BOOK_USUAL, trading_step
from config.tasks import demo_market_step
from marketplace.models import Account, Lot, Offer, Trade
from marketplace.selectors.offers import BookQuery, book_page
from marketplace.selectors.sellable import sellable_of
from marketplace.services.offers import offer_create
from marketplace.services.proof import ledger_prove
from marketplace.services.sellable import sellable_refresh_all
from myhouse.documents.models import AuditEntry, OutboxMessage
from myhouse.documents.services import SYSTEM
from myhouse.models import Notice, User
from tests.taken_back import made_once, taken_back

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.xdist_group("demo_market")]

NOW = datetime(2026, 11, 20, 15, 7, 30, tzinfo=UTC)
HOMES, DAYS = 5, 10


def fill(**options: object) -> None:
    demo.demo_fill(now=NOW, say=lambda _text: None, homes=HOMES, days=DAYS, **options)


def days_traded() -> list[str]:
    marks = AuditEntry.objects.filter(action="demo.market_day").order_by("at")
    return [mark.details["day"] for mark in marks]


@pytest.fixture(scope="module", autouse=True)
def filled(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[None]:
    """A demo of five homes and ten days, in a folder of its own: filled once, and every test takes its own back."""
    with override_settings(VAR_DIR=tmp_path_factory.mktemp("demo")):
        yield from made_once(django_db_blocker, fill)


def street(now: datetime = NOW):
    return street_of(demo.demo_spec()[0], now=now)


def test_a_fresh_demo_has_traded_on_each_day_before() -> None:
    assert days_traded() == [f"2026-11-{day:02}" for day in range(11, 20)]
    trades = list(Trade.objects.all())
    assert {trade.kind for trade in trades} == {"stored", "window"}
    assert len({trade.bought_at.date() for trade in trades}) >= 6
    assert max(trade.bought_at for trade in trades) <= NOW
    metered = [trade for trade in trades if trade.kind == "window" and trade.window_end < NOW - timedelta(hours=1)]
    assert {trade.state for trade in metered} == {"done"}
    assert Lot.objects.filter(used_wh__gt=0, side="import").exists()
    assert ledger_prove(now=NOW).sound
    assert min(Account.objects.filter(owner_kind="household").values_list("balance", flat=True)) >= 0


def test_what_a_battery_can_sell_is_of_now() -> None:
    sellers = [one.household for one in street().neighbours if one.trader.has_battery]
    assert {sellable_of(household=household, now=NOW).refreshed_at for household in sellers} == {NOW}


def test_nobody_is_told_news_of_the_past_and_everybody_those_to_come() -> None:
    assert not Notice.objects.exists()
    assert not OutboxMessage.objects.exists()
    told = {user.email.partition("@")[0]: user.told_by_mail for user in User.objects.all()}
    assert told == {
        "household": True, "neighbour": True, "operator": True, "home-3": False, "home-4": False, "home-5": False
    }  # fmt: skip


def test_filling_again_trades_on_no_day_twice() -> None:
    before = set(Trade.objects.values_list("pk", flat=True))
    fill()
    demo.demo_catch_up(now=NOW, say=lambda _text: None)
    assert set(Trade.objects.values_list("pk", flat=True)) == before


def test_after_a_pause_only_homes_without_a_login_have_traded() -> None:
    later = NOW + timedelta(days=3)
    demo.demo_catch_up(now=later, say=lambda _text: None)
    visitors = [one.household.pk for one in street(later).neighbours if one.trader.is_visitor]
    meanwhile = Trade.objects.filter(bought_at__gte=NOW + timedelta(hours=12))
    assert days_traded()[-3:] == ["2026-11-20", "2026-11-21", "2026-11-22"]
    assert not meanwhile.filter(buyer_id__in=visitors).exists()
    assert not Offer.objects.filter(seller_id__in=visitors, created_at__gt=NOW).exists()
    assert ledger_prove(now=later).sound


def test_neighbours_keep_some_offers_in_the_book_and_buy_from_it() -> None:
    sellable_refresh_all(now=NOW)
    steps = [demo.market_step(now=NOW + timedelta(minutes=minute)) for minute in range(15)]
    assert sum(step.offered for step in steps) > 0
    assert sum(step.bought for step in steps) > 0
    home = street().neighbours[0].household
    book = book_page(household=home, query=BookQuery(), now=NOW + timedelta(minutes=15))
    assert 3 <= len(book.lines) <= BOOK_USUAL
    assert all(line.price_uct_kwh < (line.supplier_uct_kwh or 0) for line in book.lines)
    assert ledger_prove(now=NOW).sound


def test_what_a_guest_offers_is_bought_soon_and_nothing_is_done_in_his_name() -> None:
    guest = street().neighbours[1].household
    start = datetime(2026, 11, 21, 11, tzinfo=UTC)
    offer = offer_create(
        household=guest,
        kind="window",
        energy_wh=300,
        total_uct=300 * 12_000,
        window=(start, start + timedelta(hours=1)),
        actor=SYSTEM,
        now=NOW,
    )
    for minute in range(12):
        demo.market_step(now=NOW + timedelta(minutes=minute))
    offer.refresh_from_db()
    assert offer.left_wh < 300
    visitors = [one.household.pk for one in street().neighbours if one.trader.is_visitor]
    assert not Trade.objects.filter(buyer_id__in=visitors, bought_at__gte=NOW).exists()
    assert Notice.objects.filter(user__email="neighbour@demo.example").exists()
    assert not Notice.objects.exclude(user__email="neighbour@demo.example").exists()


def done_in(minute: int) -> list[tuple]:
    """What one minute does to the market; taken back again."""
    known = set(Offer.objects.values_list("pk", flat=True))
    made = set(Trade.objects.values_list("pk", flat=True))
    with taken_back():
        trading_step(street(), now=NOW, minute=minute)
        offers = Offer.objects.exclude(pk__in=known).order_by("pk")
        trades = Trade.objects.exclude(pk__in=made).order_by("pk")
        return [
            *offers.values_list("seller_id", "energy_wh", "total_uct"),
            *trades.values_list("buyer_id", "total_uct"),
        ]


def test_the_same_minute_brings_the_same_ideas() -> None:
    sellable_refresh_all(now=NOW)
    seen = [done_in(minute) for minute in (*range(70, 78), *range(70, 78))]
    assert seen[:8] == seen[8:]
    assert len({tuple(one) for one in seen}) > 2


def test_the_task_acts_once_a_minute() -> None:
    demo_market_step()
    before = Offer.objects.count(), Trade.objects.count()
    assert demo_market_step() == 0
    assert (Offer.objects.count(), Trade.objects.count()) == before
