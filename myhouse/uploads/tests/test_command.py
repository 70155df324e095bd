"""`manage.py import_readings`."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from myhouse.models import Measurement, MeteringPoint, Upload
from myhouse.services.households import household_create
from myhouse.tests.factories import UserFactory, actor_of
from telemetry.selectors import scan

pytestmark = pytest.mark.django_db
START = 1_613_343_600


@pytest.fixture
def household():
    user = UserFactory()
    place = {"time_zone": "Europe/Berlin", "currency": "EUR", "community": None}
    return household_create(owner=user, name="Home", actor=actor_of(user), now=timezone.now(), **place)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "roof.csv"
    path.write_text("timestamp,electricity\n" + "".join(f"{START + 900 * n},{n / 100}\n" for n in range(8)))
    return path


def run(file, *options, household="Home", point="Roof", quantity="production_energy"):
    out, err = io.StringIO(), io.StringIO()
    arguments = [str(file), "--household", household, "--point", point, "--quantity", quantity, *options]
    call_command("import_readings", *arguments, stdout=out, stderr=err)
    return out.getvalue() + err.getvalue()


def values():
    return scan(series_id=Measurement.objects.get().series_id, start_ms=0, end_ms=2**45).values.tolist()


def test_imports_a_roof_per_unit_of_its_installed_power(household, file):
    told = run(file, "--factor", "8000")
    assert values() == [n * 80.0 for n in range(8)]
    assert MeteringPoint.objects.get().role == "production"
    assert "8 rows" in told
    assert "560 Wh" in told


def test_takes_households_and_points_by_id_too(household, file):
    run(file)
    point = MeteringPoint.objects.get()
    told = run(file, "--factor", "2", household=str(household.pk), point=str(point.pk))
    assert "replaced 7" in told
    assert MeteringPoint.objects.count() == 1


def test_the_same_again_says_so(household, file):
    run(file)
    assert "nothing was changed" in run(file)


def test_energy_of_the_interval_in_kwh_with_times_of_its_end(household, tmp_path):
    path = tmp_path / "grid.csv"
    path.write_text("Zeit;Bezug\n01.02.2021 00:15;0,25\n01.02.2021 00:30;0,5\n")
    run(path, "--kind", "interval", "--unit", "kWh", "--label", "end", point="Grid", quantity="import_energy")
    assert values() == [250.0, 500.0]
    assert Measurement.objects.get().starts_at.timestamp() == 1_612_134_000


def test_bad_rows_are_told_and_nothing_is_written(household, file):
    file.write_text(file.read_text() + f"{START + 7200},x\n")
    with pytest.raises(CommandError, match="--only-good"):
        run(file)
    assert not Measurement.objects.exists()
    run(file, "--only-good")
    assert len(values()) == 8


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"household": "Nowhere"}, "no household"),
        ({"point": "01a1fc87-2f57-72aa-9f2d-f6542fded8eb"}, "no such metering point"),
    ],
)
def test_what_does_not_exist_is_named(household, file, options, told):
    with pytest.raises(CommandError, match=told):
        run(file, **options)


def test_a_missing_file_is_named(household, tmp_path):
    with pytest.raises(CommandError, match="There is no file"):
        run(tmp_path / "none.csv")


def test_the_import_is_on_record(household, file):
    run(file)
    upload = Upload.objects.get()
    assert (upload.file_name, upload.state, upload.rows_total, upload.stored_path) == ("roof.csv", "done", 8, "")
