"""Real files: eight homes (W, means of 15 minutes) and two roofs (per unit of the installed power)."""

from __future__ import annotations

import csv
import os
import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myhouse.documents.services import SYSTEM
from myhouse.models import Measurement
from myhouse.services.households import household_create
from myhouse.tests.factories import UserFactory, actor_of
from myhouse.uploads.mapping import Mapping, ValueColumn
from myhouse.uploads.services import file_import
from telemetry.calendar import local_edges
from telemetry.rounding import whole, whole_sum
from telemetry.selectors import totals

FOLDER = Path(os.environ.get("SHARED_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")) / "households"
HOMES = ["2012_3", "2262_0", "2687_0", "3125_0", "3296_0", "3863_0", "4536_0", "6249_0"]
ROOFS = {"pv_1_pu": 8000.0, "pv_2_pu": 5250.0}
NOW = datetime(2026, 6, 15, 10, tzinfo=UTC)
QUARTER_MS = 900_000

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.shared_data,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the shared files are not at {FOLDER}"),
]
EVERY_FILE = [*((f"hh_{name}", 1.0) for name in HOMES), *ROOFS.items()]


def expected_micro(name, factor):
    """The file's own quarters in µWh by first ms: read with nothing of the product."""
    with (FOLDER / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        round(float(row["timestamp"])) * 1000: round(float(row["electricity"]) * factor / 4 * 1_000_000)
        for row in rows
    }


@pytest.fixture
def household():
    user = UserFactory()
    return household_create(
        owner=user, name="H", time_zone="Europe/Berlin", currency="EUR", community=None, actor=actor_of(user), now=NOW
    )


def load(household, path, factor, **options):
    column = ValueColumn(
        column="electricity", quantity="consumption_energy", factor=factor, point_name=path.stem, point_role="consumer"
    )
    mapping = Mapping(values=(column,), **options)
    upload = file_import(household=household, path=path, mapping=mapping, user=None, actor=SYSTEM, now=NOW)
    return upload, Measurement.objects.get(metering_point__name=path.stem)


def sums(measurement, edges):
    return totals(series_ids=[measurement.series_id], edges_ms=np.asarray(edges, np.int64)).energy[0]


@pytest.mark.parametrize(("name", "factor"), EVERY_FILE)
def test_every_file_is_imported_whole_and_adds_up_to_its_own_sum(household, name, factor):
    upload, measurement = load(household, FOLDER / f"{name}.csv", factor)
    expected = expected_micro(name, factor)
    edges = [min(expected), max(expected) + QUARTER_MS]
    assert upload.state == "done"
    assert (upload.report["accepted"], upload.report["rejected"]) == (len(expected), 0)
    assert int(whole_sum(sums(measurement, edges))) == (sum(expected.values()) + 500_000) // 1_000_000


@pytest.mark.parametrize(("name", "factor"), [EVERY_FILE[0], EVERY_FILE[8]])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_totals_of_any_range_are_the_files_own_rounded_once(household, name, factor, data):
    measurement = Measurement.objects.filter(metering_point__name=name).first()
    if measurement is None:
        _upload, measurement = load(household, FOLDER / f"{name}.csv", factor)
    expected = expected_micro(name, factor)
    first, last = min(expected), max(expected) + QUARTER_MS
    count = (last - first) // QUARTER_MS
    cuts = data.draw(st.lists(st.integers(0, count), min_size=2, max_size=40, unique=True).map(sorted))
    edges = [first + cut * QUARTER_MS for cut in cuts]
    exact = [sum(v for t, v in expected.items() if low <= t < high) for low, high in pairwise(edges)]
    found = whole(sums(measurement, edges))
    assert sums(measurement, edges).tolist() == exact
    assert int(found.sum()) == (sum(exact) + 500_000) // 1_000_000


def test_local_days_include_the_one_of_23_hours(household):
    _upload, measurement = load(household, FOLDER / "hh_2012_3.csv", 1.0)
    expected = expected_micro("hh_2012_3", 1.0)
    edges = local_edges(zone="Europe/Berlin", start=date(2021, 3, 26), end=date(2021, 3, 31), step="day")
    assert np.diff(edges).tolist() == [86_400_000, 86_400_000, 82_800_000, 86_400_000, 86_400_000]
    exact = [sum(v for t, v in expected.items() if low <= t < high) for low, high in pairwise(edges)]
    assert sums(measurement, edges).tolist() == exact


def test_importing_twice_changes_nothing(household):
    path = FOLDER / "hh_2262_0.csv"
    first, measurement = load(household, path, 1.0)
    before = sums(measurement, [1_613_343_600_000, 1_617_228_000_000]).tolist()
    again, same = load(household, path, 1.0)
    assert again.report["same_as"] == str(first.pk)
    assert same == measurement
    assert sums(same, [1_613_343_600_000, 1_617_228_000_000]).tolist() == before


def test_shuffled_rows_give_the_same(household, tmp_path):
    lines = (FOLDER / "hh_2687_0.csv").read_text().splitlines()
    rows = lines[1:]
    random.Random(1).shuffle(rows)
    shuffled = tmp_path / "shuffled.csv"
    shuffled.write_text("\n".join([lines[0], *rows]))
    _upload, straight = load(household, FOLDER / "hh_2687_0.csv", 1.0)
    _upload, mixed = load(household, shuffled, 1.0)
    edges = np.arange(1_613_343_600_000, 1_617_228_000_000, QUARTER_MS)
    assert sums(mixed, edges).tolist() == sums(straight, edges).tolist()


def test_local_clock_times_of_the_same_data_give_the_same(household, tmp_path):
    with (FOLDER / "hh_3125_0.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    zone = ZoneInfo("Europe/Berlin")
    ends = [datetime.fromtimestamp(int(row["timestamp"]), UTC) + timedelta(minutes=15) for row in rows]
    text = "Zeit;electricity\n" + "\n".join(
        f"{end.astimezone(zone):%d.%m.%Y %H:%M};{row['electricity']},0" for end, row in zip(ends, rows, strict=True)
    )
    local = tmp_path / "local.csv"
    local.write_text(text, encoding="latin-1")
    _upload, straight = load(household, FOLDER / "hh_3125_0.csv", 1.0)
    upload, mixed = load(household, local, 1.0, label="end")
    edges = np.arange(1_613_343_600_000, 1_617_228_000_000, QUARTER_MS)
    assert upload.report["rejected"] == 0
    assert sums(mixed, edges).tolist() == sums(straight, edges).tolist()
