"""Takes the pictures of docs/screenshots from the running demo, at desk and phone, light and dark.

`make screenshots` starts a demo in a folder of its own, waits for it and ends it again. Options: --url and --password
take them from an installation that runs already; --out names another folder.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.browser.product import CHROMIUM_ARGS, ROOT
from tests.servers import surroundings
from tests.services import chromium

HOUSEHOLD, OPERATOR = "household@demo.example", "operator@demo.example"
DESK, PHONE = (1200, 900), (360, 740)
READY_S = 300
# Of these the upper part says enough.
LONG = {"api-docs", "operator-trades"}
# Size, its name, brightness, and which pages (all if none are named): enough to judge each page once in each guise.
KINDS = (
    (DESK, "desk", "light", None),
    (DESK, "desk", "dark", {"household", "month", "market", "balance", "display", "operator"}),
    (PHONE, "phone", "light", {"household", "month", "market", "offer", "offer-new", "balance", "account"}),
    (PHONE, "phone", "dark", {"landing", "household", "trade"}),
)


@dataclass(frozen=True)
class Shot:
    """A page to take: its name, its address, and the login that sees it (none: anybody)."""

    name: str
    path: str
    login: str = HOUSEHOLD


def shots(home: str, seen: Seen) -> list[Shot]:
    """Every page to take."""
    today = datetime.now(UTC).date()
    summer = today.replace(year=today.year if (today.month, today.day) > (6, 21) else today.year - 1, month=6, day=20)
    return [
        Shot("landing", "/?tour", ""),
        Shot("household", home),
        Shot("day", f"{home}energy/day/{summer.isoformat()}/"),
        Shot("month", f"{home}energy/month/{summer.replace(day=1).isoformat()}/"),
        Shot("year", f"{home}energy/?unit=year"),
        Shot("appliances", f"{home}appliances/"),
        Shot("tariffs", f"{home}contracts/"),
        Shot("devices", f"{home}devices/"),
        Shot("market", f"{home}market/"),
        Shot("offer", seen.offer),
        Shot("offer-new", f"{home}market/offers/new/"),
        Shot("own-offers", f"{home}market/offers/"),
        Shot("trade", seen.trade),
        Shot("balance", f"{home}balance/"),
        Shot("community", seen.community),
        Shot("account", "/account/"),
        Shot("second-factor", "/account/second-factor/"),
        Shot("display", seen.display, ""),
        Shot("api-docs", "/api/v1/docs", ""),
        Shot("operator", "/admin/", OPERATOR),
        Shot("operator-trades", "/admin/marketplace/trade/", OPERATOR),
    ]


@dataclass(frozen=True)
class Seen:
    """Addresses that are only known once there is something: an offer, a trade, the community, a display."""

    offer: str
    trade: str
    community: str
    display: str


@contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """Run the demo; yields its address and the password of its logins."""
    with tempfile.TemporaryDirectory(prefix="mh-") as folder:
        log = Path(folder) / "said.txt"
        command = [sys.executable, "manage.py", "serve", "--demo", "--port", "0"]
        with log.open("w") as output:
            server = subprocess.Popen(command, cwd=ROOT, env=surroundings(Path(folder) / "v"), stdout=output)
            try:
                until = time.monotonic() + READY_S
                found = None
                while found is None and time.monotonic() < until:
                    assert server.poll() is None, log.read_text()
                    time.sleep(0.5)
                    found = re.search(r"runs at (http://\S+).*?password: (\S+)", log.read_text(), re.DOTALL)
                assert found is not None, f"the demo was not ready within {READY_S} s"
                yield found.group(1), found.group(2)
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(60)


def take(url: str, password: str, out: Path) -> None:
    """Sign in and take the pictures."""
    from playwright.sync_api import sync_playwright

    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGS)
        page = signed_in(browser, url, HOUSEHOLD, password)
        home = page.url.removeprefix(url)
        states = {HOUSEHOLD: page.context.storage_state(), "": None}
        seen = looked_up(page, url, home)
        states[OPERATOR] = signed_in(browser, url, OPERATOR, password).context.storage_state()
        for size, name, scheme, only in KINDS:
            chosen = [shot for shot in shots(home, seen) if only is None or shot.name in only]
            for login, state in states.items():
                _take_all(browser, state, url, out, (size, name, scheme), [s for s in chosen if s.login == login])
        browser.close()


def signed_in(browser: Any, url: str, email: str, password: str) -> Any:
    """A page of somebody who has just signed in."""
    page = browser.new_context(locale="en-GB").new_page()
    page.goto(f"{url}/sign-in/")
    page.fill("[name=username]", email)
    page.fill("[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_url(lambda there: "/sign-in/" not in there)
    return page


def looked_up(page: Any, url: str, home: str) -> Seen:
    """Find an offer, a trade and the community, and make a display link."""

    def first(path: str, pattern: str) -> str:
        page.goto(url + path)
        links = page.eval_on_selector_all("main a[href]", "found => found.map(one => one.getAttribute('href'))")
        return next(link for link in links if re.fullmatch(pattern, link))

    uuid = "[0-9a-f-]{36}"
    offer = first(f"{home}market/", f".*/market/offers/{uuid}/")
    trade = first(f"{home}market/trades/", f".*/market/trades/{uuid}/")
    community = first(f"{home}market/", f"/community/{uuid}/")
    page.goto(f"{url}{home}settings/")
    form = page.locator("form[action$='/displays/']")
    form.locator("[name=name]").fill("Kitchen")
    form.locator("button[type=submit]").click()
    found = re.search(r"/display/[\w-]+/", page.content())
    assert found is not None, "no display link was made"
    return Seen(offer=offer, trade=trade, community=community, display=found.group())


def _take_all(
    browser: Any,
    state: Any,
    url: str,
    out: Path,
    kind: tuple[tuple[int, int], str, str],
    chosen: list[Shot],
) -> None:
    (width, height), name, scheme = kind
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-GB", storage_state=state
    )
    page = context.new_page()
    for shot in chosen:
        page.goto(url + shot.path)
        page.wait_for_timeout(1_200)
        page.screenshot(path=out / f"{shot.name}-{name}-{scheme}.png", full_page=shot.name not in LONG)
    context.close()


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--password")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    options = parser.parse_args()
    if options.url:
        take(options.url.rstrip("/"), options.password, options.out)
        return
    with demo() as (url, password):
        take(url, password, options.out)


if __name__ == "__main__":
    main()
