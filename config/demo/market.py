"""The demo's market: start money, a month of trading that lies behind, and going on after a pause."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from config.demo.logins import ROLES
from config.demo.street import EURO, Neighbour, Street, buy, sell, start_money, street_of, withdraw
from config.demo.traders import part_of
from config.demo.trading import trading_step
from devices.simulator.community import Spec
from devices.simulator.noise import key_of
from marketplace.selectors.sellable import sellable_of, window_free_wh
from marketplace.services.cash import deposit_request
from marketplace.services.claims import claims_use
from marketplace.services.offers import offers_close
from marketplace.services.proof import ledger_prove
from marketplace.services.sellable import sellable_refresh_all, slots_refresh, stored_refresh
from marketplace.services.settlement import windows_settle
from myhouse.documents.models import AuditEntry
from myhouse.documents.services import Actor, audit_record
from myhouse.models import User

DAYS = 30
# What is in the book when the doors open: so many minutes of trading just before.
_OPENING_MINUTES = 12
_LEAST_WH = 150
_HISTORY = 62
_OPENED, _TRADED, _READY = "demo.market_opened", "demo.market_day", "demo.market_ready"
_DEMO = Actor(label="demo")


def market_fill(*, spec: Spec, now: datetime, say: Callable[[str], Any] = print) -> int:
    """Let the demo trade on every day that it has not yet; returns how many days were added.

    Each day is one transaction with its own mark, so an interrupted filling goes on with the day it had come to. At
    the first filling all homes trade; on days that passed while nobody served, only those without a login.
    """
    street = street_of(spec, now=now)
    if street is None:
        return 0
    filled_on = _opened(street, now)
    days = _days_to_trade(street, now)
    if days:
        say(f"  trading on {len(days)} days")
    for day in days:
        trading = street if day < filled_on else street.without_visitors()
        # Django's own block and not ours: what one neighbour is refused is taken back alone, and the day goes on.
        with transaction.atomic():
            _day_trade(trading, day)
    _doors_open(street, now)
    if days:
        windows_settle(now=now)
        claims_use(now=now)
        ledger_prove(now=now)
        # Of each home only what it had at its last offer is known.
        sellable_refresh_all(now=now)
        for minutes in range(_OPENING_MINUTES, 0, -1):
            trading_step(street, now=now, minute=int(now.timestamp()) // 60 - minutes)
    return len(days)


def _opened(street: Street, now: datetime) -> date:
    """Give everybody some money to begin with, once; returns the day on which that was."""
    first = _noted(street, _OPENED)
    if first is not None:
        return date.fromisoformat(first.details["day"])
    today = _today(street, now)
    begins = _local(street, _first_day(street, today), time(0, 5))
    rng = random.Random(key_of(street.spec.seed, _HISTORY))  # noqa: S311 - a story, not a secret
    with transaction.atomic():
        for neighbour in street.neighbours:
            start_money(neighbour, rng.choice((40, 50, 60, 80)) * EURO, now=begins)
        _note(street, _OPENED, begins, today)
    return today


def _doors_open(street: Street, now: datetime) -> None:
    """From now on those with a login are told their news; of the made-up past they were not."""
    if _noted(street, _READY) is not None:
        return
    with transaction.atomic():
        _guests_supply(street, now)
        for neighbour in street.neighbours[2:3]:  # something for the operator to decide
            deposit_request(
                household=neighbour.household,
                amount_uct=25 * EURO,
                actor=neighbour.actor,
                now=now - timedelta(hours=1),
            )
        User.objects.filter(email__in=list(ROLES.values())).update(told_on_page=True, told_by_mail=True)
        _note(street, _READY, now, _today(street, now))


def _days_to_trade(street: Street, now: datetime) -> list[date]:
    """The whole local days before today, after the last one that was traded, not before the meters begin."""
    today = _today(street, now)
    first = _first_day(street, today)
    done = _noted(street, _TRADED)
    if done is not None:
        first = max(first, date.fromisoformat(done.details["day"]) + timedelta(days=1))
    return [first + timedelta(days=step) for step in range((today - first).days)]


def _first_day(street: Street, today: date) -> date:
    return min(max(today - timedelta(days=DAYS), street.spec.origin + timedelta(days=1)), today)


def _noted(street: Street, action: str) -> AuditEntry | None:
    """The newest mark of this kind."""
    return AuditEntry.objects.filter(action=action, community_id=street.community.pk).order_by("-at").first()


def _note(street: Street, action: str, at: datetime, day: date) -> None:
    details = {"day": day.isoformat()}
    audit_record(actor=_DEMO, action=action, now=at, community_id=street.community.pk, details=details)


class _Diary:
    """What happens on a day, in the order of time: an offer brings purchases later on."""

    def __init__(self) -> None:
        self._plans: list[tuple[datetime, int, Callable[[datetime], object]]] = []
        self._count = 0

    def plan(self, at: datetime, act: Callable[[datetime], object]) -> None:
        """Do this at that time."""
        self._count += 1
        heapq.heappush(self._plans, (at, self._count, act))

    def live(self) -> None:
        """Do everything."""
        while self._plans:
            at, _number, act = heapq.heappop(self._plans)
            act(at)


def _day_trade(street: Street, day: date) -> None:
    """A day of the past: surplus of noon in the morning, what the batteries have in the evening."""
    rng = random.Random(key_of(street.spec.seed, _HISTORY, day.toordinal()))  # noqa: S311 - a story, not a secret
    diary = _Diary()
    _noon_plan(street, day, rng, diary)
    _evening_plan(street, day, rng, diary)
    diary.plan(_local(street, day, time(15)), lambda at: offers_close(now=at))
    diary.plan(_local(street, day, time(16, 30)), lambda at: windows_settle(now=at))
    if day.toordinal() % 6 == 0:  # within the time that it looks back
        diary.plan(_local(street, day, time(23, 50)), lambda at: claims_use(now=at))
    diary.plan(_local(street, day, time(23, 55)), lambda at: _note(street, _TRADED, at, day))
    diary.live()


def _noon_plan(street: Street, day: date, rng: random.Random, diary: _Diary) -> None:
    """Some offer what their roofs will probably have left at noon; others buy it before they go to work."""
    sellers = [one for one in street.neighbours if one.trader.has_surplus]
    for seller in rng.sample(sellers, min(len(sellers), 1 + len(street.neighbours) // 12)):
        hour = rng.choice((10, 11, 12, 13))
        window = (_local(street, day, time(hour)), _local(street, day, time(hour + rng.choice((1, 2)))))

        def offer(at: datetime, seller: Neighbour = seller, window: tuple[datetime, datetime] = window) -> None:
            slots_refresh(household_ids=[seller.household.pk], now=at)
            free = window_free_wh(household=seller.household, start=window[0], end=window[1])
            energy_wh = min(part_of(free, rng.uniform(0.4, 0.9)), 4_000)
            uct_kwh = seller.trader.ask_uct_kwh - 2_000_000
            made = sell(seller, "window", energy_wh, now=at, uct_kwh=uct_kwh, window=window)
            _sales_plan(street, seller, made, rng=rng, diary=diary, at=at + timedelta(minutes=7))

        diary.plan(_local(street, day, time(7, rng.randrange(60))), offer)


def _evening_plan(street: Street, day: date, rng: random.Random, diary: _Diary) -> None:
    """Full batteries are offered in the evening; what nobody wants is taken back at night."""
    sellers = [one for one in street.neighbours if one.trader.has_battery]
    for seller in rng.sample(sellers, min(len(sellers), 1 + len(street.neighbours) // 12)):

        def offer(at: datetime, seller: Neighbour = seller) -> None:
            energy_wh = part_of(_stored_free(seller, at), rng.uniform(0.3, 0.6))
            made = sell(seller, "stored", energy_wh, now=at, uct_kwh=seller.trader.ask_uct_kwh)
            _sales_plan(street, seller, made, rng=rng, diary=diary, at=at + timedelta(minutes=11))
            if made is not None:
                late = _local(street, day, time(22, rng.randrange(60)))
                diary.plan(late, lambda at: withdraw(seller, made.pk, now=at))

        diary.plan(_local(street, day, time(17, rng.randrange(60))), offer)


def _sales_plan(
    street: Street, seller: Neighbour, offer: Any, *, rng: random.Random, diary: _Diary, at: datetime
) -> None:
    """One to three others buy a part of it each, the last one often all that is left."""
    if offer is None:
        return
    others = [one for one in street.neighbours if one is not seller]
    buyers = rng.sample(others, min(len(others), rng.choice((1, 2, 2, 3))))
    left = offer.energy_wh
    for number, buyer in enumerate(buyers):
        part = max(part_of(left, rng.uniform(0.3, 0.6)), _LEAST_WH)
        rest = number == len(buyers) - 1 and rng.random() < 0.8
        wanted = left if rest or left - part < _LEAST_WH else part
        left -= wanted
        diary.plan(at + timedelta(minutes=13 * number), partial(_bought, buyer, offer, wanted))
        if not left:
            return


def _bought(buyer: Neighbour, offer: Any, energy_wh: int, at: datetime) -> None:
    buy(buyer, offer, energy_wh, now=at)


def _stored_free(seller: Neighbour, at: datetime) -> int:
    stored_refresh(household_ids=[seller.household.pk], now=at)
    return sellable_of(household=seller.household, now=at).stored_free_wh


def _guests_supply(street: Street, now: datetime) -> None:
    """Let the homes with logins have bought something a while ago, so that their day shows it."""
    at = max(now - timedelta(hours=3), _local(street, _today(street, now), time(0, 10)))
    others = [one for one in street.neighbours if one.trader.has_battery and not one.trader.is_visitor]
    for guest in (one for one in street.neighbours if one.trader.is_visitor):
        held = {seller: _stored_free(seller, at) for seller in others}
        if not held or at >= now:
            return
        seller = max(held, key=lambda one: held[one])
        energy_wh = min(part_of(held[seller], 0.5), 1_800)
        offer = sell(seller, "stored", energy_wh, now=at, uct_kwh=seller.trader.ask_uct_kwh)
        if offer is not None:
            buy(guest, offer, energy_wh, now=at + timedelta(minutes=2))


def _today(street: Street, now: datetime) -> date:
    return now.astimezone(ZoneInfo(street.spec.zone)).date()


def _local(street: Street, day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, tzinfo=ZoneInfo(street.spec.zone)).astimezone(UTC)
