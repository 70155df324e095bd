"""A real Chromium in front of the real product; each page tells at its end whether it behaved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.browser.product import CHROMIUM_ARGS, Product, running
from tests.services import chromium

SHIFT_SCRIPT = """
window.__shift = 0;
window.__shifted = [];
const place = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(" ");
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    window.__shift += entry.value;
    for (const { node, previousRect, currentRect } of entry.sources) {
      const name = node && (node.className || node.parentElement?.className || node.nodeName);
      window.__shifted.push(`${name}: ${place(previousRect)} → ${place(currentRect)}`);
    }
  }
}).observe({ type: "layout-shift", buffered: true });
"""


# What is to happen within a time says so by itself; all else may wait for a busy machine.
PATIENCE_MS = 15_000
_TOLD_CHARS = 1_000
_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Any:
    report = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = chromium()
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def product(browser, tmp_path_factory) -> Iterator[Product]:
    # A short path: the broker's socket lies in it, and socket paths are short.
    folder = Path(tmp_path_factory.mktemp("b"))
    with running(folder) as one:
        yield one


@dataclass
class Watched:
    """A page and what went wrong on it."""

    page: Any
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def told(errors: list[str]) -> list[str]:
    """Leave out requests that were cut off by leaving the page: nobody's fault, of which htmx tells twice."""
    kept = list(errors)
    for _cut_off in range(errors.count("htmx:sendAbort")):
        kept.remove("htmx:sendAbort")
        if "htmx:afterRequest" in kept:
            kept.remove("htmx:afterRequest")
    return kept


@pytest.fixture(scope="session")
def signed_in(browser, product) -> dict:
    """The cookies of the seeded home's owner, signed in through the page."""
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{product.url}/sign-in/")
    page.fill("[name=username]", product.told["email"])
    page.fill("[name=password]", product.told["password"])
    page.click("main button[type=submit]")
    page.wait_for_url("**/households/**")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visit(browser, product, request) -> Iterator[Callable[..., Any]]:
    """Open a page in a context of its own; afterwards it must have kept quiet, kept still and kept to its host."""
    watched: list[Watched] = []
    contexts = []

    def opened(
        path: str = "/",
        *,
        state: dict | None = None,
        width: int = 1200,
        height: int = 800,
        expect: int = 200,
        **options: Any,
    ) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale=options.pop("locale", "en-GB"),
            storage_state=state,
            **options,
        )
        contexts.append(context)
        context.add_init_script(SHIFT_SCRIPT)
        page = context.new_page()
        one = Watched(page)
        watched.append(one)
        page.on("console", lambda m: one.errors.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: one.errors.append(str(e)))
        page.on("request", lambda r: None if own(r.url, product.url) else one.foreign.append(r.url))
        answer = page.goto(path if path.startswith("http") else product.url + path)
        assert answer.status == expect
        if expect >= 400:
            one.errors.clear()
        return page

    yield opened
    if request.node.stash.get(_failed, False):
        tell(product, watched)
    faults = [
        (one.page.url, fault)
        for one in watched
        for fault in (*told(one.errors), *one.foreign, *shifts(one.page))
        if fault
    ]
    for context in contexts:
        context.close()
    assert faults == []


def tell(product: Product, watched: list[Watched]) -> None:
    """Print what a test that failed had before it: its pages, and what the web server said last."""
    for one in watched:
        if one.page.is_closed():
            continue
        print(one.page.url, one.errors, one.page.inner_text("body")[:_TOLD_CHARS], sep="\n")
    log = (product.var / "log" / "web.log").read_text(encoding="utf-8")
    print(*[line for line in log.splitlines() if "[info" not in line][-60:], sep="\n")


def own(url: str, base: str) -> bool:
    """Whether a request stays with us."""
    rest = base.removeprefix("http://")
    return url.startswith((base, f"ws://{rest}", "data:", "blob:", "about:"))


def shifts(page: Any) -> list[str]:
    """Say when something on the page jumped."""
    # The operators' pages come from a library whose scripts lay them out once more.
    if page.is_closed() or not page.url.startswith("http") or "/admin/" in page.url:
        return []
    moved = page.evaluate("window.__shift || 0")
    return [f"layout shifted by {moved:.4f}: {page.evaluate('window.__shifted')}"] if moved > 0.0005 else []
