"""Operators at work in a real browser: a household, a deposit, a trade, the ledger's proof; a manager beside them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.browser.product import ROOT
from tests.servers import surroundings

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture(scope="module")
def oak(product) -> dict:
    """A second community with a trade and a waiting deposit, and the staff who look after it."""
    seeded = subprocess.run(
        [sys.executable, "-m", "tests.browser.seed_operators"],
        cwd=ROOT,
        env=surroundings(product.var),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(seeded.stdout.splitlines()[-1])


def state_of(browser, product, email: str, password: str) -> dict:
    """The cookies of a member of staff, signed in through the page."""
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{product.url}/admin/")
    page.fill("[name=username]", email)
    page.fill("[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_url("**/admin/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(scope="module")
def operator(browser, product, oak) -> dict:
    return state_of(browser, product, oak["operator"], oak["password"])


@pytest.fixture(scope="module")
def manager(browser, product, oak) -> dict:
    return state_of(browser, product, oak["manager"], oak["password"])


def figure(page, title: str):
    return page.locator(".figure", has=page.get_by_role("link", name=title, exact=True))


def press(page, name: str) -> None:
    """Press the button of a decision on the page of a row."""
    page.locator(f'a[href$="/{name}/"]').click()


def test_the_start_page_says_how_things_stand_and_leads_to_the_rows(visit, operator):
    page = visit("/admin/", state=operator)

    assert "sound" in figure(page, "Ledger proof").inner_text()
    assert page.locator(".chart__plot .bar--community").count() >= 1
    figure(page, "Cash orders waiting").locator("a").click()
    page.wait_for_url("**/cashorder/?state__exact=requested")
    assert page.get_by_role("link", name=re.compile("^MH-")).count() >= 1


def test_a_household_is_suspended_with_a_reason_and_resumed(visit, operator, oak):
    page = visit(f"/admin/myhouse/household/{oak['homes']['Oak Street 3']}/change/", state=operator)

    press(page, "suspend")
    page.fill("[name=reason]", "The meter seal is broken")
    page.get_by_role("button", name="Suspend").click()
    page.get_by_text("Suspended: Oak Street 3.").wait_for()
    assert page.get_by_text("The meter seal is broken").count() >= 1
    press(page, "resume")
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("Resumed: Oak Street 3.").wait_for()


def test_a_deposit_is_confirmed_in_the_list(visit, operator, oak):
    page = visit(f"/admin/marketplace/cashorder/?q={oak['reference']}", state=operator)

    page.locator("input.action-select").first.check()
    page.locator("select[name=action]").select_option("confirm")
    page.locator("button[name=index]").click()
    page.get_by_text("the money has arrived at the bank", exact=False).wait_for()
    page.get_by_role("button", name="Confirm").click()
    page.get_by_text(re.compile(f"Confirmed: {oak['reference']}")).wait_for()
    assert "confirmed" in page.locator("#result_list").inner_text().lower()


def test_a_trade_is_reversed_with_a_reason_and_the_ledger_stays_sound(visit, operator, oak):
    page = visit("/admin/marketplace/trade/?q=Oak", state=operator)

    page.locator("#result_list tbody a").first.click()
    press(page, "reverse")
    page.fill("[name=reason]", "Sold by mistake")
    page.get_by_role("button", name="Reverse").click()
    page.get_by_text(re.compile("Reversed: Oak Street 1 → Oak Street 2")).wait_for()
    page.goto(page.url.split("/admin/")[0] + "/admin/marketplace/transfer/?kind__exact=reverse")
    assert page.locator("#result_list tbody tr").count() >= 2


def test_the_ledger_is_looked_at_only(visit, operator):
    page = visit("/admin/marketplace/transfer/", state=operator)

    assert page.locator("select[name=action]").count() == 0
    page.locator("#result_list tbody a").first.click()
    page.wait_for_url("**/change/")
    assert page.locator("[name=_save]").count() == 0


def test_a_manager_sees_the_own_street_only(visit, manager):
    page = visit("/admin/myhouse/household/", state=manager)

    listed = page.locator("#result_list").inner_text()
    assert "Oak Street 1" in listed
    assert "Linden Lane" not in listed
    page.goto(page.url.split("/admin/")[0] + "/admin/")
    assert figure(page, "Homes").locator(".figure__value").inner_text() == "3"
    assert page.get_by_role("link", name="Tokens").count() == 0


@pytest.mark.parametrize("path", ["", "marketplace/trade/", "myhouse/household/"])
def test_nothing_is_cut_off_on_a_phone(visit, operator, path):
    page = visit(f"/admin/{path}", state=operator, width=360)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_start_page_can_be_read_without_script(visit, operator):
    page = visit("/admin/", state=operator, java_script_enabled=False)

    assert "Open offers" in page.content()
