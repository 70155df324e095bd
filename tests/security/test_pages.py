"""What holds for every page: the content policy without exceptions, the headers, and no form without its token."""

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from config.middleware import POLICY
from tests.security.markup import read
from tests.security.routes import PAGES, ROUTES, named
from tests.security.world import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.usefixtures("uncounted", "at_now")]
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": {"same-origin", "no-referrer"},
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Giving out a token asks for the password itself; it looks at no session.
WITHOUT_SESSION = {"api-tokens"}


@pytest.fixture
def owner(strangers):
    """The member whose pages are walked."""
    return Visitor(strangers.owner)


def assert_safe(answer):
    found = read(answer.content.decode())

    assert answer.headers["Content-Security-Policy"] == POLICY
    assert (found.inline, found.foreign) == ([], [])
    for name, value in HEADERS.items():
        assert answer.headers[name] in value, name


def test_the_policy_allows_nothing_but_our_own_files():
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))

    assert rules["default-src"] == rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert (rules["object-src"], rules["frame-ancestors"]) == ("'none'", "'none'")
    assert rules["form-action"] == rules["base-uri"] == "'self'"
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


@pytest.mark.parametrize(
    "page",
    [
        "<p style='color:red'>",
        "<p onclick=x>",
        "<script>x()</script>",
        "<style>p{}</style>",
        "<a href='javascript:x()'>",
        "<script src='https://cdn.example.org/x.js'>",
        "<img src='//cdn.example.org/x.png'>",
    ],
)
def test_the_walk_finds_what_must_not_be_there(page):
    found = read(page)

    assert found.inline + found.foreign


@pytest.mark.parametrize("route", **named(PAGES))
def test_every_page_keeps_to_the_policy(strangers, owner, route):
    answer = owner.ask("GET", route.filled(strangers.ids_for(route)))

    assert answer.status_code < 500
    is_page = answer.headers.get("Content-Type", "").startswith("text/html") and not answer.streaming
    assert_safe(answer) if is_page else assert_headers(answer)


def assert_headers(answer):
    assert answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_most_paths_that_are_walked_are_pages(strangers, owner):
    shown = [
        one
        for one in PAGES
        if (answer := owner.ask("GET", one.filled(strangers.ids_for(one)))).status_code == 200
        and answer.headers["Content-Type"].startswith("text/html")
    ]

    assert len(shown) > 30


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/sign-up/", "/password/reset/", "/nowhere/", "/api/v1/docs"])
def test_pages_of_those_who_are_not_signed_in_keep_to_it_too(path):
    answer = Client().get(path)

    assert answer.status_code in {200, 404}
    assert_safe(answer)


def test_pages_that_tell_of_a_refusal_keep_to_it_too(strangers):
    csrf = Client(enforce_csrf_checks=True).post("/sign-in/", {})
    forbidden = Visitor(strangers.member("viewer")).ask("POST", f"/households/{strangers.household.pk}/points/")
    tries = Client()
    limited = [tries.post("/sign-in/", {"username": "x@example.org", "password": "x"}) for _ in range(11)][-1]
    broken = Client(raise_request_exception=False)

    assert [a.status_code for a in (csrf, forbidden, limited)] == [403, 403, 429]
    for answer in (csrf, forbidden, limited):
        assert_safe(answer)
    assert broken.get("/nowhere/").status_code == 404


def test_the_page_for_a_fault_of_ours_loads_nothing_from_elsewhere():
    from config.errors import server_error

    answer = server_error(RequestFactory().get("/"))
    found = read(answer.content.decode())

    assert (answer.status_code, found.inline, found.foreign) == (500, [], [])


def test_the_page_for_a_body_too_large_keeps_to_it_too():
    from config import edge

    kind, body = edge._page("too large")

    assert kind.startswith(b"text/html")
    assert read(body.decode()).inline == []


@pytest.mark.parametrize("route", **named([one for one in PAGES if one.path != "healthz"]))
def test_no_page_takes_a_form_without_its_token(strangers, route):
    client = Client(enforce_csrf_checks=True)
    client.force_login(strangers.owner)

    answer = client.post(route.filled(strangers.ids_for(route)), {"password": "x"})

    assert answer.status_code == 403
    assert b"csrf" in answer.content.lower() or answer.templates[0].name == "403_csrf.html"


@pytest.mark.parametrize("route", **named([one for one in ROUTES if one.api and not one.direct]))
def test_the_api_takes_no_change_from_a_session_without_its_token(strangers, route):
    client = Client(enforce_csrf_checks=True)
    client.force_login(strangers.owner)

    answer = client.post(route.filled(strangers.ids_for(route)), {}, content_type="application/json")

    assert answer.status_code in {403, 405} or route.name in WITHOUT_SESSION, answer.status_code


def test_a_page_is_not_framed_and_its_name_is_not_made_up(strangers, owner):
    page = owner.client.get(reverse("account"))
    elsewhere = owner.client.get(reverse("account"), headers={"Host": "evil.example"})

    assert page.headers["X-Frame-Options"] == "DENY"
    assert elsewhere.status_code == 400


def test_everything_is_behind_tls_once_it_is_switched_on(settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    client = Client()

    plain, secure = client.get("/sign-in/"), client.get("/sign-in/", secure=True)

    assert (plain.status_code, plain.url) == (301, "https://testserver/sign-in/")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x()"])
@pytest.mark.parametrize("path", ["/preferences/theme/", "/preferences/language/", "/sign-in/"])
def test_no_form_leads_to_another_site(strangers, path, target):
    from myhouse.tests.factories import PASSWORD

    fields = {"username": strangers.owner.email, "password": PASSWORD, "theme": "dark", "language": "de"}

    answer = Client().post(f"{path}?next={target}", {**fields, "next": target})

    assert answer.status_code == 302
    assert answer.url.startswith("/")
    assert not answer.url.startswith(("//", "/\\"))
