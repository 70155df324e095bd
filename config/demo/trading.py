"""The demo's neighbours at the market, a minute at a time: they offer what they have left and buy what is cheap.

What the homes with logins do is left to who signs in; the others buy from them and sell to them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config.demo.street import EURO, Neighbour, Street, book_for, buy, is_sated, sell, start_money, withdraw
from config.demo.traders import part_of
from devices.simulator.noise import key_of
from marketplace.selectors.accounts import balance_of, cash_orders_of
from marketplace.selectors.offers import OfferLine, own_offers_page
from marketplace.selectors.sellable import Sellable, sellable_of

# So many offers are always to be seen, as far as there is anything to offer, and seldom more.
BOOK_AT_LEAST, BOOK_USUAL = 5, 11
# Neighbours leave the last few offers to the guests.
_CHOICE = 4
_ASKED_PER_MINUTE = 5
# So many look into the book in a minute; the first who likes something buys.
_LOOKING = 3
_STALE = timedelta(hours=5)
_POOR = 5 * EURO
_MINUTE = 63


@dataclass(frozen=True, slots=True)
class Step:
    """What happened in a minute."""

    offered: int = 0
    bought: int = 0
    withdrawn: int = 0


def trading_step(street: Street, *, now: datetime, minute: int | None = None) -> Step:
    """Let the neighbours do what they do in this minute; the same minute brings the same ideas."""
    minute = int(now.timestamp()) // 60 if minute is None else minute
    rng = random.Random(key_of(street.spec.seed, _MINUTE, minute))  # noqa: S311 - a game, not a secret
    neighbours = [one for one in street.neighbours if not one.trader.is_visitor]
    if not neighbours:
        return Step()
    withdrawn = _stale_withdraw(neighbours[minute % len(neighbours)], now)
    book = book_for(neighbours[0], now=now, limit=BOOK_USUAL + 1)
    wanted = 2 if len(book) < BOOK_AT_LEAST else int(len(book) < BOOK_USUAL and rng.random() < 0.5)
    offered = _offer(neighbours, wanted, rng, now)
    asked = rng.sample(neighbours, min(len(neighbours), _LOOKING)) if rng.random() < 0.7 else []
    bought = int(any(_purchase(street, buyer, rng, now) for buyer in asked))
    return Step(offered=offered, bought=bought, withdrawn=withdrawn)


def _offer(neighbours: list[Neighbour], wanted: int, rng: random.Random, now: datetime) -> int:
    """Ask some of them what they have left until so many have offered something."""
    able = [one for one in neighbours if one.trader.has_battery or one.trader.has_surplus]
    done = 0
    for seller in rng.sample(able, min(len(able), _ASKED_PER_MINUTE)):
        if done >= wanted:
            break
        sellable = sellable_of(household=seller.household, now=now)
        ways = [_offer_stored, _offer_window]
        rng.shuffle(ways)
        done += any(way(seller, sellable, rng, now) is not None for way in ways)
    return done


def _offer_stored(seller: Neighbour, sellable: Sellable, rng: random.Random, now: datetime) -> object | None:
    energy_wh = min(part_of(sellable.stored_free_wh, rng.uniform(0.3, 0.7)), 3_000)
    return sell(seller, "stored", energy_wh, now=now, uct_kwh=_asked(seller, rng))


def _offer_window(seller: Neighbour, sellable: Sellable, rng: random.Random, now: datetime) -> object | None:
    """One to three of the coming hours in which it expects to have the most left."""
    hours: dict[datetime, int] = {}
    for slot in sellable.slots:
        hour = slot.start.astimezone(UTC).replace(minute=0)
        if now + timedelta(minutes=20) < hour < now + timedelta(hours=40):
            hours[hour] = hours.get(hour, 0) + slot.free_wh
    best = sorted(hours, key=lambda hour: -hours[hour])[:4]
    if not best:
        return None
    start = rng.choice(best)
    length = timedelta(hours=rng.choice((1, 1, 2)))
    free = sum(hours.get(start + timedelta(hours=step), 0) for step in range(length // timedelta(hours=1)))
    energy_wh = min(part_of(free, rng.uniform(0.3, 0.8)), 3_000)
    uct_kwh = _asked(seller, rng) - 2_000_000
    return sell(seller, "window", energy_wh, now=now, uct_kwh=uct_kwh, window=(start, start + length))


def _asked(seller: Neighbour, rng: random.Random) -> int:
    return seller.trader.ask_uct_kwh + rng.randrange(-15, 16) * 100_000


def _purchase(street: Street, buyer: Neighbour, rng: random.Random, now: datetime) -> bool:
    """Look into the book, and buy some of what is cheap enough: a guest's offer before others."""
    lines = [line for line in book_for(buyer, now=now) if line.price_uct_kwh <= buyer.trader.bid_uct_kwh]
    guests = {one.household.pk for one in street.neighbours if one.trader.is_visitor}
    by_guests = [line for line in lines if line.offer.seller_id in guests]
    if (len(lines) < _CHOICE and not by_guests) or is_sated(buyer, now=now):
        return False
    line = rng.choice(by_guests or lines[:6])
    wanted = _wanted(line, rng)
    if balance_of(household=buyer.household, now=now).available_uct < _POOR:
        _save_up(buyer, now)
    return buy(buyer, line.offer, wanted, now=now) is not None


def _wanted(line: OfferLine, rng: random.Random) -> int:
    """A part, or all when little would be left."""
    left = min(line.offer.left_wh, line.deliverable_wh)
    part = min(left, rng.choice((100, 150, 200, 300, 400, 600)))
    return left if left - part < 100 else part


def _save_up(buyer: Neighbour, now: datetime) -> None:
    """Pay in again, but not twice a day."""
    orders = cash_orders_of(household=buyer.household)
    if not any(order.requested_at > now - timedelta(days=1) for order in orders):
        start_money(buyer, 30 * EURO, now=now)


def _stale_withdraw(seller: Neighbour, now: datetime) -> int:
    """Take back what has found nobody for hours."""
    mine = own_offers_page(household=seller.household, cursor=None, limit=20, now=now).lines
    still = [line.offer for line in mine if line.offer.state == "open" and line.offer.kind == "stored"]
    old = [offer for offer in still if offer.created_at < now - _STALE]
    return sum(withdraw(seller, offer.pk, now=now) is not None for offer in old)
