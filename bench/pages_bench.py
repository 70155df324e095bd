"""The household page and the order book under twenty visitors who read for a second between pages, beside a no-op."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from bench.browsing import Client
from bench.rows import Row
from bench.serving import ROOT, serving

CLIENTS = 20
PAUSE_SECONDS = 1.0
ROUNDS = 20
# A demo that was just filled is still sealing its year; visitors come later.
SETTLE_SECONDS = 45
TARGET_MS = 120.0
TARGET_QUERIES = 15


def rows() -> list[Row]:
    """Measure the pages, the page that does nothing, and the number of queries."""
    from django.conf import settings

    with serving(var=settings.VAR_DIR) as served:
        address, password = served.logins["household"]
        home = Client(served.url).sign_in("/sign-in/", address, password)
        pages = {"household page": home, "book page": f"{home}market/"}
        visitors = []
        first = Client(served.url)
        first.sign_in("/sign-in/", address, password)
        for _ in range(CLIENTS):
            # Signing in is bounded per minute: twenty connections share one session.
            visitor = Client(served.url)
            visitor.cookies = dict(first.cookies)
            visitors.append(visitor)
        time.sleep(SETTLE_SECONDS)
        times = {name: visit(visitors, page) for name, page in pages.items()}
        # Not by the first client, whose connection the server has closed meanwhile.
        offers = offers_shown(visitors[0].follow(pages["book page"])[1])
        with nothing() as url:
            floor = visit([Client(url) for _ in range(CLIENTS)], "/")
    notes = {"book page": f", {offers} offers in it"}
    found = []
    for name, page in pages.items():
        found += rows_of(name, times[name], floor, count_queries(address, page), notes.get(name, ""))
    return found


def rows_of(name: str, times: list[float], floor: list[float], queries: int, note: str) -> list[Row]:
    """The two lines of one page."""
    p95, floor_p95 = (float(np.percentile(measured, 95)) for measured in (times, floor))
    return [
        Row(
            f"{name}, 20 clients, p95",
            p95,
            "ms",
            f"≤ {TARGET_MS:.0f} ms",
            met=p95 <= TARGET_MS,
            limit=floor_p95,
            limit_name="no-op view",
            note=f"{len(times)} pages, p50 {np.percentile(times, 50):.1f} ms{note}",
        ),
        Row(f"{name}, queries", queries, "", f"≤ {TARGET_QUERIES}", met=queries <= TARGET_QUERIES),
    ]


def offers_shown(page: bytes) -> int:
    """Count the offers of the book, so that an empty one is not taken for a quick one."""
    offers = len(set(re.findall(rb"/market/offers/[0-9a-f-]{36}/", page)))
    assert offers, "the book is empty"
    return offers


def visit(visitors: list[Client], page: str) -> list[float]:
    """Let all visitors read at once; returns every page's milliseconds but for each one's first."""
    times: list[float] = []
    lock = threading.Lock()

    def read(visitor: Client, number: int) -> None:
        time.sleep(PAUSE_SECONDS * number / CLIENTS)
        for turn in range(ROUNDS):
            started = time.perf_counter()
            status, _, _ = visitor.request("GET", page)
            took = (time.perf_counter() - started) * 1000
            assert status == 200, status
            if turn:
                with lock:
                    times.append(took)
            time.sleep(PAUSE_SECONDS)

    threads = [threading.Thread(target=read, args=(visitor, number)) for number, visitor in enumerate(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == CLIENTS * (ROUNDS - 1)
    return times


@contextmanager
def nothing() -> Iterator[str]:
    """Serve the page that does nothing."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "bench.noop:application", "--port", str(port), "--lifespan", "off"]
    command += ["--loop", "uvloop", "--http", "httptools", "--log-level", "error", "--no-access-log"]
    server = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ))
    try:
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < until, "the page that does nothing was not served"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def count_queries(address: str, page: str) -> int:
    """Count the queries of one view of the page, session and user included."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client as DjangoClient
    from django.test.utils import CaptureQueriesContext

    client = DjangoClient(HTTP_HOST="localhost")
    client.force_login(get_user_model().objects.get(email=address))
    client.get(page)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(page).status_code == 200
    # BEGIN and COMMIT ask nothing.
    return sum(not query["sql"].startswith(("BEGIN", "COMMIT")) for query in captured.captured_queries)
