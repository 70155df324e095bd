"""What holds on every main page: narrow screens, both themes, assistive technology, no script, weight, German."""

from __future__ import annotations

import itertools

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.processes]

GUEST_PAGES = ("/", "/sign-in/", "/sign-up/", "/password/reset/")
HOME_PAGES = (
    "",
    "energy/?unit=day",
    "energy/?unit=week",
    "energy/?unit=month",
    "energy/?unit=year",
    "appliances/",
    "market/",
    "market/offers/",
    "market/offers/new/",
    "market/offers/new/?kind=window",
    "market/trades/",
    "balance/",
    "balance/?account=energy",
    "contracts/",
    "contracts/new/import/flat/",
    "contracts/new/import/tou/",
    "uploads/",
    "devices/",
    "members/",
    "settings/",
    "services/",
)
MEMBER_PAGES = ("/households/", "/households/new/", "/account/", "/notices/", "/account/second-factor/set-up/")
ALL = [("guest", p) for p in GUEST_PAGES] + [("member", p) for p in MEMBER_PAGES] + [("home", p) for p in HOME_PAGES]


def address(product, kind: str, path: str) -> str:
    return product.household_url + path if kind == "home" else product.url + path


@pytest.fixture
def show(visit, product, signed_in):
    def shown(kind: str, path: str, **options):
        return visit(address(product, kind, path), state=None if kind == "guest" else signed_in, **options)

    return shown


# What is asked of one page is asked where it stands open already: opening it takes most of the time.


@pytest.mark.parametrize(("kind", "path"), ALL)
def test_a_page_fits_a_narrow_phone_and_a_finger(show, kind, path):
    page = show(kind, path, width=360, has_touch=True)
    wide = page.evaluate("""() => document.documentElement.scrollWidth > document.documentElement.clientWidth
        ? [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1
            && !e.closest(".table-scroll")).slice(0, 5).map((e) => e.outerHTML.slice(0, 120)) : null""")
    assert wide is None
    small = page.evaluate("""() => [...document.querySelectorAll(
        "button, select, summary, input:not([type=hidden],[type=checkbox],[type=radio]), a.button, nav a")]
        .filter((e) => e.checkVisibility()).map((e) => [e.outerHTML.slice(0, 100), e.getBoundingClientRect().height])
        .filter(([, height]) => height < 43.5)""")
    assert small == []


def test_a_new_token_fits_a_narrow_phone(show):
    page = show("home", "services/", width=360)
    page.fill("[name=name]", "Heat pump")
    page.check("[name=scopes] >> nth=0")
    page.click("main form button.button[type=submit]")
    page.wait_for_selector("main code")

    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize(("kind", "path"), ALL)
def test_a_page_is_light_in_order_and_open_to_assistive_technology(show, kind, path):
    from axe_playwright_python.sync_playwright import Axe

    page = show(kind, path, reduced_motion="reduce", bypass_csp=True)
    page.wait_for_load_state("networkidle") if kind == "guest" else page.wait_for_timeout(300)
    carried = page.evaluate("""() => ["navigation", "resource"].flatMap((one) => performance.getEntriesByType(one))
        .map((one) => one.encodedBodySize)""")
    assert carried[0] > 0
    assert sum(carried) < 250_000

    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))")
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        serious = [
            (scheme, v["id"], [n["html"][:160] for n in v["nodes"][:3]], v["nodes"][0].get("failureSummary", "")[:300])
            for v in Axe().run(page).response["violations"]
            if v["impact"] in {"serious", "critical"}
        ]
        assert serious == []


def test_nothing_is_painted_before_the_last_element_is_there(visit):
    """On a slow machine the footer moved while its own parts arrived."""
    page = visit("/sign-up/")
    expected = page.get_attribute("link[rel=expect]", "href")
    assert expected == "#" + page.evaluate("document.body.lastElementChild.id")


@pytest.mark.parametrize(("kind", "path"), ALL)
def test_a_page_can_be_read_without_a_script(show, kind, path):
    page = show(kind, path, java_script_enabled=False)
    assert len(page.inner_text("main")) > 40
    assert page.locator("h1").is_visible()


def test_the_menu_folds_on_a_phone_and_opens_without_a_script(show):
    page = show("home", "", width=360, java_script_enabled=False)
    assert not page.locator("#nav").is_visible()
    page.locator("label.nav-button").click()
    assert page.locator("#nav").is_visible()
    assert page.locator("#nav a[aria-current=page]").inner_text() == "Now"


def test_the_keyboard_reaches_the_content_at_once(show):
    page = show("home", "")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_brightness_follows_the_system_until_it_is_chosen(visit, scheme):
    page = visit("/", color_scheme=scheme)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    before = page.evaluate(ground)
    other = "dark" if scheme == "light" else "light"
    page.click(f"button[name=theme][value={other}]")
    page.wait_for_load_state()
    assert page.evaluate(ground) != before
    assert page.get_attribute("html", "data-theme") == other


def test_the_page_speaks_german_when_asked(show):
    page = show("guest", "/")
    page.click("button[name=language][value=de]")
    page.wait_for_load_state()
    assert page.get_attribute("html", "lang") == "de"
    assert page.locator("text=Anmelden").first.is_visible()


def test_a_german_browser_is_answered_in_german(visit):
    page = visit("/sign-in/", locale="de-DE")
    assert page.get_attribute("html", "lang") == "de"


def test_a_missing_page_says_so_and_leads_on(visit):
    page = visit("/there-is-no-such-page/", expect=404)
    assert page.locator("h1").inner_text() == "There is nothing here"
    assert page.locator("main a.button").is_visible()


def test_a_chart_is_printed_without_controls(show):
    page = show("home", "energy/?unit=month")
    page.emulate_media(media="print")
    assert page.locator(".chart__plot svg").first.is_visible()
    assert not page.locator("header.top").is_visible()
    assert not page.locator(".segments").first.is_visible()
    page.evaluate("window.__shift = 0")  # paper is another layout on purpose
