"""A member's walk on a cluster of this machine while its databases are killed: what was promised holds."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, expect
from pymongo import MongoClient

from config.cluster.servers import Kept
from config.tests.test_cluster import require_servers
from tests.browser.product import ROOT, Product
from tests.browser.test_journeys import PASSWORD, mailed_link
from tests.servers import on_servers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.xdist_group("cluster"),
    pytest.mark.skipif(not on_servers(), reason="starts a cluster of its own: runs with the suite on servers"),
]
READY_S = 300
# An election takes two seconds; a node of Cassandra that is started again some ten.
PATIENCE_S = 30
CASSANDRA_S = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    require_servers()
    return Path(tmp_path_factory.mktemp("c"))


@pytest.fixture(scope="module")
def product(browser, folder) -> Iterator[Product]:
    """The command that a newcomer types, with the street of the browser tests on it."""
    named = {"DATABASE_URL", "TELEMETRY_URL", "REDIS_URL", "SECRET_KEY", "MYHOUSE_VAR", "DEBUG"}
    plain = {name: value for name, value in os.environ.items() if name not in named}
    command = [sys.executable, "-m", "config.cluster", "run", "--empty", "--port", "0", "--folder", str(folder)]
    log = folder / "said.txt"
    with (
        log.open("w") as out,
        ended(subprocess.Popen(command, cwd=ROOT, env=plain, stdout=out, stderr=out)) as running,
    ):
        until(lambda: "To see" in log.read_text() or running.poll() is not None, seconds=READY_S, told=log)
        assert running.poll() is None, log.read_text()
        url = re.search(r"runs at (http://\S+)", log.read_text()).group(1)
        env = plain | Kept.of(folder).environment() | {"MYHOUSE_VAR": str(folder / "var")}
        seed = [sys.executable, "-m", "tests.browser.seed"]
        seeded = subprocess.run(seed, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
        told = json.loads(seeded.stdout.splitlines()[-1])
        feed = [sys.executable, "-m", "tests.browser.feed", json.dumps(told["live"])]
        with ended(subprocess.Popen(feed, cwd=ROOT, env=env), signal.SIGTERM):
            yield Product(url, folder / "var", told)


@contextmanager
def ended(process: subprocess.Popen, by: signal.Signals = signal.SIGINT) -> Iterator[subprocess.Popen]:
    try:
        yield process
    finally:
        process.send_signal(by)
        try:
            process.wait(40)
        finally:
            process.kill()
            process.wait()


def until(what: Callable[[], object], *, seconds: float, told: Path) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"it did not happen in {seconds:.0f} s: {told.read_text()}"
        time.sleep(0.1)


def kill_server(word: str) -> None:
    """End the server with this in its command line, as a crash would."""
    (pid,) = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if word in path.read_text().split("\0") and int(path.parent.name) != os.getpid()
    ]
    os.kill(pid, signal.SIGKILL)


def kill_primary(folder: Path) -> None:
    """End the MongoDB node that takes writes."""
    kept = Kept.of(folder)
    with MongoClient(kept.environment()["DATABASE_URL"]) as client:
        client.admin.command("ping")
        _host, port = client.primary
    kill_server(str(port))


def kill_cassandra(folder: Path) -> None:
    kill_server(f"-Dcassandra.storagedir={folder / 'cassandra-0'}")


def patiently(page: Any, step: Callable[[], None]) -> int:
    """Do what a member does whose page says that it cannot be done now: once more. Returns how often it took."""
    end, tries = time.monotonic() + PATIENCE_S, 0
    while True:
        tries += 1
        try:
            step()
        except (Error, AssertionError):
            assert time.monotonic() < end, f"{page.url}: {page.inner_text('body')[:600]}"
            page.wait_for_timeout(500)
        else:
            return tries


def readiness(product: Product) -> dict:
    with urllib.request.urlopen(f"{product.url}/readyz", timeout=20) as answer:
        return json.loads(answer.read())


@pytest.fixture
def member(browser, product) -> Iterator[Callable[[str], Any]]:
    """Open a page as one who signs in with this address, or as a stranger."""
    contexts = []

    def opened(email: str = "") -> Any:
        context = browser.new_context(viewport={"width": 1200, "height": 800}, locale="en-GB")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.goto(f"{product.url}/sign-in/" if email else product.url)
        if email:
            page.fill("[name=username]", email)
            page.fill("[name=password]", product.told["password"])
            page.click("main button[type=submit]")
            page.wait_for_url("**/households/**")
        return page

    yield opened
    for context in contexts:
        context.close()


def moving(page: Any) -> None:
    """Wait until the numbers of the household's page change by themselves."""
    home = page.locator("svg [data-live=home_w]")
    before = home.text_content()
    expect(home).not_to_have_text(before, timeout=20_000)


def test_a_newcomer_signs_up_founds_a_home_and_counts_appliances(product, member):
    page, started = member(), time.time() - 1
    page.get_by_role("link", name="Create your home").click()
    page.fill("[name=email]", "newcomer@example.org")
    page.fill("[name=name]", "Newcomer")
    page.click("main button[type=submit]")
    link = mailed_link(product, "newcomer@example.org", started)
    page.goto(product.url + re.sub(r"^https?://[^/]+", "", link))
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.click("main button[type=submit]")
    page.goto(f"{product.url}/households/new/")
    page.fill("[name=name]", "Garden Street 5")
    page.click("main button[type=submit]")
    page.goto(f"{product.url}/home/")
    expect(page.locator("h1")).to_have_text("Garden Street 5")
    page.goto(f"{page.url}appliances/")
    used = page.locator("[data-expected=consumption]")
    before = used.get_attribute("data-wh")
    page.locator("[name=light]").fill("12")
    page.locator("[name=light]").blur()
    expect(used).not_to_have_attribute("data-wh", before)


def test_a_trade_is_made_once_while_the_node_that_takes_writes_is_killed(product, member, folder):
    home = product.household_url
    other = f"{product.url}/households/{product.told['street'][0]}/"
    glance, buyer, seller = (
        member(product.told["email"]),
        member(product.told["email"]),
        member(product.told["street_email"]),
    )
    glance.goto(home)
    moving(glance)

    def offered() -> None:
        seller.goto(f"{other}market/offers/new/")
        seller.fill("[name=energy]", "0.5")
        seller.fill("[name=price]", "13.5")
        seller.click("main form[data-once] button[type=submit]")
        seller.wait_for_url("**/market/offers/")

    kill_primary(folder)
    patiently(seller, offered)
    offer = seller.locator("[data-offer]").first.get_attribute("data-offer")

    buy, key = buyer.get_by_role("button", name="Buy"), buyer.locator("main form [name=once]")

    def looked_at() -> None:
        buyer.goto(f"{home}market/offers/{offer}/")
        buyer.fill("[name=energy]", "0.2")
        expect(buyer.locator("#offer-price [name=shown_wh]")).to_have_value("200")

    looked_at()
    kept, said = key.input_value(), folder / "said.txt"
    until(lambda: said.read_text().count("answers again") == 1, seconds=60, told=said)
    kill_primary(folder)

    def bought() -> None:
        if "/market/trades/" not in buyer.url:
            if not buy.count():
                looked_at()
                # As a browser does that goes back to a form.
                key.evaluate("(field, kept) => { field.value = kept; }", kept)
            buy.click()
        buyer.wait_for_url("**/market/trades/**")

    patiently(buyer, bought)
    patiently(seller, lambda: seller.reload() and expect(seller.locator("h1")).to_be_visible())
    expect(seller.locator(f"[data-offer='{offer}']")).to_have_attribute("data-sold", "200")
    patiently(glance, lambda: moving(glance))
    assert "the other two choose who takes writes" in said.read_text()


def test_without_cassandra_the_page_says_what_is_missing_and_readings_are_kept(product, member, folder):
    page, said = member(product.told["email"]), folder / "said.txt"
    page.goto(product.household_url)
    moving(page)
    kill_cassandra(folder)
    until(lambda: readiness(product).get("spool", {}).get("readings", 0) > 0, seconds=60, told=said)
    assert readiness(product)["status"] == "degraded"
    patiently(page, lambda: page.goto(f"{product.household_url}energy/?unit=month"))
    expect(page.locator("main")).to_contain_text("when the time-series store is back")
    page.goto(f"{product.household_url}market/")
    expect(page.locator("[data-offer]").first).to_be_visible()

    until(lambda: readiness(product) == {"status": "ok"}, seconds=CASSANDRA_S, told=said)
    assert "readings are still taken and kept for it" in said.read_text()

    def whole() -> None:
        """Each web process finds out by itself."""
        page.goto(f"{product.household_url}energy/?unit=month")
        expect(page.locator("main")).not_to_contain_text("when the time-series store is back")

    patiently(page, whole)
    page.goto(product.household_url)
    moving(page)
