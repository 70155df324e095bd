"""A client of the soak: trades over the API, looks at pages, and asks again under the same key when nobody answers."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bench.browsing import Client

ANSWERED_WITHIN_S = 150.0
PAUSE_S = 0.8
_TRY_AGAIN = {429, 503}


@dataclass(frozen=True)
class Answer:
    """The final answer to an order: status and body."""

    status: int
    body: Any

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


@dataclass
class Order:
    """A request that must be done once: its key, what was asked, and every answer that was final."""

    key: str
    method: str
    path: str
    body: dict
    answers: list[Answer] = field(default_factory=list)


class Wire:
    """One kept-alive connection that is made anew when it broke."""

    def __init__(self, url: str, token: str) -> None:
        self.host = url.removeprefix("http://")
        self.token = token
        self.connection = http.client.HTTPConnection(self.host, timeout=30)
        self.broken: Counter[str] = Counter()

    def send(self, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any, float] | None:
        """One try; None when no whole answer came."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            self.connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = self.connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as fault:
            self.broken[type(fault).__name__] += 1
            self.connection.close()
            return None
        wait = float(response.getheader("Retry-After") or 0)
        return response.status, json.loads(content) if content else None, wait

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        """Ask until there is an answer; what may be asked again under its key is asked again."""
        end = time.monotonic() + ANSWERED_WITHIN_S
        while time.monotonic() < end:
            found = self.send(method, path, body, key)
            if found is None:
                time.sleep(0.05)
                continue
            status, content, wait = found
            if status not in _TRY_AGAIN and not (status == 409 and wait):
                return Answer(status, content)
            self.broken[str(status)] += 1
            time.sleep(min(max(wait, 0.05), 2.0))
        raise AssertionError(f"{method} {path} was not answered within {ANSWERED_WITHIN_S:.0f} s: {self.broken}")


class Trader(threading.Thread):
    """Trades for one household until told to stop; notes every order and what came of it."""

    def __init__(self, url: str, home: dict, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.base = f"/api/v1/households/{home['household']}"
        self.household = home["household"]
        self.wire = Wire(url, home["token"])
        self.rng = random.Random()
        self.stop = stop
        self.orders: list[Order] = []
        self.seen: Counter[str] = Counter()
        self.book: list[dict] = []
        self.fault: BaseException | None = None

    def run(self) -> None:
        """Do one thing after the other."""
        acts = [self.buy] * 10 + [self.sell] * 3 + [self.withdraw, self.look, self.account] + [self.repeat] * 2
        try:
            while not self.stop.is_set():
                self.rng.choice(acts)()
                # A member may try sixty times a minute.
                self.stop.wait(self.rng.uniform(0, PAUSE_S))
        except BaseException as fault:  # noqa: BLE001 - told by the test, which cannot look into a thread
            self.fault = fault

    def order(self, method: str, path: str, body: dict) -> Answer:
        """Ask for something that must happen once."""
        order = Order(uuid.uuid4().hex, method, path, body)
        self.orders.append(order)
        return self._asked(order)

    def buy(self) -> None:
        """Buy a part of something in the book."""
        if not self.book or self.rng.random() < 0.2:
            self.look()
        lines = [line for line in self.book if not line["own"]]
        if not lines:
            return
        line = self.rng.choice(lines)
        body = {"energy_wh": self.rng.randint(1, 40)}
        answer = self.order("POST", f"{self.base}/offers/{line['id']}/purchases", body)
        self.seen["bought" if answer.accepted else f"purchase refused {answer.status}"] += 1

    def sell(self) -> None:
        """Offer what the battery holds, or the surplus of a coming hour."""
        energy_wh = self.rng.randint(60, 300)
        body: dict[str, Any] = {"kind": "stored", "energy_wh": energy_wh, "total": f"{energy_wh * 0.00017:.4f}"}
        if self.rng.random() < 0.4:
            start = (int(time.time()) // 3600 + self.rng.randint(2, 40)) * 3600
            body["kind"] = "window"
            begin, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in (start, start + 3600))
            body["window"] = {"start": begin, "end": end}
        answer = self.order("POST", f"{self.base}/offers", body)
        self.seen["offered" if answer.accepted else f"offer refused {answer.status}"] += 1

    def withdraw(self) -> None:
        """Take one of the own offers back."""
        mine = self.wire.ask("GET", f"{self.base}/own-offers").body["results"]
        still = [offer for offer in mine if offer["state"] == "open"]
        if still:
            answer = self.wire.ask("DELETE", f"{self.base}/offers/{self.rng.choice(still)['id']}")
            self.seen["withdrawn" if answer.accepted else f"withdrawal refused {answer.status}"] += 1

    def look(self) -> None:
        """Read the book."""
        answer = self.wire.ask("GET", f"{self.base}/offers?sort={self.rng.choice(['price', 'newest'])}&limit=40")
        assert answer.status == 200, answer
        self.book = answer.body["results"]
        self.seen["book read"] += 1

    def account(self) -> None:
        """Read the accounts: none is ever below zero."""
        answer = self.wire.ask("GET", f"{self.base}/accounts")
        assert answer.status == 200, answer
        self.seen["accounts read"] += 1

    def repeat(self) -> None:
        """Ask for something a second time under its key, as a client does that lost the answer."""
        done = [order for order in self.orders[-200:] if order.answers and order.answers[0].accepted]
        if done:
            self._asked(self.rng.choice(done))
            self.seen["asked again"] += 1

    def _asked(self, order: Order) -> Answer:
        answer = self.wire.ask(order.method, order.path, order.body, order.key)
        order.answers.append(answer)
        return answer


class Reader(threading.Thread):
    """Looks at pages of the market, as a person does."""

    def __init__(self, url: str, home: dict, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.url, self.home, self.stop = url, home, stop
        self.client = Client(url)
        self.client.sign_in("/sign-in/", home["email"], home["password"])
        self.read: Counter[int] = Counter()
        self.broken = 0

    def run(self) -> None:
        """Read one page after the other."""
        base = f"/households/{self.home['household']}"
        pages = ["/market/", "/market/offers/", "/market/trades/", "/balance/", "/"]
        while not self.stop.is_set():
            for page in pages:
                try:
                    self.read[self.client.request("GET", base + page)[0]] += 1
                except (OSError, http.client.HTTPException):
                    self.broken += 1
                    self.client.connection.close()
                time.sleep(0.2)


class Meters(threading.Thread):
    """Sends every battery's state of charge, so that what is in them may be sold."""

    def __init__(self, url: str, keys: list[str], stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.keys, self.stop = keys, stop
        self.wires = [Wire(url, key) for key in keys]

    def run(self) -> None:
        """Send until told to stop."""
        while not self.stop.is_set():
            self.beat()
            self.stop.wait(5)

    def beat(self) -> None:
        """Send once for every battery."""
        for wire in self.wires:
            point = {"name": "state_of_charge", "value": 100, "unit": "%"}
            packet = {
                "version": 1,
                "property": "soak",
                "reading_ts": time.time_ns() // 1_000_000,
                "device_id": "battery",
                "points": [point],
            }
            wire.send("POST", "/ingest/packets", packet)
