"""Trading while web server and workers are killed again and again: exact money, each order answered once.

About forty seconds of load in the tests; `make soak` takes ten minutes (SOAK_SECONDS).
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.serving import ROOT, Served, serving
from config.serve.probe import http_answers
from tests.journeys.soak_client import Meters, Order, Reader, Trader, Wire
from tests.servers import surroundings

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.xdist_group("serve")]
SECONDS = float(os.environ.get("SOAK_SECONDS", "40"))
VICTIMS = {"web": "config.serve.web", "worker": "config.serve.worker"}
LONGEST = 4
"""Times SECONDS: on a slow machine the test goes on until it has seen enough."""
DEMO = {"MYHOUSE_DEMO_HOMES": "4", "MYHOUSE_DEMO_DAYS": "2"}


@pytest.fixture
def served() -> Iterator[Served]:
    # Not pytest's own folder: its path may be too long for a socket.
    path = Path(tempfile.mkdtemp(prefix="mh-"))
    with serving(var=path / "var", environment=surroundings(path / "var") | DEMO) as one:
        yield one
    shutil.rmtree(path, ignore_errors=True)


def run(served: Served, *command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=surroundings(served.var),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def told(served: Served, what: str) -> dict:
    return json.loads(run(served, "-m", "tests.journeys.soak_market", what).stdout.splitlines()[-1])


def pid_of(served: Served, victim: str) -> int | None:
    return next((pid for pid, command in served.pids().items() if VICTIMS[victim] in command), None)


def web_answers(served: Served) -> bool:
    return http_answers("127.0.0.1", int(served.url.rpartition(":")[2]), "/readyz")


def kill_at_random(served: Served, rng: random.Random, kills: Counter[str], goes_on: Callable[[], bool]) -> None:
    """End web server and worker with -9, again and again, whatever they are doing."""
    victims = itertools.cycle(VICTIMS)
    while goes_on():
        # On a slow machine a web server that is always just starting would have no order to lose.
        if not web_answers(served):
            time.sleep(0.1)
            continue
        time.sleep(rng.uniform(1.0, 6.0))
        victim = next(victims)
        pid = pid_of(served, victim)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            kills[victim] += 1


@pytest.mark.timeout(LONGEST * SECONDS + 400)
def test_no_order_is_lost_or_done_twice_while_web_and_workers_are_killed(served: Served) -> None:
    market = told(served, "found")
    stop, feed_stop = threading.Event(), threading.Event()
    meters = Meters(served.url, [home["meter"] for home in market["homes"]], feed_stop)
    meters.beat()
    traders = [Trader(served.url, home, stop) for home in market["homes"]]
    readers = [Reader(served.url, home, stop) for home in market["homes"][:2]]
    kills: Counter[str] = Counter()
    begun = time.monotonic()
    for thread in (meters, *traders, *readers):
        thread.start()

    def goes_on() -> bool:
        """On a slow machine longer than asked for: until there is enough to judge by."""
        lasted = time.monotonic() - begun
        enough = set(kills) == set(VICTIMS) and has_seen_enough(traders, readers)
        return lasted < SECONDS or (lasted < LONGEST * SECONDS and not enough)

    kill_at_random(served, random.Random(7), kills, goes_on)
    stop.set()
    for thread in (*traders, *readers):
        thread.join(timeout=200)
    took = time.monotonic() - begun
    feed_stop.set()
    print(summary(traders, readers, kills, took))
    print("its last faults:", "\n".join((served.var / "log" / "web.log").read_text().split("Traceback")[1:][-3:]))

    assert [trader.fault for trader in traders if trader.fault is not None] == []
    assert not any(thread.is_alive() for thread in traders)
    assert set(kills) == set(VICTIMS)
    assert has_seen_enough(traders, readers)
    assert set().union(*(reader.read for reader in readers)) <= {200, 429, 503}
    check_answers([order for trader in traders for order in trader.orders])
    check_trades(traders, market, told(served, "facts"))
    check_lists(served, market, told(served, "facts"))
    proof = run(served, "manage.py", "ledger_check")
    print(proof.stdout.strip())


def has_seen_enough(traders: list[Trader], readers: list[Reader]) -> bool:
    """Whether there were orders, orders asked for again after they were accepted, and pages."""
    orders = [order for trader in traders for order in list(trader.orders)]
    again = [order for order in orders if len(order.answers) > 1 and order.answers[0].accepted]
    return len(orders) > 60 and len(again) > 5 and sum(reader.read[200] for reader in readers) > 10


def summary(traders: list[Trader], readers: list[Reader], kills: Counter[str], took: float) -> str:
    """What was done and seen, in a few lines."""
    seen: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for trader in traders:
        seen += trader.seen
        broken += trader.wire.broken
    pages = sum((reader.read for reader in readers), Counter())
    orders = sum(len(trader.orders) for trader in traders)
    return "\n".join(
        [
            f"\n{took:.0f} s, {len(traders)} traders, {orders:,} orders, {orders / took:.0f}/s; killed: {dict(kills)}",
            f"done: {dict(sorted(seen.items()))}",
            f"tried again after: {dict(broken)}",
            f"pages: {dict(pages)}, {sum(reader.broken for reader in readers)} broken off",
        ]
    )


def check_answers(orders: list[Order]) -> None:
    """Each order has one answer, however often it was asked for."""
    accepted = [order for order in orders if order.answers and order.answers[0].accepted]
    assert len({order.answers[0].body["id"] for order in accepted}) == len(accepted)
    assert [order for order in orders if not order.answers] == []
    assert [order for order in accepted if any(answer != order.answers[0] for answer in order.answers)] == []
    # 404 and 409: sold out, withdrawn or changed meanwhile. 422: less there than asked for.
    refused = Counter(order.answers[0].status for order in orders if not order.answers[0].accepted)
    assert set(refused) <= {404, 409, 422}, refused


def check_trades(traders: list[Trader], market: dict, facts: dict) -> None:
    """What the clients were told is what is stored: no trade lost, none twice, and every sum agrees."""
    told_of: dict[str, set[tuple[str, int, str]]] = defaultdict(set)
    for trader in traders:
        for order in trader.orders:
            if order.path.endswith("/purchases") and order.answers[0].accepted:
                body = order.answers[0].body
                told_of[trader.household].add((body["id"], order.body["energy_wh"], body["offer"]))
    stored: dict[str, set[tuple[str, int, str]]] = defaultdict(set)
    paid: dict[str, int] = defaultdict(int)
    of_offer: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    bought: dict[str, int] = defaultdict(int)
    reserved: dict[str, int] = defaultdict(int)
    for trade_id, buyer, seller, offer_id, energy_wh, total_uct, _paid_uct, state in facts["trades"]:
        stored[buyer].add((trade_id, energy_wh, offer_id))
        of_offer[offer_id][0] += energy_wh
        of_offer[offer_id][1] += total_uct
        if state == "done":
            paid[buyer] -= total_uct
            paid[seller] += total_uct
            bought[buyer] += energy_wh
        else:
            reserved[buyer] += total_uct
    assert stored == told_of
    check_offers(facts["offers"], of_offer)
    for home in market["homes"]:
        owner = home["household"]
        (money,) = [a for a in facts["accounts"] if a[1] == owner and a[2] == "money"]
        assert money[3] == money[5] == facts["deposit_uct"] + paid[owner]
        assert money[4] == reserved[owner] <= money[3]
        energy = [a for a in facts["accounts"] if a[1] == owner and a[2] == "energy"]
        assert sum(a[3] for a in energy) == bought[owner]
    for asset in ("money", "energy"):
        assert sum(a[3] for a in facts["accounts"] if a[2] == asset) == 0


def check_offers(offers: list[list], of_offer: dict[str, list[int]]) -> None:
    """Of each offer so much is sold as its trades say, at the price of exactly that part."""
    assert {state for *_rest, state in offers} >= {"open"}
    for offer_id, _seller, energy_wh, total_uct, left_wh, _state in offers:
        sold_wh, sold_uct = of_offer[offer_id]
        assert sold_wh == energy_wh - left_wh
        assert sold_uct == total_uct * sold_wh // energy_wh


def check_lists(served: Served, market: dict, facts: dict) -> None:
    """A client that pages through its trades finds each of them once."""
    for home in market["homes"]:
        wire = Wire(served.url, home["token"])
        listed, cursor = [], ""
        while cursor is not None:
            after = f"&cursor={cursor}" if cursor else ""
            answer = wire.ask("GET", f"/api/v1/households/{home['household']}/trades?limit=200{after}").body
            listed += [trade["id"] for trade in answer["results"]]
            cursor = answer["next_cursor"]
        own = [t[0] for t in facts["trades"] if home["household"] in (t[1], t[2])]
        assert sorted(listed) == sorted(own)
