"""Reads of the API: who may read what, in which buckets, page by page, as a file."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta

import numpy as np
import openpyxl
import pytest
from django.test import Client
from django.utils import timezone

from myhouse.api import hot
from myhouse.models import Membership
from myhouse.models.households import Role
from myhouse.services.households import household_create
from myhouse.services.metering import measurement_start, metering_point_create
from myhouse.services.tokens import token_issue
from myhouse.tests.factories import MembershipFactory, UserFactory, actor_of
from telemetry.model import Batch, Kind
from telemetry.services import history_write, readings_write

# The fast views read in threads of their own, which only see what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

START = datetime(2021, 3, 26, 23, tzinfo=UTC)  # local midnight of 27 March in Berlin
START_MS = int(START.timestamp() * 1000)
QUARTER_MS = 900_000
DAYS = "?start=2021-03-27&end=2021-03-30&bucket=day"


class Home:
    """A household with one import meter, a gauge, and a client that speaks for its owner."""

    def __init__(self):
        self.user = UserFactory()
        now = timezone.now()
        actor = actor_of(self.user)
        place = {"time_zone": "Europe/Berlin", "currency": "EUR", "community": None}
        self.household = household_create(owner=self.user, name="H", actor=actor, now=now, **place)
        self.point = metering_point_create(household=self.household, role="grid", name="=Grid", actor=actor, now=now)
        shape = {"metering_point": self.point, "starts_at": START}
        self.energy = measurement_start(quantity="import_energy", kind=Kind.MEAN, interval_ms=QUARTER_MS, **shape)
        self.voltage = measurement_start(quantity="voltage_l1", kind=Kind.GAUGE, **shape)
        self.now_ms = int(now.timestamp() * 1000)
        times = START_MS + np.arange(288) * QUARTER_MS
        self.values = 100.0 + np.arange(288) % 7 * 0.3
        history_write(batch=Batch.of(self.energy.series_id, times, self.values), now_ms=self.now_ms)
        history_write(batch=Batch.of(self.voltage.series_id, times, 230 + np.arange(288) % 5), now_ms=self.now_ms)
        self.client = client_of(self.user)


def client_of(user):
    _token, secret = token_issue(user=user, name="test", now=timezone.now())
    return Client(headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def home():
    hot.forget()
    return Home()


def url(measurement, rest):
    return f"/api/v1/measurements/{measurement.pk}/{rest}"


def problem_field(response):
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.json()["errors"][0]["field"]


def test_daily_sums_are_whole_wh_of_local_days(home):
    answer = home.client.get(url(home.energy, "buckets" + DAYS)).json()
    rows = answer["buckets"]
    assert (answer["unit"], answer["zone"], answer["bucket"]) == ("Wh", "Europe/Berlin", "day")
    assert [row["start"] for row in rows] == [
        "2021-03-26T23:00:00.000Z", "2021-03-27T23:00:00.000Z", "2021-03-28T22:00:00.000Z",
    ]  # fmt: skip
    assert [row["expected"] for row in rows] == [96, 92, 96]
    assert sum(row["value"] for row in rows) == round(float(home.values[:284].sum()) / 4)


@pytest.mark.parametrize(
    ("bucket", "count"), [("15min", 284), ("hour", 71), ("day", 3), ("week", 2), ("month", 1), ("year", 1)]
)
def test_every_calendar_bucket_adds_up_to_the_same(home, bucket, count):
    answer = home.client.get(url(home.energy, f"buckets?start=2021-03-27&end=2021-03-30&bucket={bucket}")).json()
    assert len(answer["buckets"]) == count
    assert sum(row["value"] for row in answer["buckets"]) == round(float(home.values[:284].sum()) / 4)


def test_levels_have_mean_smallest_and_largest(home):
    row = home.client.get(url(home.voltage, "buckets" + DAYS)).json()["buckets"][0]
    assert (row["min"], row["max"]) == (230.0, 234.0)
    assert 231 < row["mean"] < 233
    assert "value" not in row


def test_short_buckets_are_read_from_the_readings(home):
    query = "buckets?start=2021-03-27&end=2021-03-28&bucket=5min"
    answer = home.client.get(url(home.energy, query)).json()
    assert (answer["unit"], len(answer["buckets"])) == ("W", 288)


def test_a_gap_has_no_value(home):
    answer = home.client.get(url(home.energy, "buckets?start=2021-03-29&end=2021-04-02&bucket=day")).json()
    assert [row["covered"] for row in answer["buckets"]] == [96, 4, 0, 0]
    assert "value" not in answer["buckets"][2]


def test_another_zone_cuts_other_days(home):
    answer = home.client.get(url(home.energy, "buckets" + DAYS + "&zone=UTC")).json()
    assert answer["buckets"][0]["start"] == "2021-03-27T00:00:00.000Z"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "start"),
        ("?start=2021-03-27", "end"),
        ("?start=yesterday&end=2021-03-28", "start"),
        ("?start=2021-03-28&end=2021-03-27", "end"),
        ("?start=2021-03-27&end=2021-03-28&bucket=fortnight", "bucket"),
        ("?start=2021-03-27&end=2021-03-28&zone=Mars", "zone"),
        ("?start=2021-03-27&end=2021-03-28&zone=../../etc/passwd", "zone"),
        ("?start=2000-01-01&end=2026-01-01&bucket=15min", "bucket"),
        ("?start=2021-03-26&end=2021-04-26&bucket=1s", "bucket"),
    ],
)
def test_a_wrong_parameter_is_named(home, query, field):
    response = home.client.get(url(home.energy, "buckets" + query))
    assert (response.status_code, problem_field(response)) == (422, field)


def test_unchanged_ranges_answer_304(home):
    first = home.client.get(url(home.energy, "buckets" + DAYS))
    again = home.client.get(url(home.energy, "buckets" + DAYS), headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_late_readings_change_the_tag(home):
    first = home.client.get(url(home.energy, "buckets" + DAYS)).headers["ETag"]
    history_write(batch=Batch.of(home.energy.series_id, [START_MS], [5000.0]), now_ms=home.now_ms)
    again = home.client.get(url(home.energy, "buckets" + DAYS), headers={"If-None-Match": first})
    assert again.status_code == 200


def test_readings_come_page_by_page_each_once(home):
    seen, cursor = [], ""
    while cursor is not None:
        query = f"readings?start=2021-03-27&end=2021-03-30&limit=100&cursor={cursor}"
        page = home.client.get(url(home.energy, query)).json()
        seen += page["readings"]
        cursor = page["next_cursor"]
    assert len(seen) == 284
    assert seen[0] == {"time": "2021-03-26T23:00:00.000Z", "value": 100.0, "quality": "measured"}
    assert [row["time"] for row in seen] == sorted({row["time"] for row in seen})


@pytest.mark.parametrize(
    ("query", "field"), [("limit=0", "limit"), ("limit=99999", "limit"), ("cursor=!!!", "cursor")]
)
def test_pages_are_bounded(home, query, field):
    response = home.client.get(url(home.energy, f"readings?start=2021-03-27&end=2021-03-30&{query}"))
    assert (response.status_code, problem_field(response)) == (422, field)


@pytest.mark.parametrize("path", ["buckets" + DAYS, "readings" + DAYS, "export.csv" + DAYS, "export.xlsx" + DAYS])
def test_a_strangers_measurement_is_not_there(home, path):
    stranger = client_of(UserFactory())
    assert stranger.get(url(home.energy, path)).status_code == 404
    assert home.client.get(f"/api/v1/measurements/{uuid.uuid4()}/{path}").status_code == 404


@pytest.mark.parametrize("part", ["measurements", "latest", "uploads"])
def test_a_strangers_household_is_not_there(home, part):
    assert client_of(UserFactory()).get(f"/api/v1/households/{home.household.pk}/{part}").status_code == 404


@pytest.mark.parametrize("secret", ["", "Bearer", "Bearer wrong", "Basic abc", "Bearer " + "x" * 5000])
def test_without_a_live_token_nothing_is_told(home, secret):
    response = Client(headers={"Authorization": secret}).get(url(home.energy, "buckets" + DAYS))
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_writing_is_not_allowed(home):
    answer = home.client.post(url(home.energy, "buckets" + DAYS))

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_a_revoked_token_ends_once_it_is_forgotten(home):
    assert home.client.get(url(home.energy, "buckets" + DAYS)).status_code == 200
    home.user.access_tokens.all().delete()
    hot.forget()
    assert home.client.get(url(home.energy, "buckets" + DAYS)).status_code == 401


def test_a_member_reads_only_his_own_time(home):
    later = UserFactory()
    since = START + timedelta(days=1)
    MembershipFactory(user=later, household=home.household, role=Role.VIEWER, starts_at=since)
    client = client_of(later)
    rows = client.get(url(home.energy, "buckets" + DAYS)).json()["buckets"]
    raw = client.get(url(home.energy, "readings?start=2021-03-01&end=2021-03-30&limit=1")).json()["readings"]
    export = b"".join(client.get(url(home.energy, "export.csv?start=2021-03-01&end=2021-03-30")).streaming_content)
    assert rows[0]["start"] == "2021-03-27T23:00:00.000Z"
    assert raw[0]["time"] == "2021-03-27T23:00:00.000Z"
    assert export.decode().splitlines()[1].startswith("2021-03-28T00:00")


def test_a_supplier_sees_sums_but_no_curves(home):
    supplier = UserFactory()
    MembershipFactory(user=supplier, household=home.household, role=Role.SUPPLIER, starts_at=START)
    client = client_of(supplier)
    assert client.get(url(home.energy, "buckets" + DAYS)).status_code == 200
    for path in ("readings" + DAYS, "buckets?start=2021-03-27&end=2021-03-28&bucket=15min", "export.csv" + DAYS[:-10]):
        assert client.get(url(home.energy, path)).status_code in {403, 422}


def test_lists_measurements_page_by_page(home):
    base = f"/api/v1/households/{home.household.pk}/measurements"
    first = home.client.get(base + "?limit=1").json()
    second = home.client.get(base + f"?limit=1&cursor={first['next_cursor']}").json()
    found = [first["measurements"][0], second["measurements"][0]]
    assert [row["quantity"] for row in found] == ["import_energy", "voltage_l1"]
    assert (found[0]["unit"], found[0]["kind"], found[0]["ends_at"]) == ("W", "mean", None)
    assert second["next_cursor"] is None


def test_latest_tells_the_newest_value_of_each(home):
    moment = timezone.now() - timedelta(seconds=30)
    ms = int(moment.timestamp() * 1000)
    readings_write(batch=Batch.of(home.voltage.series_id, [ms], [229.5]), now_ms=ms)
    rows = home.client.get(f"/api/v1/households/{home.household.pk}/latest").json()["latest"]
    assert {row["quantity"]: row["value"] for row in rows}["voltage_l1"] == 229.5


def read_csv(response):
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def test_exported_buckets_are_the_numbers_of_the_api(home):
    shown = [row["value"] for row in home.client.get(url(home.energy, "buckets" + DAYS)).json()["buckets"]]
    rows = read_csv(home.client.get(url(home.energy, "export.csv" + DAYS)))
    sheet = io.BytesIO(b"".join(home.client.get(url(home.energy, "export.xlsx" + DAYS)).streaming_content))
    book = openpyxl.load_workbook(sheet).worksheets[0]
    assert rows[0][:2] == ["Time (Europe/Berlin)", "Energy (Wh)"]
    assert [int(row[1]) for row in rows[1:]] == shown
    assert [book.cell(row, 2).value for row in range(2, 5)] == shown


def test_raw_export_has_every_reading(home):
    rows = read_csv(home.client.get(url(home.energy, "export.csv?start=2021-03-27&end=2021-03-30")))
    assert len(rows) == 1 + 284
    assert rows[1] == ["2021-03-27T00:00:00.000+01:00", "100", "measured"]


def test_an_export_of_another_kind_is_not_there(home):
    assert home.client.get(url(home.energy, "export.pdf" + DAYS)).status_code == 404


def test_reads_stop_with_the_membership(home):
    Membership.objects.filter(user=home.user).update(ends_at=timezone.now())
    hot.forget()
    assert home.client.get(url(home.energy, "buckets" + DAYS)).status_code == 404


def test_the_fast_reads_are_in_the_schema(home):
    from drf_spectacular.generators import SchemaGenerator

    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    for name in ("buckets", "readings"):
        assert "get" in paths[f"/api/v1/measurements/{{measurement_id}}/{name}"]
