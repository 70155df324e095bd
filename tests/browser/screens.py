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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.browser.product import CHROMIUM_ARGS, ROOT, environment
from tests.services import chromium

EMAIL = "household@demo.example"
DESK, PHONE = (1200, 900), (360, 740)
READY_S = 300
# Size, its name, brightness, and which pages (all if none are named): enough to judge each page once in each guise.
KINDS = (
    (DESK, "desk", "light", None),
    (DESK, "desk", "dark", {"household", "month"}),
    (PHONE, "phone", "light", {"household", "month"}),
    (PHONE, "phone", "dark", {"landing", "household"}),
)


def shots(home: str) -> list[tuple[str, str]]:
    """Name and address of each page."""
    today = datetime.now(UTC).date()
    summer = today.replace(year=today.year if (today.month, today.day) > (6, 21) else today.year - 1, month=6, day=20)
    return [
        ("landing", "/?tour"),
        ("household", home),
        ("day", f"{home}energy/day/{summer.isoformat()}/"),
        ("month", f"{home}energy/month/{summer.replace(day=1).isoformat()}/"),
        ("year", f"{home}energy/?unit=year"),
        ("appliances", f"{home}appliances/"),
        ("tariffs", f"{home}contracts/"),
        ("devices", f"{home}devices/"),
    ]


@contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """Run the demo; yields its address and the password of its logins."""
    with tempfile.TemporaryDirectory(prefix="mh-") as folder:
        log = Path(folder) / "said.txt"
        command = [sys.executable, "manage.py", "serve", "--demo", "--port", "0"]
        with log.open("w") as output:
            server = subprocess.Popen(command, cwd=ROOT, env=environment(Path(folder) / "v"), stdout=output)
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
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.goto(f"{url}/sign-in/")
        page.fill("[name=username]", EMAIL)
        page.fill("[name=password]", password)
        page.click("main button[type=submit]")
        page.wait_for_url("**/households/**")
        home, state = page.url.removeprefix(url), context.storage_state()
        for size, name, scheme, only in KINDS:
            chosen = [shot for shot in shots(home) if only is None or shot[0] in only]
            _take_all(browser, state, url, out, (size, name, scheme), chosen)
        browser.close()


def _take_all(
    browser: Any,
    state: Any,
    url: str,
    out: Path,
    kind: tuple[tuple[int, int], str, str],
    chosen: list[tuple[str, str]],
) -> None:
    (width, height), name, scheme = kind
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-GB", storage_state=state
    )
    page = context.new_page()
    for title, path in chosen:
        page.goto(url + path)
        page.wait_for_timeout(1_200)
        page.screenshot(path=out / f"{title}-{name}-{scheme}.png", full_page=True)
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
