"""Files become readings of the right measurements, or nothing at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from myhouse.models import Measurement, MeteringPoint, Upload
from myhouse.services.households import household_create
from myhouse.services.metering import measurement_start, metering_point_create
from myhouse.tests.factories import UserFactory, actor_of
from myhouse.uploads import limits, services
from myhouse.uploads.errors import FileTooLarge, ImportUnderWay, UnableToImport
from myhouse.uploads.mapping import Mapping, ValueColumn
from telemetry.model import Kind
from telemetry.selectors import scan

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 10, tzinfo=UTC)
START = 1_613_343_600
GRID = ValueColumn(column=1, quantity="import_energy", point_name="Grid", point_role="grid")


@pytest.fixture
def user():
    return UserFactory()


@pytest.fixture
def household(user):
    return household_create(
        owner=user, name="H", time_zone="Europe/Berlin", currency="EUR", community=None, actor=actor_of(user), now=NOW
    )


def csv_of(rows):
    return ("ts,W\n" + "".join(f"{moment},{value}\n" for moment, value in rows)).encode()


def rows_of(count, start=START):
    return [(start + 900 * n, 100 + n % 50) for n in range(count)]


def receive(household, user, content, now=NOW):
    return services.upload_receive(
        household=household, user=user, chunks=[content], file_name="a.csv", actor=actor_of(user), now=now
    )


def run(household, user, content, *columns, **options):
    upload = receive(household, user, content)
    mapping = Mapping(values=columns or (GRID,), **options)
    upload = services.upload_start(upload=upload, mapping=mapping, actor=actor_of(user), now=NOW)
    return services.upload_run(upload=upload, now=NOW)


def stored(measurement):
    return scan(series_id=measurement.series_id, start_ms=0, end_ms=2**45)


def test_a_file_makes_the_point_the_measurement_and_its_readings(household, user):
    upload = run(household, user, csv_of(rows_of(200)))
    measurement = Measurement.objects.get()
    assert upload.state == "done"
    assert (upload.report["accepted"], upload.rows_done) == (200, 200)
    assert measurement.metering_point.name == "Grid"
    assert measurement.starts_at == datetime.fromtimestamp(START, UTC)
    assert stored(measurement).values.tolist() == [100.0 + n % 50 for n in range(200)]


def test_several_columns_become_several_measurements(household, user):
    content = f"ts,Bezug kWh,PV kWh\n{START},0.25,1\n{START + 900},0.5,2\n".encode()
    columns = (
        ValueColumn(1, "import_energy", kind="interval", unit="kWh", point_name="Grid", point_role="grid"),
        ValueColumn(2, "production_energy", kind="interval", unit="kWh", point_name="Roof", point_role="production"),
    )
    run(household, user, content, *columns)
    found = {m.quantity: stored(m).values.tolist() for m in Measurement.objects.all()}
    assert found == {"import_energy": [250.0, 500.0], "production_energy": [1000.0, 2000.0]}


def test_strict_mode_writes_nothing_when_a_row_is_bad(household, user):
    upload = run(household, user, csv_of([*rows_of(10), (START + 9900, "x")]))
    assert upload.state == "failed"
    assert upload.report["rejections"] == [{"row": 12, "field": "W", "reason": "not a number"}]
    assert not Measurement.objects.exists()
    assert not MeteringPoint.objects.exists()


def test_good_rows_are_written_when_that_was_chosen(household, user):
    upload = run(household, user, csv_of([*rows_of(10), (START + 9900, "x")]), only_good=True)
    assert (upload.state, upload.report["accepted"], upload.report["rejected"]) == ("done", 10, 1)
    assert len(stored(Measurement.objects.get()).times) == 10


def test_a_failed_import_can_be_started_again(household, user):
    upload = run(household, user, csv_of([*rows_of(10), (START + 9900, "x")]))
    mapping = Mapping(values=(GRID,), only_good=True)
    upload = services.upload_start(upload=upload, mapping=mapping, actor=actor_of(user), now=NOW)
    assert services.upload_run(upload=upload, now=NOW).state == "done"


def test_the_same_file_again_says_so_and_changes_nothing(household, user):
    first = run(household, user, csv_of(rows_of(50)))
    before = stored(Measurement.objects.get())
    again = run(household, user, csv_of(rows_of(50)))
    assert again.report["same_as"] == str(first.pk)
    assert Measurement.objects.count() == 1
    assert stored(Measurement.objects.get()).times.tolist() == before.times.tolist()


def test_an_overlapping_file_extends_the_same_measurement(household, user):
    run(household, user, csv_of(rows_of(50)))
    upload = run(household, user, csv_of(rows_of(100, start=START - 900 * 50)))
    measurement = Measurement.objects.get()
    assert len(stored(measurement).times) == 100
    assert measurement.starts_at == datetime.fromtimestamp(START - 900 * 50, UTC)
    assert (upload.report["unchanged"], upload.report["replaced"]) == (50, 0)


def test_a_corrected_file_replaces_values_and_counts_them(household, user):
    run(household, user, csv_of(rows_of(50)))
    upload = run(household, user, csv_of([(START, 999), *rows_of(50)[1:]]))
    assert (upload.report["unchanged"], upload.report["replaced"]) == (49, 1)
    assert stored(Measurement.objects.get()).values[0] == 999.0


def test_running_twice_changes_nothing(household, user):
    upload = run(household, user, csv_of(rows_of(50)))
    Upload.objects.filter(pk=upload.pk).update(state="running")
    upload.refresh_from_db()
    with pytest.raises(ImportUnderWay):
        services.upload_start(upload=upload, mapping=Mapping(values=(GRID,)), actor=actor_of(user), now=NOW)
    assert services.upload_run(upload=upload, now=NOW).report["error"]
    assert len(stored(Measurement.objects.get()).times) == 50


def test_an_import_that_died_between_readings_and_documents_goes_on(household, user, monkeypatch):
    upload = receive(household, user, csv_of(rows_of(50)))
    mapping = Mapping(values=(GRID,))
    upload = services.upload_start(upload=upload, mapping=mapping, actor=actor_of(user), now=NOW)
    whole = services.targets_open
    monkeypatch.setattr(services, "targets_open", lambda **_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        services.upload_run(upload=upload, now=NOW)
    monkeypatch.setattr(services, "targets_open", whole)
    assert not Measurement.objects.exists()
    upload.refresh_from_db()
    assert services.upload_run(upload=upload, now=NOW).state == "done"
    assert len(stored(Measurement.objects.get()).times) == 50


def test_history_before_a_live_meter_goes_beside_it(household, user):
    point = metering_point_create(household=household, role="grid", name="Grid", actor=actor_of(user), now=NOW)
    live_since = datetime.fromtimestamp(START + 900 * 20, UTC)
    live = measurement_start(metering_point=point, quantity="import_energy", starts_at=live_since)
    column = ValueColumn(column=1, quantity="import_energy", point=str(point.pk))
    upload = run(household, user, csv_of(rows_of(30)), column, only_good=True)
    history = Measurement.objects.exclude(pk=live.pk).get()
    assert (history.starts_at, history.ends_at) == (datetime.fromtimestamp(START, UTC), live_since)
    assert upload.report["reasons"] == {"another meter measures this quantity at that time": 10}
    assert len(stored(live).times) == 0


def test_an_import_ends_with_its_last_interval_so_that_a_live_meter_can_follow(household, user):
    run(household, user, csv_of(rows_of(30)))
    history = Measurement.objects.get()
    ended = datetime.fromtimestamp(START + 900 * 30, UTC)
    assert history.ends_at == ended
    live = measurement_start(metering_point=history.metering_point, quantity="import_energy", starts_at=ended)
    assert live.starts_at == history.ends_at


def test_the_next_month_stretches_the_same_measurement(household, user):
    run(household, user, csv_of(rows_of(30)))
    run(household, user, csv_of(rows_of(30, start=START + 900 * 100)))
    measurement = Measurement.objects.get()
    assert measurement.ends_at == datetime.fromtimestamp(START + 900 * 130, UTC)
    assert len(stored(measurement).times) == 60


def test_another_kind_of_file_for_another_year_stands_beside_the_first(household, user):
    run(household, user, csv_of(rows_of(30)))
    energy = ValueColumn(1, "import_energy", kind="interval", unit="Wh", point_name="Grid", point_role="grid")
    upload = run(household, user, csv_of(rows_of(30, start=START + 900 * 100)), energy)
    assert upload.state == "done"
    assert Measurement.objects.count() == 2


def test_the_same_file_fills_two_gaps_one_after_the_other(household, user):
    point = metering_point_create(household=household, role="grid", name="Grid", actor=actor_of(user), now=NOW)
    begin, end = (datetime.fromtimestamp(START + 900 * n, UTC) for n in (10, 20))
    measurement_start(metering_point=point, quantity="import_energy", starts_at=begin, ends_at=end)
    column = ValueColumn(1, "import_energy", point=str(point.pk))
    first = run(household, user, csv_of(rows_of(50)), column, only_good=True)
    second = run(household, user, csv_of(rows_of(15)), column, only_good=True)
    assert (first.report["accepted"], second.report["accepted"]) == (30, 10)
    assert Measurement.objects.count() == 3


def test_measured_readings_never_go_into_a_simulated_series(household, user):
    point = metering_point_create(household=household, role="grid", name="Grid", actor=actor_of(user), now=NOW)
    since = datetime.fromtimestamp(START, UTC) - timedelta(days=1)
    simulated = measurement_start(
        metering_point=point,
        quantity="import_energy",
        starts_at=since,
        kind=Kind.MEAN,
        interval_ms=900_000,
        simulated=True,
    )
    upload = run(household, user, csv_of(rows_of(30)), ValueColumn(1, "import_energy", point=str(point.pk)))
    assert upload.state == "failed"
    assert len(stored(simulated).times) == 0


def test_refuses_power_beyond_the_grid_connection(household, user):
    upload = run(household, user, csv_of([(START, 100), (START + 900, 999_999)]))
    assert upload.report["rejections"][0]["reason"].startswith("more than the grid connection can carry")


@pytest.mark.parametrize(
    ("column", "field"),
    [
        (ValueColumn(1, "import_energy", unit="bananas", point_name="G"), "mapping.values[0].unit"),
        (ValueColumn(1, "import_energy", unit="V", point_name="G"), "mapping.values[0].unit"),
        (ValueColumn(1, "happiness", point_name="G"), "mapping.values[0].quantity"),
        (ValueColumn(1, "power", kind="counter", point_name="G"), "mapping.values[0].kind"),
        (ValueColumn(1, "import_energy"), "mapping.values[0].point"),
        (ValueColumn(1, "import_energy", point="01a1fc87-2f57-72aa-9f2d-f6542fded8eb"), "mapping.values[0].point"),
        (ValueColumn(1, "import_energy", point="nonsense"), "mapping.values[0].point"),
        (ValueColumn(1, "charge_energy", point_name="B", point_role="battery"), "mapping.values[0].point_role"),
    ],
)
def test_a_mapping_that_does_not_fit_fails_with_its_field(household, user, column, field):
    upload = run(household, user, csv_of(rows_of(5)), column)
    assert (upload.state, upload.report["field"]) == ("failed", field)
    assert not MeteringPoint.objects.exists()


def test_two_columns_for_the_same_quantity_are_refused(household, user):
    content = f"ts,a,b\n{START},1,2\n{START + 900},1,2\n".encode()
    second = ValueColumn(2, "import_energy", point_name="grid", point_role="grid")
    assert run(household, user, content, GRID, second).report["field"] == "mapping.values[1].quantity"


def test_refuses_a_file_beyond_the_limit_while_it_arrives(household, user):
    sent = []

    def endless():
        while True:
            sent.append(1 << 20)
            yield b"x" * (1 << 20)

    with pytest.raises(FileTooLarge):
        services.upload_receive(
            household=household, user=user, chunks=endless(), file_name="a.csv", actor=actor_of(user), now=NOW
        )
    assert sum(sent) <= limits.FILE_BYTES + (1 << 20)
    assert not Upload.objects.exists()


def test_a_household_holds_a_bounded_number_of_waiting_files(household, user):
    for number in range(20):
        receive(household, user, csv_of(rows_of(2 + number)))
    with pytest.raises(ImportUnderWay):
        receive(household, user, csv_of(rows_of(50)))


def test_files_that_were_never_imported_are_deleted_after_a_week(household, user):
    upload = receive(household, user, csv_of(rows_of(2)))
    assert services.uploads_tidy(now=NOW + timedelta(days=6)) == 0
    assert services.uploads_tidy(now=NOW + timedelta(days=8)) == 1
    upload.refresh_from_db()
    assert upload.stored_path == ""


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\a.csv", "a.csv"),
        ("=cmd.csv", "cmd.csv"),
        ("a\x00b\n.csv", "ab.csv"),
        ("", "file"),
    ],
)
def test_file_names_lose_folders_control_characters_and_formulas(given, shown):
    assert services.name_clean(given) == shown


def test_preview_shows_rows_suggestion_and_outcome_and_writes_nothing(household, user):
    upload = receive(household, user, csv_of([*rows_of(30), (START + 900 * 30, "x")]))
    preview = services.upload_preview(upload=upload, mapping=None, now=NOW)
    assert (len(preview.sample), preview.titles, preview.time_format) == (20, ("ts", "W"), "epoch_s")
    assert preview.mapping.values[0].point_role == "grid"
    assert (preview.report["accepted"], preview.report["rejected"]) == (30, 1)
    assert not preview.problems
    assert not Measurement.objects.exists()


def test_preview_of_a_long_file_looks_at_its_beginning_and_says_so(household, user, monkeypatch):
    monkeypatch.setattr("myhouse.uploads.rows.CHUNK_ROWS", 40)
    monkeypatch.setattr(limits, "PREVIEW_CHECKED_ROWS", 100)
    upload = receive(household, user, csv_of(rows_of(300)))
    preview = services.upload_preview(upload=upload, mapping=None, now=NOW)
    assert (preview.report["rows"], preview.report["cut"]) == (119, True)


def test_preview_says_when_day_and_month_cannot_be_told_apart(household, user):
    upload = receive(household, user, b"ts,W\n01/02/2021 00:00,1\n01/02/2021 00:15,2\n")
    preview = services.upload_preview(upload=upload, mapping=None, now=NOW)
    assert [problem.field for problem in preview.problems] == ["mapping.time_format"]


def test_preview_names_problems_instead_of_failing(household, user):
    upload = receive(household, user, b"nothing,here\nat,all\n")
    assert services.upload_preview(upload=upload, mapping=None, now=NOW).problems


def test_preview_tells_that_the_file_was_imported_before(household, user):
    first = run(household, user, csv_of(rows_of(50)))
    again = receive(household, user, csv_of(rows_of(50)))
    assert services.upload_preview(upload=again, mapping=None, now=NOW).same_as == first


def test_an_empty_file_is_refused_at_once(household, user):
    with pytest.raises(UnableToImport, match="empty"):
        receive(household, user, b"")
    assert not Upload.objects.exists()
