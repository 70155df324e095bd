"""The API of statistics, contracts and reference series: the numbers of the selectors, through the gate."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from myhouse.models import SupplierContract
from myhouse.models.metering import Quantity
from myhouse.selectors.statistics import statistics
from myhouse.statistics.model import Span
from myhouse.statistics.tests.measured import FLAT, contract_of, full_home
from myhouse.tariffs.money import money_text
from myhouse.tests.factories import MembershipFactory, UserFactory, home

pytestmark = pytest.mark.django_db
NEW = {
    "direction": "import",
    "supplier_name": "Stadtwerke",
    "name": "Simple",
    "starts_on": "2026-01-01",
    "terms": FLAT,
}


@pytest.fixture
def measured_home(client):
    flows = {Quantity.IMPORT: [250.5] * 96, Quantity.EXPORT: [3.25] * 96, Quantity.PRODUCTION: [10.0] * 96}
    household = full_home("2025-06-15T00:00+02:00", flows)
    contract_of(household)
    user = UserFactory()
    MembershipFactory(user=user, household=household, starts_at=datetime(2020, 1, 1, tzinfo=UTC))
    client.force_login(user)
    return household


def base(household):
    return f"/api/v1/households/{household.pk}"


def send(client, method, url, body):
    answer = getattr(client, method)(url, json.dumps(body), content_type="application/json")
    return answer.status_code, answer.json() if answer.content else None


def test_the_api_the_file_and_the_selector_say_the_same(client, measured_home):
    query = "unit=day&start=2025-06-15&step=hour"
    own = statistics(household=measured_home, span=Span.of("day", "2025-06-15"), now=datetime.now(UTC))

    answer = client.get(f"{base(measured_home)}/statistics?{query}").json()
    file = b"".join(client.get(f"{base(measured_home)}/statistics/export.csv?{query}").streaming_content)

    assert answer["totals"]["import_wh"] == own.totals.import_wh == 24_048
    assert answer["totals"]["cost"] == money_text(own.totals.cost_uct) == "7.2144"
    assert [bucket["import_wh"] for bucket in answer["buckets"]] == own.import_wh.tolist()
    assert answer["buckets"][0]["start"] == "2025-06-14T22:00:00.000Z"
    assert answer["totals"]["income"] is None
    rows = list(csv.DictReader(io.StringIO(file.decode("utf-8-sig"))))
    assert [int(row["Import (Wh)"]) for row in rows] == own.import_wh.tolist()
    assert sum(Decimal(row["Cost (EUR)"]) for row in rows) == Decimal(answer["totals"]["cost"])


def test_a_workbook_of_the_same_numbers_is_handed_out(client, measured_home):
    answer = client.get(f"{base(measured_home)}/statistics/export.xlsx?unit=month&start=2025-06-01")

    assert answer.status_code == 200
    assert b"".join(answer.streaming_content)[:2] == b"PK"


def test_the_curve_and_the_flow_are_served(client, measured_home):
    curve = client.get(f"{base(measured_home)}/day-curve?day=2025-06-15&step=900").json()
    flow = client.get(f"{base(measured_home)}/flow").json()

    assert curve["grid_w"][0] == pytest.approx(989.0)
    assert len(curve["starts_ms"]) == 96
    assert flow["grid_w"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("unit=day&start=yesterday", "start"),
        ("unit=decade", "unit"),
        ("unit=range&start=2025-01-01", "end"),
        ("unit=year&start=2025-01-01&step=quarter", "step"),
    ],
)
def test_a_span_that_is_none_is_refused_with_its_field(client, measured_home, query, field):
    answer = client.get(f"{base(measured_home)}/statistics?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("rest", ["statistics", "statistics/export.csv", "day-curve", "flow", "contracts"])
def test_a_strangers_household_is_not_found(client, rest):
    _owner, household = home()
    stranger, _own = home()
    client.force_login(stranger)

    assert client.get(f"{base(household)}/{rest}").status_code == 404


def test_a_supplier_sees_sums_of_months_only(client):
    supplier, household = home(role="supplier")
    client.force_login(supplier)

    assert client.get(f"{base(household)}/statistics?unit=month&start=2026-06-01").status_code == 200
    assert client.get(f"{base(household)}/statistics?unit=day").status_code == 403
    assert client.get(f"{base(household)}/statistics?unit=month&step=hour").status_code == 403
    assert client.get(f"{base(household)}/flow").status_code == 403


def test_a_contract_is_made_read_changed_and_removed(client):
    user, household = home()
    client.force_login(user)

    status, made = send(client, "post", f"{base(household)}/contracts", NEW)
    url = f"{base(household)}/contracts/{made['id']}"
    changed = {**NEW, "name": "Dearer", "ends_on": "2027-01-01", "version": 1}
    del changed["direction"]

    assert (status, made["ends_on"], made["version"]) == (201, None, 1)
    assert client.get(url).json() == made
    status, found = send(client, "put", url, changed)
    assert (status, found["name"], found["version"], found["ends_on"]) == (200, "Dearer", 2, "2027-01-01")
    assert send(client, "put", url, changed)[0] == 409
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_an_overlap_is_a_conflict_that_names_the_other(client):
    user, household = home()
    client.force_login(user)
    send(client, "post", f"{base(household)}/contracts", NEW)

    status, answer = send(client, "post", f"{base(household)}/contracts", NEW | {"starts_on": "2026-05-01"})

    assert status == 409
    assert answer["errors"][0]["field"] == "starts_on"
    assert "Stadtwerke: Simple" in answer["errors"][0]["message"]
    assert SupplierContract.objects.count() == 1


def test_wrong_terms_are_refused_with_their_path(client):
    user, household = home()
    client.force_login(user)
    terms = {"price": {"kind": "flat", "uct_per_wh": 0.31}}

    status, answer = send(client, "post", f"{base(household)}/contracts", NEW | {"terms": terms})

    assert status == 422
    assert answer["errors"][0]["field"] == "terms.price.uct_per_wh"


def test_a_viewer_may_not_write_contracts(client):
    viewer, household = home(role="viewer")
    client.force_login(viewer)

    assert send(client, "post", f"{base(household)}/contracts", NEW)[0] == 403


def test_market_prices_are_written_by_operators_and_price_the_hour(client):
    operator = UserFactory(is_staff=True)
    client.force_login(operator)
    series = {"kind": "price", "name": "Spot DE", "source": "Exchange", "country": "DE", "resolution": "hour"}
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=20)
    values = {"times": [hour.isoformat()], "values": [81_250]}
    span = f"start={hour:%Y-%m-%dT%H:%M}Z&end={hour + timedelta(hours=2):%Y-%m-%dT%H:%M}Z"

    assert send(client, "post", "/api/v1/reference-series", series)[0] == 201
    assert send(client, "post", "/api/v1/reference-series/Spot DE/values", values) == (200, {"accepted": 1})
    answer = client.get(f"/api/v1/reference-series/Spot DE/values?{span}").json()

    assert answer["values"] == [81_250] * 4
    assert answer["source"] == "Exchange"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"times": ["2026-01-01T00:10:00Z"], "values": [1]}, "times"),
        ({"times": ["2026-01-01T00:00:00Z"], "values": [1.5]}, "values"),
        ({"times": ["2026-01-01T00:00:00Z"], "values": [1e9]}, "values"),
        ({"times": ["2026-01-01T00:00:00Z"], "values": []}, "values"),
    ],
)
def test_wrong_market_prices_are_refused_with_their_field(client, values, field):
    client.force_login(UserFactory(is_staff=True))
    series = {"kind": "price", "name": "Spot", "source": "Exchange"}
    send(client, "post", "/api/v1/reference-series", series)

    status, answer = send(client, "post", "/api/v1/reference-series/Spot/values", values)

    assert status == 422
    assert answer["errors"][0]["field"] == field


def test_only_operators_write_market_prices(client):
    user, _household = home()
    client.force_login(user)

    assert send(client, "post", "/api/v1/reference-series", {"kind": "price", "name": "x", "source": "y"})[0] == 403


@pytest.mark.parametrize(
    ("micro_cents", "text"),
    [(0, "0.00"), (123_456_789, "1.23456789"), (-50_000_000, "-0.50"), (10**18, "10000000000.00")],
)
def test_money_is_written_exactly(micro_cents, text):
    assert money_text(micro_cents) == text
