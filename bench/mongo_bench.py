"""Trades and list pages on MongoDB, beside pymongo alone sending the same rows and pipelines to the same server."""

from __future__ import annotations

import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo import monitoring

from bench.ingest_bench import broker_start
from bench.rows import Row

CLIENTS = 8
SECONDS = 5.0
WARM_UP = 160
LISTED = 5_000
PAGES = 60
TRADES_TARGET, PAGE_MS = 0.3, 10.0


def rows() -> list[Row]:
    """Start a server, and measure in a process whose settings name it."""
    from config.cluster.mongod import MongoSet

    with tempfile.TemporaryDirectory(prefix="mh-bench-") as folder:
        mongo = MongoSet(Path(folder))
        mongo.start()
        try:
            surroundings = {**os.environ, "DATABASE_URL": mongo.url("bench"), "SECRET_KEY": secrets.token_urlsafe(40)}
            done = subprocess.run(
                [sys.executable, "-m", "bench.mongo_bench"],
                env=surroundings,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        finally:
            mongo.stop()
    return [Row(**fields) for fields in json.loads(done.stdout.splitlines()[-1])]


def measured() -> list[Row]:
    """Trade, prove the ledger, replay the same rows; then read lists both ways."""
    from django.core.management import call_command

    from bench.trades_bench import buy, ledger_prove
    from bench.trades_market import market_prepare

    broker = broker_start(Path(os.environ["MYHOUSE_VAR"]))
    try:
        call_command("migrate", verbosity=0)
        market = market_prepare(sellers=CLIENTS, buyers=CLIENTS, now=datetime.now(UTC))
        for number in range(WARM_UP):
            buy(market, number % CLIENTS)  # the first ones open accounts
        plans = [WATCH.recorded(lambda client=client: buy(market, client)) for client in range(CLIENTS)]
        ours = in_parallel(lambda client: lambda: buy(market, client))
        ledger_prove(market, WARM_UP + CLIENTS + ours)
        limit = in_parallel(lambda client: plans[client].replay) / SECONDS
        lists = lists_measured(market)
    finally:
        broker.terminate()
        broker.wait()
    rate = ours / SECONDS
    trades = Row(
        "MongoDB: trades per second, exact ledger, 8 clients",
        rate,
        "/s",
        f"≥ {TRADES_TARGET} of raw",
        met=rate >= TRADES_TARGET * limit,
        limit=limit,
        limit_name="raw pymongo transactions",
        note=f"{ours:,} trades, ledger proven; each sends {plans[0].count} rows in one majority-written transaction",
    )
    return [trades, *lists]


class Watch(monitoring.CommandListener):
    """What one trade sends."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self.commands: list[tuple[str, Any]] | None = None

    def recorded(self, run: Callable[[], object]) -> Plan:
        """Make one trade, and return what it wrote."""
        from myhouse.documents.base import uuid7

        begun, self.commands = uuid7().hex, []
        run()
        sent, self.commands = self.commands, None
        return Plan(sent, begun)

    def started(self, event: Any) -> None:
        """Keep inserts and updates."""
        if self.commands is not None and event.command_name in {"insert", "update"}:
            self.commands.append((event.command_name, dict(event.command)))

    def succeeded(self, event: Any) -> None:
        """Nothing to be kept."""

    def failed(self, event: Any) -> None:
        """Nothing to be kept."""


WATCH = Watch()


class Plan:
    """The writes of a trade, sent again and again with ids of their own."""

    def __init__(self, sent: list[tuple[str, Any]], begun: str) -> None:
        """Find out which ids the trade made."""
        self.sent = sent
        texts = re.findall(r"\b[0-9a-f]{32}\b", repr(sent))
        self.fresh = sorted({text for text in texts if text > begun})
        self.count = sum(len(command.get("documents", command.get("updates", []))) for _name, command in sent)
        self.number = 0

    def replay(self) -> None:
        """Write the same once more, as pymongo's own manual says: `with_transaction`."""
        from django.db import connection

        connection.ensure_connection()
        self.number += 1
        new = {}
        for old in self.fresh:
            one = uuid.uuid4()
            new |= {old: one.hex, str(uuid.UUID(old)): str(one)}
        pattern = re.compile("|".join(new))
        writes = [(name, self._filled(command, new, pattern)) for name, command in self.sent]

        def write(session: Any) -> None:
            for name, command in writes:
                collection = connection.database[command[name]]
                if name == "insert":
                    collection.insert_many(command["documents"], session=session)
                else:
                    for one in command["updates"]:
                        asked = {"_id": one["q"]["_id"]} if "_id" in one["q"] else one["q"]
                        collection.update_one(asked, one["u"], session=session)

        with connection.connection.start_session() as session:
            session.with_transaction(write)

    def _filled(self, value: Any, new: dict[str, str], pattern: re.Pattern[str]) -> Any:
        """The values of one more trade: its own ids, keys, entry numbers; and a rest that changes."""
        if isinstance(value, dict):
            filled = {name: self._filled(one, new, pattern) for name, one in value.items()}
            if "number" in filled:
                filled["number"] = 1_000_000 + 100 * self.number + value["number"] % 100
            if "left_wh" in filled:
                filled["left_wh"] = self.number
            return filled
        if isinstance(value, list):
            return [self._filled(one, new, pattern) for one in value]
        return pattern.sub(lambda found: new[found.group()], value) if isinstance(value, str) else value


def in_parallel(client: Callable[[int], Callable[[], object]]) -> int:
    """Let every client act for a while in a thread of its own; returns how often."""
    counts = [0] * CLIENTS

    def work(number: int) -> None:
        act, until = client(number), time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            act()
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(counts), "a client got nothing done"
    return sum(counts)


def lists_measured(market: Any) -> list[Row]:
    """Fill the book, the trades and the audit log; read pages of each, ours and the pipeline alone."""
    from marketplace.models import Offer, Trade
    from myhouse.documents.models import AuditEntry

    filled(market)
    here, buyer = market.community.pk, market.buyers[0].pk
    return [
        page_row("book", Offer.objects.filter(community_id=here, state="open"), "price_uct_kwh"),
        page_row("trades of a household", Trade.objects.filter(buyer_id=buyer), "-bought_at"),
        page_row("audit log", AuditEntry.objects.all(), "-at"),
    ]


def filled(market: Any) -> None:
    """Multiply an offer and a trade of the market."""
    from marketplace.models import Offer, Trade
    from myhouse.documents.base import uuid7
    from myhouse.documents.models import AuditEntry
    from myhouse.documents.rows import rows_insert

    trade, offer, now = Trade.objects.first(), market.offers[0], datetime.now(UTC)
    for begin in range(0, LISTED, 500):
        numbers = range(begin, begin + 500)
        for made in (
            [_copied(offer, pk=uuid7(), price_uct_kwh=number) for number in numbers],
            [_copied(trade, pk=uuid7(), bought_at=now - timedelta(seconds=number)) for number in numbers],
            [AuditEntry(at=now - timedelta(seconds=number), action="bench") for number in numbers],
        ):
            rows_insert(made)
    assert Offer.objects.count() > LISTED


def _copied(row: Any, **other: Any) -> Any:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return type(row)(**{**values, "id": other.pop("pk"), **other})


def page_row(name: str, rows: Any, order: str) -> Row:
    """Read the first page, ours and as the pipeline alone."""
    from django.db import connection

    from myhouse.documents.pages import page

    plain, down = order.removeprefix("-"), -1 if order.startswith("-") else 1
    compiler = rows.query.get_compiler("default")
    compiler.pre_sql_setup()
    match = compiler.build_query(None).match_mql
    pipeline = [{"$match": match}, {"$sort": {plain: down, "_id": down}}, {"$limit": 51}]
    collection = connection.database[rows.model._meta.db_table]
    ours = _median_ms(lambda: page(rows.all(), order=order))
    raw = _median_ms(lambda: list(collection.aggregate(pipeline)))
    return Row(
        f"MongoDB: a page of the {name} ({LISTED:,} rows)",
        ours,
        "ms",
        f"≤ {PAGE_MS:.0f} ms",
        met=ours <= PAGE_MS,
        limit=raw,
        limit_name="the pipeline alone",
    )


def _median_ms(run: Callable[[], object]) -> float:
    times = []
    for _time in range(PAGES):
        begun = time.perf_counter()
        run()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def main() -> None:
    """Measure in this process, whose settings name the server."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    monitoring.register(WATCH)
    import django

    django.setup()
    print(json.dumps([asdict(row) for row in measured()]))


if __name__ == "__main__":
    main()
