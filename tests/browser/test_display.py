"""The wall display in a real browser: live, with nothing to press, dark once revoked; and the code at sign-in."""

from __future__ import annotations

import re

import pyotp
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.processes]
SIZES = [(1280, 800), (800, 480)]


@pytest.fixture
def owner(visit, product, signed_in):
    """The settings of the seeded home, as its owner sees them."""
    return visit(f"{product.household_url}settings/", state=signed_in)


@pytest.fixture
def link(owner):
    """The path of a display link, made on the page."""
    owner.fill("#display_name", "Hall")
    owner.get_by_role("button", name="New display link").click()
    shown = owner.locator("section[aria-labelledby=displays] code").inner_text()
    return "/display/" + re.search(r"/display/([\w-]+)/", shown).group(1) + "/"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_fits_the_wall_without_scrolling_and_reads_well(visit, link, width, height, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(link, width=width, height=height, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)

    size = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    found = [v for v in Axe().run(page).response["violations"] if v["impact"] in {"serious", "critical"}]

    assert size == [width, height]
    assert found == []
    # On a slow machine the picture moved while what stands below it arrived.
    expected = page.get_attribute("link[rel=expect]", "href")
    assert expected == "#" + page.evaluate("document.body.lastElementChild.id")


@pytest.fixture
def tablet(browser, product):
    """A browser of its own: that the page is gone in the end is no fault here."""
    context = browser.new_context(locale="en-GB", base_url=product.url)
    yield context.new_page()
    context.close()


def test_is_live_has_nothing_to_press_and_goes_dark_once_revoked(tablet, owner, link):
    page = tablet
    page.goto(link)
    page.wait_for_selector("[data-flow-state=live]")
    before = page.locator("[data-live=home_w]").first.text_content()
    moved = "before => document.querySelector('[data-live=home_w]').textContent !== before"
    page.wait_for_function(moved, arg=before, timeout=30_000)

    pressable = page.locator("a, button, input, form").count()
    owner.get_by_role("button", name="Revoke Hall").first.click()
    page.wait_for_selector("text=This display link does not work", timeout=30_000)

    assert pressable == 0
    assert page.locator("svg.flow__picture").count() == 0


def test_reads_itself_again_without_a_script(visit, link):
    page = visit(link, java_script_enabled=False)

    assert page.locator(".display__figure").first.inner_text().endswith("kWh")
    assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "60"


def test_a_code_is_set_up_and_asked_for_at_sign_in_without_a_script(visit, product, signed_in):
    page = visit("/account/second-factor/set-up/", state=signed_in, java_script_enabled=False)
    app = pyotp.TOTP(page.locator("main code").inner_text().replace(" ", ""))
    page.fill("[name=password]", product.told["password"])
    page.fill("[name=code]", app.now())
    page.click("main button[type=submit]")
    codes = page.locator(".codes code").all_inner_texts()

    other = visit("/sign-in/", java_script_enabled=False)
    other.fill("[name=username]", product.told["email"])
    other.fill("[name=password]", product.told["password"])
    other.click("main button[type=submit]")
    asked = other.locator("h1").inner_text()
    other.fill("[name=code]", codes[0])
    other.click("main button[type=submit]")
    other.wait_for_url("**/households/**")

    page.goto(f"{product.url}/account/second-factor/")
    page.fill("[name=password]", product.told["password"])
    page.fill("[name=code]", codes[1])
    page.get_by_role("button", name="Remove the second factor").click()

    assert asked == "One more step"
    assert len(codes) == 10
    assert page.get_by_text("The second factor is off").is_visible()
