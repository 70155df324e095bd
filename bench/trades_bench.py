"""Trades per second by eight clients, beside raw transactions that write the very same rows into the same database."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.ingest_bench import broker_start
from bench.rows import Row
from bench.trades_market import Market, market_prepare

CLIENTS = 8
SECONDS = 6.0
ROUNDS = 3
WARM_UP = 160
TARGET = 0.3
_PART_WH = 7


def rows() -> list[Row]:
    """Trade, prove the ledger, then write the same rows without any program around them; the median of some rounds."""
    var = Path(os.environ["MYHOUSE_VAR"])
    broker = broker_start(var)
    try:
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        market = market_prepare(sellers=CLIENTS, buyers=CLIENTS, now=datetime.now(UTC))
        for number in range(WARM_UP):
            buy(market, number % CLIENTS)  # the first ones open accounts
        recorded = writes_recorded(lambda: buy(market, 0))
        ours, limits, done = [], [], WARM_UP + 1
        for turn in range(ROUNDS):
            traded = in_parallel(lambda client: lambda: buy(market, client))
            ours.append(traded / SECONDS)
            done += traded
            limits.append(raw(var / "documents.sqlite3", recorded, var / f"raw-{turn}.sqlite3"))
        ledger_prove(market, done)
    finally:
        broker.terminate()
        broker.wait()
    rate, limit = (sorted(figures)[ROUNDS // 2] for figures in (ours, limits))
    return [
        Row(
            "trades per second, exact ledger, 8 clients",
            rate,
            "/s",
            f"≥ {TARGET} of raw",
            met=rate >= TARGET * limit,
            limit=limit,
            limit_name="raw transactions",
            note=f"{done:,} trades, ledger proven; each writes {recorded.count} rows in one synced transaction",
        )
    ]


def buy(market: Market, client: int) -> None:
    """One purchase of one client, as the page and the API ask for it."""
    from marketplace.services.trades import offer_buy
    from myhouse.documents.services import SYSTEM

    offer = market.offers[client % len(market.offers)]
    offer_buy(
        offer_id=offer.pk,
        household=market.buyers[client],
        energy_wh=_PART_WH,
        version=offer.version,
        actor=SYSTEM,
        now=datetime.now(UTC),
    )


def in_parallel(client: Callable[[int], Callable[[], object]]) -> int:
    """Let every client act for a while, each in a thread of its own, as in the web server; returns how often."""
    counts = [0] * CLIENTS
    faults: list[BaseException] = []
    gate = threading.Barrier(CLIENTS)

    def work(number: int) -> None:
        from django.db import connection

        try:
            act = client(number)
            gate.wait()
            until = time.perf_counter() + SECONDS
            while time.perf_counter() < until:
                act()
                counts[number] += 1
        except BaseException as fault:  # noqa: BLE001 raised again below, in the thread that asked
            faults.append(fault)
            gate.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    assert min(counts), "a client got nothing done"
    return sum(counts)


def ledger_prove(market: Market, done: int) -> None:
    """Refuse a figure of trades that are not all there, or that the ledger does not bear out."""
    from marketplace.models import Trade
    from marketplace.services.proof import ledger_prove as prove

    stored = Trade.objects.filter(community_id=market.community.pk)
    assert stored.count() == done, f"{stored.count()} trades are stored, {done} were made"
    proof = prove(now=datetime.now(UTC))
    assert proof.sound, proof.finding


@dataclass(frozen=True)
class Recorded:
    """What one trade writes: statements with their values, and the ids that are new in each trade."""

    statements: list[tuple[str, list[Any]]]
    fresh: list[str]
    count: int


def writes_recorded(run: Callable[[], object]) -> Recorded:
    """Make one trade and note what it writes."""
    from django.db import connection

    statements: list[tuple[str, list[Any]]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 as Django calls it
        if sql.startswith(("INSERT", "UPDATE", "DELETE")):
            assert not many
            statements.append((sql.replace("%s", "?"), list(params or [])))
        return execute(sql, params, many, context)

    begun = _uuid_now()
    with connection.execute_wrapper(note):
        run()
    # Ids count up with time: those of this trade are younger than the moment before it.
    texts = {value for _sql, values in statements for value in values if isinstance(value, str)}
    fresh = sorted(text for text in texts if re.fullmatch("[0-9a-f]{32}", text) and text > begun)
    assert fresh, "the trade wrote no row of its own"
    return Recorded(statements, fresh, sum(_rows_of(sql, values) for sql, values in statements))


def _rows_of(sql: str, values: list[Any]) -> int:
    return len(values) // len(_columns(sql)) if sql.startswith("INSERT") else 1


def _columns(sql: str) -> list[str]:
    return re.findall(r'"(\w+)"', sql.partition("(")[2].partition(")")[0])


def _uuid_now() -> str:
    from myhouse.documents.base import uuid7

    return uuid7().hex


def raw(database: Path, recorded: Recorded, copy: Path) -> float:
    """Transactions per second of the eight clients when nothing but SQLite is in their way."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    numbers, plans = iter(range(1, 10**9)), plans_of(recorded)

    def client(_number: int) -> Callable[[], None]:
        connection = sqlite3.connect(copy, timeout=20, isolation_level=None, check_same_thread=False)
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        )

        def transact() -> None:
            ids, number = ids_new(len(recorded.fresh)), next(numbers)
            filled = [plan.filled(ids, number) for plan in plans]
            connection.execute("BEGIN IMMEDIATE")
            for plan, values in zip(plans, filled, strict=True):
                connection.execute(plan.sql, values)
            connection.execute("COMMIT")

        return transact

    return in_parallel(client) / SECONDS


@dataclass(frozen=True)
class Plan:
    """A statement of a trade with its values, and which of them are made anew in each further trade."""

    sql: str
    values: list[Any]
    texts: list[tuple[int, str]]
    numbers: list[int]

    def filled(self, ids: list[str], number: int) -> list[Any]:
        """The values of one more trade: its own ids, keys and entry numbers."""
        values = self.values.copy()
        for place, text in self.texts:
            values[place] = text.format(*ids)
        for place in self.numbers:
            values[place] += 1_000_000 + 8 * number
        return values


def plans_of(recorded: Recorded) -> list[Plan]:
    """Find out once what is to be replaced, so that the clients spend their time in the database."""
    names = {}
    for place, old in enumerate(recorded.fresh):
        names[old] = f"{{{2 * place}}}"
        names[str(uuid.UUID(old))] = f"{{{2 * place + 1}}}"
    pattern = re.compile("|".join(names))
    plans = []
    for sql, values in recorded.statements:
        texts = []
        for place, value in enumerate(values):
            if isinstance(value, str) and pattern.search(value):
                plain = value.replace("{", "{{").replace("}", "}}")
                texts.append((place, pattern.sub(lambda found: names[found.group()], plain)))
        columns = _columns(sql)
        entry = sql.startswith('INSERT INTO "marketplace_entry"')
        numbers = list(range(columns.index("number"), len(values), len(columns))) if entry else []
        plans.append(Plan(sql, values, texts, numbers))
    return plans


def ids_new(count: int) -> list[str]:
    """So many new ids, each plain and with its hyphens."""
    new = [uuid.uuid4() for _ in range(count)]
    return [text for one in new for text in (one.hex, str(one))]
