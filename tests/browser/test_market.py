"""Neighbours trade, in real browsers before the real product: what one does the other sees at once."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from email import message_from_bytes, policy

import pytest
from playwright.sync_api import expect

from tests.browser.product import ROOT
from tests.servers import surroundings

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.processes]
SOON_MS = 1_000


@pytest.fixture(scope="session")
def neighbour(browser, product) -> dict:
    """The cookies of the owner of the street's other homes, and the address of the first one's market."""
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{product.url}/sign-in/")
    page.fill("[name=username]", product.told["street_email"])
    page.fill("[name=password]", product.told["password"])
    page.click("main button[type=submit]")
    page.wait_for_url("**/households/**")
    state = context.storage_state()
    context.close()
    return {"state": state, "url": f"{product.url}/households/{product.told['street'][0]}/"}


def live(page) -> None:
    """Wait until the page is told what changes."""
    expect(page.locator("[data-market-state=live]")).to_have_count(1, timeout=10_000)
    page.wait_for_timeout(500)


def still(page) -> None:
    """A list that grows moves what stands below it, on purpose; what came before must not have moved."""
    assert page.evaluate("window.__shift") < 0.0005
    page.evaluate("window.__shift = 0")


def offered(page, home: str, *, kwh: str, price: str) -> str:
    """Put stored energy into the book; returns the offer's id."""
    page.goto(f"{home}market/offers/new/")
    page.fill("[name=energy]", kwh)
    page.fill("[name=price]", price)
    expect(page.locator("#offer-check .priced")).to_be_visible()
    page.click("main form[data-once] button[type=submit]")
    page.wait_for_url("**/market/offers/")
    return page.locator("[data-offer]").first.get_attribute("data-offer")


def bought(page, home: str, offer: str, kwh: str) -> None:
    page.goto(f"{home}market/offers/{offer}/")
    page.fill("[name=energy]", kwh)
    watt_hours = round(float(kwh) * 1000)
    expect(page.locator("#offer-price [name=shown_wh]")).to_have_value(str(watt_hours))
    page.get_by_role("button", name="Buy").click()
    page.wait_for_url("**/market/trades/**")


def test_two_members_trade_and_both_see_it_live(visit, product, signed_in, neighbour):
    home, other = product.household_url, neighbour["url"]
    book = visit(f"{home}market/", state=signed_in)
    balance = visit(f"{home}balance/", state=signed_in)
    selling = visit(f"{other}market/offers/new/", state=neighbour["state"])
    mine = visit(f"{other}market/offers/", state=neighbour["state"])
    earned = visit(f"{other}balance/", state=neighbour["state"])
    pages = (book, balance, mine, earned)
    for page in pages:
        live(page)
        still(page)
    rich = int(earned.locator("[data-balance]").get_attribute("data-balance"))
    had = int(balance.locator("[data-available]").get_attribute("data-available"))
    claims = int(balance.locator("[data-energy]").get_attribute("data-energy"))

    offer = offered(selling, other, kwh="0.5", price="13.5")

    expect(book.locator(f"[data-offer='{offer}']")).to_be_visible(timeout=SOON_MS)
    expect(mine.locator(f"[data-offer='{offer}']")).to_have_attribute("data-sold", "0", timeout=SOON_MS)

    buying = visit(f"{home}market/", state=signed_in)
    bought(buying, home, offer, "0.2")

    expect(mine.locator(f"[data-offer='{offer}']")).to_have_attribute("data-sold", "200", timeout=SOON_MS)
    expect(earned.locator("[data-balance]")).to_have_attribute("data-balance", str(rich + 2_700_000), timeout=SOON_MS)
    expect(balance.locator("[data-available]")).to_have_attribute(
        "data-available", str(had - 2_700_000), timeout=SOON_MS
    )
    assert int(balance.locator("[data-energy]").get_attribute("data-energy")) in {claims + 200, 200}
    expect(book.locator(f"[data-offer='{offer}']")).to_contain_text("300", timeout=SOON_MS)
    expect(earned.locator("#bell .bell__count")).to_be_visible(timeout=SOON_MS)
    for page in pages:
        page.evaluate("window.__shift = 0")


def test_a_sale_is_told_on_the_page_and_by_mail(visit, product, signed_in, neighbour):
    selling = visit(f"{neighbour['url']}market/offers/new/", state=neighbour["state"])
    offer = offered(selling, neighbour["url"], kwh="0.1", price="15")
    started = time.time() - 1
    buying = visit(f"{product.household_url}market/", state=signed_in)
    bought(buying, product.household_url, offer, "0.1")

    selling.goto(f"{product.url}/notices/")
    newest = selling.locator(".news__line").first
    expect(newest).to_contain_text("100")
    newest.get_by_role("button").click()
    expect(selling.locator(".news__line").first.get_by_role("button")).to_have_count(0)
    assert "100" in mailed(product, product.told["street_email"], started)


def mailed(product, address: str, since: float) -> str:
    """The newest mail to this address; it goes out through the worker, so wait for it."""
    until = time.monotonic() + 40
    while time.monotonic() < until:
        for path in sorted((product.var / "mail").glob("*"), reverse=True):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            if mail["To"] == address and path.stat().st_mtime >= since:
                return mail.get_body(("plain",)).get_content()
        time.sleep(0.2)
    raise AssertionError(f"no mail came for {address}")


def test_a_page_reads_everything_again_when_the_line_was_cut(visit, product, signed_in, neighbour):
    page = visit("/account/", state=signed_in)
    lines, cut = [], []

    def line(socket):
        lines.append(socket)
        return socket.close(code=1013) if cut else socket.connect_to_server()

    page.route_web_socket("**/live/**", line)
    page.goto(f"{product.household_url}market/")
    live(page)
    selling = visit(f"{neighbour['url']}market/offers/new/", state=neighbour["state"])
    still(page)
    cut.append(True)
    lines[-1].close(code=1013)
    expect(page.locator("[data-market-state=away]")).to_have_count(1)
    offer = offered(selling, neighbour["url"], kwh="0.1", price="16")
    page.wait_for_timeout(500)
    assert page.locator(f"[data-offer='{offer}']").count() == 0
    cut.clear()

    expect(page.locator(f"[data-offer='{offer}']")).to_be_visible(timeout=10_000)
    page.evaluate("window.__shift = 0")


def test_a_list_that_is_read_again_under_the_pointer_loses_no_click(visit, product, signed_in):
    page = visit(f"{product.household_url}market/", state=signed_in)
    live(page)
    book, link = page.locator("#book"), page.locator("#book .offer__do a").first
    wanted = link.get_attribute("href")

    def read_under_the_pointer() -> None:
        link.hover()
        page.mouse.down()
        book.evaluate("part => { part.dataset.before = ''; }")
        with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
            book.evaluate("part => window.htmx.trigger(part, 'news')")
        page.wait_for_timeout(300)
        expect(book).to_have_attribute("data-before", "")

    read_under_the_pointer()
    page.mouse.move(1, 1)
    page.mouse.up()
    expect(book).not_to_have_attribute("data-before", "")

    read_under_the_pointer()
    page.mouse.up()
    page.wait_for_url(f"**{wanted}")


def test_the_slider_and_the_price_follow_each_other(visit, product, signed_in):
    page = visit(f"{product.household_url}market/?sort=-price&kind=stored", state=signed_in)
    page.get_by_role("link", name=re.compile("^Buy from")).first.click()
    total = page.locator("[data-total]")
    whole = int(total.get_attribute("data-total"))
    page.locator("#amount").fill("500")
    expect(total).not_to_have_attribute("data-total", str(whole))
    assert abs(int(total.get_attribute("data-total")) - whole / 2) <= whole / 100
    page.fill("[name=energy]", "much")
    expect(page.locator("#offer-price")).to_contain_text("Type how much you want")


def test_the_second_of_two_clicks_buys_nothing_more(visit, product, signed_in, neighbour):
    selling = visit(f"{neighbour['url']}market/offers/new/", state=neighbour["state"])
    offer = offered(selling, neighbour["url"], kwh="0.3", price="15.5")
    page = visit(f"{product.household_url}market/offers/{offer}/", state=signed_in)
    page.fill("[name=energy]", "0.1")
    expect(page.locator("#offer-price [name=shown_wh]")).to_have_value("100")
    page.evaluate("""() => {
        const form = document.querySelector("form[data-once]");
        const body = new URLSearchParams(new FormData(form));
        return Promise.all([1, 2, 3].map(() => fetch(form.action, { method: "POST", body })));
    }""")
    selling.goto(f"{neighbour['url']}market/offers/")
    expect(selling.locator(f"[data-offer='{offer}']")).to_have_attribute("data-sold", "100")


def test_energy_is_bought_without_a_script(visit, product, signed_in, neighbour):
    selling = visit(f"{neighbour['url']}market/offers/new/", state=neighbour["state"])
    offer = offered(selling, neighbour["url"], kwh="0.4", price="14.9")
    page = visit(f"{product.household_url}market/", state=signed_in, java_script_enabled=False)
    page.locator(f"[data-offer='{offer}'] a").click()
    page.fill("[name=energy]", "0.15")
    page.get_by_role("button", name="Buy").click()
    expect(page.locator("#messages")).to_contain_text("This is the price of the amount you typed")
    expect(page.locator("[data-total]")).to_have_attribute("data-total", "2235000")
    page.get_by_role("button", name="Buy").click()
    expect(page.locator("h1")).to_contain_text("150")
    assert "/market/trades/" in page.url


def test_an_offer_is_changed_and_withdrawn(visit, product, neighbour):
    page = visit(f"{neighbour['url']}market/offers/new/", state=neighbour["state"])
    offer = offered(page, neighbour["url"], kwh="0.2", price="17")
    page.locator(f"[data-offer='{offer}'] a").first.click()
    page.get_by_role("link", name="Change amount or price").click()
    page.fill("[name=price]", "0.05")
    page.get_by_role("button", name="Save the offer").click()
    expect(page.locator("#messages")).to_contain_text("Your offer was changed")
    expect(page.locator("main")).to_contain_text("25.0")
    page.get_by_text("Withdraw", exact=True).click()
    page.get_by_role("button", name="Withdraw the rest").click()
    expect(page.locator("#messages")).to_contain_text("withdrawn")
    expect(page.locator(f"[data-offer='{offer}']")).to_contain_text("Withdrawn")


def test_a_window_is_offered_by_its_quarter_hours(visit, product, neighbour):
    page = visit(f"{neighbour['url']}market/offers/new/?kind=window", state=neighbour["state"])
    expect(page.locator(".chart__plot svg").first).to_be_visible()
    page.fill("[name=energy]", "0.05")
    page.fill("[name=price]", "12")
    expect(page.locator("#offer-check .priced")).to_contain_text("Free to be sold")
    page.get_by_role("button", name="Put it into the book").click()
    expect(page.locator("#messages")).to_contain_text("in the book")


def test_the_market_speaks_german(visit, product, signed_in):
    # Without the cookie of the language chosen the browser's own holds.
    state = {**signed_in, "cookies": [one for one in signed_in["cookies"] if one["name"] != "django_language"]}
    page = visit(f"{product.household_url}market/", state=state, locale="de-DE")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator(".offer__price").first).to_contain_text(re.compile(r"\d,\d"))
    page.get_by_role("link", name=re.compile("14,9|15,0|15,5|18,5")).first.click()
    page.fill("[name=energy]", "0,1")
    expect(page.locator("#offer-price [name=shown_wh]")).to_have_value("100")


def manage(product, code: str) -> None:
    command = [sys.executable, "manage.py", "shell", "-c", code]
    subprocess.run(command, cwd=ROOT, env=surroundings(product.var), check=True, capture_output=True)


def test_a_suspended_household_reads_and_does_not_trade(visit, product, neighbour):
    third = product.told["street"][2]
    manage(
        product,
        "from django.utils import timezone;"
        "from myhouse.documents.services import SYSTEM;"
        "from myhouse.models import Household;"
        "from myhouse.services.suspension import household_suspend;"
        f"household_suspend(household=Household.objects.get(pk='{third}'), reason='Meter under repair',"
        " actor=SYSTEM, now=timezone.now())",
    )
    home = f"{product.url}/households/{third}/"
    page = visit(f"{home}market/", state=neighbour["state"])

    expect(page.locator("main .notice--warn").first).to_contain_text("Meter under repair")
    assert page.get_by_role("link", name="Sell energy").count() == 0
    page.get_by_role("link", name=re.compile("^Open")).first.click()
    assert page.get_by_role("button", name="Buy").count() == 0
    refused = visit(f"{home}market/offers/new/", state=neighbour["state"], expect=409)
    expect(refused.locator("main")).to_contain_text("Meter under repair")
