"""What is sent to us is bounded and taken for nothing but data, on every path."""

import gzip
import io
from contextlib import closing

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from config.asgi import application
from devices.tests.factories import http_meter
from marketplace.tests.factories import traders
from myhouse.models import User
from myhouse.tests.factories import NOW
from tests.security.routes import PAGES, ROUTES, UNSAFE, named
from tests.security.world import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.usefixtures("uncounted", "at_now")]
MB = 1_048_576
DEEP = 100_000
BODIES = {
    "deep-list": b"[" * DEEP,
    "deep-object": b'{"a":' * DEEP,
    "a-list": b"[1, 2]",
    "a-text": b'"x"',
    "nothing": b"null",
    "a-number": b"1e999",
    "not-a-number": b'{"name": NaN}',
    "digits": b'{"energy_wh": 1' + b"0" * 5_000 + b"}",
    "not-text": b'{"name": "\xff\xfe"}',
    "half-a-character": b'{"name": "\\ud800"}',
}
FIELDS = (
    "name",
    "energy_wh",
    "total",
    "amount",
    "starts_at",
    "role",
    "counts",
    "terms",
    "connection_limit_w",
    "scopes",
)
VALUES = ("9" * 300, -1, 1e308, True, None, [], {}, "\x00", "=1+1", "x" * 10_000)
API = [one for one in ROUTES if one.api and not one.direct]


def writing(route):
    """The methods of a call that take a body."""
    return [method for method in UNSAFE if method != "DELETE" and hasattr(route.callback.cls, method.lower())]


TAKING = [one for one in API if writing(one)]


@pytest.fixture
def owner(strangers):
    """A member, whose refused requests are answers and not exceptions."""
    visitor = Visitor(strangers.owner)
    visitor.client = Client(raise_request_exception=False)
    visitor.client.force_login(strangers.owner)
    return visitor


def send(visitor, method, path, body):
    headers = {"Authorization": f"Bearer {visitor.secret}"}
    return visitor.client.generic(
        method, path, data=body, content_type="application/json", headers=headers
    ).status_code


@pytest.mark.parametrize("route", **named(TAKING))
def test_no_body_breaks_a_call_of_the_api(strangers, owner, route):
    path = route.filled(strangers.ids_for(route))

    found = {(m, name): send(owner, m, path, body) for m in writing(route) for name, body in BODIES.items()}

    assert {key: status for key, status in found.items() if status >= 500} == {}


@pytest.mark.parametrize("route", **named(TAKING))
def test_no_value_breaks_a_call_of_the_api(strangers, owner, route):
    import json

    path = route.filled(strangers.ids_for(route))
    bodies = [json.dumps(dict.fromkeys(FIELDS, value)).encode() for value in VALUES]

    found = {send(owner, method, path, body) for method in writing(route) for body in bodies}

    assert {status for status in found if status >= 500} == set()


@pytest.mark.parametrize("route", **named(PAGES))
def test_no_form_breaks_a_page(strangers, owner, route):
    path = route.filled(strangers.ids_for(route))
    forms = [
        {"name": "x" * 100_000},
        dict.fromkeys(FIELDS, "9" * 300),
        dict.fromkeys(FIELDS, "\x00\ud7ff"),
        {"next": "\n"},
    ]

    found = {owner.client.post(path, form).status_code for form in forms}

    assert {status for status in found if status >= 500} == set()


@pytest.mark.parametrize("route", **named([one for one in [*PAGES, *API] if "<" in one.path]))
def test_no_query_breaks_a_path(strangers, owner, route):
    path = route.filled(strangers.ids_for(route))
    headers = {"Authorization": f"Bearer {owner.secret}"} if route.api else {}
    queries = [
        "?cursor=%00",
        "?limit=99999999999999999999",
        "?cursor=AAAA&limit=-1&sort=%27&day=9999-99-99&unit=%C3%28",
    ]

    found = {owner.client.get(path + query, headers=headers).status_code for query in queries}

    assert {status for status in found if status >= 500} == set()


def test_a_form_of_too_many_fields_is_refused(owner):
    assert owner.client.post(reverse("account"), {f"f{n}": "x" for n in range(501)}).status_code == 400


@pytest.mark.parametrize("route", **named(ROUTES))
def test_every_path_bounds_its_body(route):
    limit = application.limit_of(route.filled({}))

    assert limit <= (51 * MB if "uploads" in route.path else 2 * MB)


def test_devices_may_send_more_but_not_without_end():
    assert application.limit_of("/ingest/packets") == 16 * MB


def test_a_small_body_that_unpacks_to_a_large_one_is_refused():
    meter = http_meter(now=NOW)
    bomb = gzip.compress(b" " * (200 * MB))
    headers = {**meter.headers, "Content-Encoding": "gzip"}

    answer = Client().post("/ingest/packets", data=bomb, content_type="application/json", headers=headers)

    assert len(bomb) < MB
    assert answer.status_code == 413


@pytest.mark.parametrize("body", [b"[" * DEEP, b'{"a":' * DEEP], ids=["list", "object"])
@pytest.mark.parametrize("path", ["/ingest/packets", "/ingest/columns", "/ingest/p1"])
def test_a_device_cannot_nest_its_way_in(path, body):
    meter = http_meter(now=NOW)

    answer = Client(raise_request_exception=False).post(
        path, data=body, content_type="application/json", headers=meter.headers
    )

    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.html", b"<script>x()</script>"),
        ("x.svg", b"<svg onload=x()>"),
        ("x.csv", b"\x00\x01\x02" * 50),
    ],
)
def test_what_a_file_holds_is_shown_as_text_and_never_handed_out(strangers, owner, name, content):
    path = reverse("uploads", args=(strangers.household.pk,))

    answer = owner.client.post(path, {"file": SimpleUploadedFile(name, content)}, follow=True)

    assert answer.status_code in {200, 400, 422}
    assert content not in answer.content
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_name_that_is_a_formula_is_text_in_every_table(owner):
    seller, buyer = traders(homes=2)
    User.objects.filter(pk=seller.user.pk).update(name="=HYPERLINK(1)", name_shown_to_neighbours=True)
    buyer.buys(seller.offers_stored())
    client = Client()
    client.force_login(buyer.user)

    path = reverse("market-balance-export", args=(buyer.household.pk, "csv"))
    with closing(client.get(path)) as answer:
        text = b"".join(answer.streaming_content if answer.streaming else [answer.content]).decode()

    assert "'=HYPERLINK" in text
    assert not [cell for line in text.splitlines() for cell in line.split(",") if cell.startswith(("=", "+", "@"))]


def test_a_workbook_holds_no_formula(owner):
    from openpyxl import load_workbook

    seller, buyer = traders(homes=2)
    User.objects.filter(pk=seller.user.pk).update(name="=HYPERLINK(1)", name_shown_to_neighbours=True)
    buyer.buys(seller.offers_stored())
    client = Client()
    client.force_login(buyer.user)

    with closing(client.get(reverse("market-balance-export", args=(buyer.household.pk, "xlsx")))) as answer:
        content = b"".join(answer.streaming_content if answer.streaming else [answer.content])
    cells = [cell for row in load_workbook(io.BytesIO(content)).active for cell in row]

    assert [cell.value for cell in cells if cell.data_type == "f"] == []
    assert any("=HYPERLINK" in str(cell.value) for cell in cells)
