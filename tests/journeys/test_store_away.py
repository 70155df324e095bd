"""The time-series server is away from the start: every page answers, ingest answers, and nothing is decided by it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient, Client
from django.urls import reverse

from devices.tests.factories import Meter, http_meter
from marketplace.models import Trade
from marketplace.models.offers import TradeState
from marketplace.services.settlement import windows_settle
from marketplace.tests.factories import EURO, Trader, traders
from myhouse.models import Measurement
from myhouse.services.displays import display_create
from myhouse.tests.factories import NOW, PASSWORD, MembershipFactory, UserFactory, actor_of
from telemetry.live import live_put
from telemetry.model import Reading
from telemetry.process import store_close, store_current
from telemetry.selectors import latest, store_state
from telemetry.series_copy import SeriesCopy
from telemetry.spooled import SpooledStore
from tests.security.routes import routes

pytestmark = pytest.mark.django_db(transaction=True)


def moment() -> datetime:
    return datetime.now(UTC)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def home() -> Meter:
    return http_meter(now=moment() - timedelta(days=1))


@pytest.fixture
def away(home, settings, tmp_path) -> Iterator[SpooledStore]:
    """From here on the store is a server that nobody runs; this machine remembers the home's series."""
    ids = list(Measurement.objects.filter(metering_point=home.point).values_list("series_id", flat=True))
    known = store_current().rows(ids)
    settings.SPOOL_DIR = tmp_path
    SeriesCopy(tmp_path / "away").put([known[one] for one in ids])
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        settings.TELEMETRY_URL = f"cassandra://127.0.0.1:{held.getsockname()[1]}/away?replication=1"
        yield store_current()
        store_close()


@pytest.fixture
def member(home) -> Client:
    membership = MembershipFactory(household=home.household, user=UserFactory(is_staff=True, is_superuser=True))
    client = Client()
    assert client.login(username=membership.user.email, password=PASSWORD)
    return client


def packet(power_kw: float, at_ms: int) -> dict:
    points = [{"name": "power", "value": power_kw, "unit": "kW"}]
    return {"version": 1, "property": "home", "reading_ts": at_ms, "device_id": "meter-1", "points": points}


def sent(home: Meter, body: object):
    post = AsyncClient().post
    return async_to_sync(post)(
        "/ingest/packets", data=json.dumps(body).encode(), content_type="application/json", headers=home.headers
    )


def test_ingest_answers_202_at_once_and_tells_that_the_readings_are_in_the_spool(home, away):
    at = now_ms()
    begun = time.monotonic()
    answers = [sent(home, packet(1.5, at + number)) for number in range(20)]
    assert time.monotonic() - begun < 5
    assert {answer.status_code for answer in answers} == {202}
    assert answers[0].json() == {"accepted": 1, "ignored": [], "spooled": True}
    state = store_state()
    assert (state.reachable, state.spooled_readings) == (False, 20)
    assert state.oldest_ms >= at


def test_a_full_spool_answers_503_with_its_folder_and_when_to_come_again(home, away):
    away.spool.max_bytes = 300
    answers = [sent(home, packet(1.5, now_ms() - number)) for number in range(6)]
    refused = answers[-1]
    assert answers[0].status_code == 202
    assert (refused.status_code, refused["Retry-After"]) == (503, "60")
    assert refused["Content-Type"] == "application/problem+json"
    assert str(away.spool.folder) in refused.json()["detail"]
    assert store_state().full


def test_readings_of_series_this_machine_never_saw_are_refused_for_now(home, away):
    SeriesCopy(away.spool.folder)._path.unlink()
    answer = sent(home, packet(1.5, now_ms()))
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "away" in answer.json()["detail"]


def test_every_page_answers_and_says_what_is_missing(home, away, member):
    answers = {}
    for route in routes():
        if not route.api and not route.direct and route.ids <= {"household_id"}:
            path = route.filled({"household_id": home.household.pk})
            answers[path] = member.get(path)
    broken = {path: answer.status_code for path, answer in answers.items() if answer.status_code >= 500}
    assert broken == {}
    assert len(answers) > 30
    shown = [answers[f"/households/{home.household.pk}/"], member.get(reverse("energy-span", args=_today(home)))]
    for page in shown:
        text = page.content.decode()
        assert page.status_code == 200
        assert "Readings of the last minute are safe" in text
        assert "Readings cannot be shown now" in text
        assert "0 kWh" not in text


def test_a_wall_display_says_what_is_missing_and_shows_no_zeros(home, away, member):
    owner = MembershipFactory(household=home.household).user
    _link, secret = display_create(
        household=home.household, name="Hall", owner=owner, actor=actor_of(owner), now=moment()
    )
    page = Client().get(reverse("display", args=[secret]))
    text = page.content.decode()
    assert page.status_code == 200
    assert "Readings of the last minute are safe" in text
    assert "Readings cannot be shown now" in text
    assert "€0.00" not in text


def _today(home: Meter) -> tuple[UUID, str, str]:
    return home.household.pk, "day", moment().date().isoformat()


def test_live_values_go_on_from_redis(home, away, member):
    series = Measurement.objects.get(metering_point=home.point, quantity="power").series_id
    live_put({series: Reading(now_ms(), 1234.0, 0)})
    text = member.get(f"/households/{home.household.pk}/").content.decode()
    assert "1.23" in text
    assert "data-live-url" in text


def test_the_api_answers_503_naming_the_part_and_when_to_come_again(home, away, member):
    paths = [
        f"/api/v1/households/{home.household.pk}/statistics?unit=day&start={moment().date()}",
        f"/api/v1/households/{home.household.pk}/statistics/export.csv?unit=day&start={moment().date()}",
        f"/api/v1/households/{home.household.pk}/latest",
    ]
    for path in paths:
        answer = member.get(path)
        assert (path, answer.status_code) == (path, 503)
        assert answer["Retry-After"]
        assert "time-series store" in answer.json()["detail"]


def test_the_operators_page_and_readiness_say_what_is_away_and_what_waits(home, away, member, settings):
    sent(home, packet(1.5, now_ms()))
    text = member.get("/admin/").content.decode()
    assert "Readings in the spool" in text
    assert "away" in text
    ready = async_to_sync(AsyncClient().get)("/readyz").json()
    assert ready["spool"]["readings"] == 1
    assert "telemetry" in ready["failing"]


@pytest.fixture
def neighbours() -> tuple[Trader, ...]:
    return tuple(traders(money_uct=EURO))


@pytest.fixture
def trade(neighbours) -> Trade:
    seller, buyer = neighbours
    return buyer.buys(seller.offers_window(1_000, 20_000_000, start=NOW + timedelta(hours=1)))


def test_energy_is_bought_from_neighbours_as_before(neighbours, away):
    seller, buyer = neighbours
    trade = buyer.buys(seller.offers_window(1_000, 20_000_000, start=NOW + timedelta(hours=1)))
    assert trade.state == TradeState.RESERVED


def test_nothing_is_settled_while_the_store_is_away_however_late_it_gets(trade, away):
    assert windows_settle(now=NOW + timedelta(days=5)) == 0
    trade.refresh_from_db()
    assert trade.state == TradeState.RESERVED


def test_a_spooled_reading_is_not_read_as_the_newest_by_anybody_who_needs_it_whole(home, away):
    from telemetry.errors import StoreUnavailableError

    sent(home, packet(1.5, now_ms()))
    with pytest.raises(StoreUnavailableError):
        latest(series_ids=[Measurement.objects.get(metering_point=home.point, quantity="power").series_id])


async def test_a_store_that_cannot_be_away_has_no_spool():
    state = await sync_to_async(store_state)()
    assert state.is_whole
    assert state.spooled_readings == 0
