"""A household enters its contract: the cost is shown while it types, errors stay beside their fields."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.processes]


def test_the_cost_is_shown_while_one_types_and_the_contract_is_listed(visit, product, signed_in):
    page = visit(product.household_url + "contracts/new/export/flat/", state=signed_in)
    page.fill("[name=supplier_name]", "Grid operator")
    page.fill("[name=name]", "Former feed-in")
    page.fill("[name=starts_on]", "2020-01-01")
    page.fill("[name=last_day]", "2020-12-31")
    page.fill("[name=flat-price]", "8,2")

    page.wait_for_selector("#contract-check .tag--good")
    assert "8.20" in page.inner_text("#contract-check")
    page.fill("[name=flat-price]", "much")
    page.wait_for_selector("#contract-check .tag--warn")
    page.fill("[name=flat-price]", "8,2")
    page.click("main form button[type=submit]:not([name])")

    page.wait_for_url("**/contracts/")
    assert "Former feed-in" in page.inner_text("main")
