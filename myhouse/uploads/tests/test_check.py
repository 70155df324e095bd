"""The pass over a file that decides about every row."""

from __future__ import annotations

import math

import pytest

from myhouse.uploads import limits
from myhouse.uploads.check import file_check
from myhouse.uploads.detect import layout_of
from myhouse.uploads.errors import UnableToImport
from myhouse.uploads.mapping import Mapping, ValueColumn, mapping_read, mapping_write
from myhouse.uploads.rows import source_open

NOW_MS = 1_750_000_000_000
START = 1_613_343_600
POWER = ValueColumn(column=1, quantity="import_energy")
PLAIN = Mapping(values=(POWER,))


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "file.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def check(path, mapping=None, zone="Europe/Berlin"):
    with source_open(path) as source:
        chosen = mapping or Mapping(values=layout_of(source).suggestions)
        return file_check(source, mapping=chosen, zone=zone, now_ms=NOW_MS)


def epoch_file(tmp_path, rows):
    return written(tmp_path, "ts,W\n" + "".join(f"{moment},{value}\n" for moment, value in rows))


def reasons(checked):
    return [(r.row, r.field, r.reason) for r in checked.rejections.listed]


def test_reads_a_plain_file_with_epoch_seconds(tmp_path):
    checked = check(epoch_file(tmp_path, [(START, 159), (START + 900, 142)]))
    assert checked.times.tolist() == [START * 1000, (START + 900) * 1000]
    assert checked.values[0].tolist() == [159.0, 142.0]
    assert checked.interval_ms == 900_000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_reads_a_german_export_in_any_encoding(tmp_path, encoding):
    text = (
        "Zählpunkt;DE0001\r\n\r\nZeit;Bezug über Netz [kWh]\r\n01.02.2021 00:00;0,250\r\n01.02.2021 00:15;1.000,5\r\n"
    )
    checked = check(written(tmp_path, text, encoding))
    assert checked.titles == ("Bezug über Netz [kWh]",)
    assert checked.values[0].tolist() == [0.25, 1000.5]
    assert checked.mapping.values[0].unit == "kWh"
    assert checked.mapping.values[0].kind == "interval"
    assert checked.times[0] == 1_612_134_000_000


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_finds_the_delimiter(tmp_path, delimiter):
    rows = [["time", "W"], ["2021-02-01T00:00Z", "1.5"], ["2021-02-01T00:15Z", "2"]]
    checked = check(written(tmp_path, "\n".join(delimiter.join(row) for row in rows)))
    assert checked.values[0].tolist() == [1.5, 2.0]


def test_reads_a_file_without_titles(tmp_path):
    checked = check(written(tmp_path, f"{START},1\n{START + 900},2\n"))
    assert checked.rows == 2
    assert checked.titles == ("#2",)


def test_reads_date_and_time_from_two_columns(tmp_path):
    checked = check(written(tmp_path, "Datum;Uhrzeit;kWh\n01.02.2021;00:00;1\n01.02.2021;00:15;2\n"))
    assert checked.times.tolist() == [1_612_134_000_000, 1_612_134_900_000]


def test_times_that_name_the_end_of_the_interval_are_moved_to_its_start(tmp_path):
    path = epoch_file(tmp_path, [(START + 900, 1), (START + 1800, 2)])
    checked = check(path, Mapping(values=(POWER,), label="end"))
    assert checked.times[0] == START * 1000


def test_factor_scales_values(tmp_path):
    path = epoch_file(tmp_path, [(START, 0.5), (START + 900, 0.25)])
    column = ValueColumn(column="W", quantity="production_energy", factor=8000)
    assert check(path, Mapping(values=(column,))).values[0].tolist() == [4000.0, 2000.0]


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ("yesterday,5", "ts", "not a time in the chosen format"),
        ("915148800,5", "ts", "before the year 2000"),
        ("1999999999,5", "ts", "in the future"),
        (f"{START + 9000},=1+1", "W", "not a number"),
        (f"{START + 9000},NaN", "W", "not a number"),
        (f"{START + 9000},", "ts", "no value"),
        (f"{START + 9000}", "ts", "no value"),
        ("=NOW(),5", "ts", "not a time in the chosen format"),
        (f"{START + 1000},5", "ts", "begins before the interval before it has ended"),
    ],
)
def test_names_row_column_and_reason_of_what_it_refuses(tmp_path, row, field, reason):
    text = f"ts,W\n{START},1\n{START + 900},2\n{row}\n{START + 1900},4\n{START + 2800},4\n{START + 3700},4\n"
    checked = check(written(tmp_path, text))
    assert reasons(checked) == [(4, field, reason)]
    assert len(checked.times) == 5


@pytest.mark.parametrize("kind", ["counter", "interval"])
def test_refuses_negative_energy(tmp_path, kind):
    path = epoch_file(tmp_path, [(START, 1), (START + 900, -2), (START + 1800, 3)])
    checked = check(path, Mapping(values=(ValueColumn(column=1, quantity="import_energy", kind=kind, unit="Wh"),)))
    assert [row for row, _field, _reason in reasons(checked)] == [3]


def test_negative_power_is_a_value(tmp_path):
    checked = check(epoch_file(tmp_path, [(START, -5), (START + 900, 5)]))
    assert checked.values[0].tolist() == [-5.0, 5.0]


def test_equal_rows_count_once(tmp_path):
    checked = check(epoch_file(tmp_path, [(START, 1), (START + 900, 2), (START, 1)]))
    assert (checked.duplicates, len(checked.times), checked.rejections.rows) == (1, 2, 0)


def test_rows_that_contradict_each_other_are_all_refused(tmp_path):
    checked = check(epoch_file(tmp_path, [(START, 1), (START + 900, 2), (START, 3), (START + 1800, 4)]))
    assert [row for row, _field, _reason in reasons(checked)] == [2, 4]
    assert len(checked.times) == 2


def test_order_of_rows_does_not_matter(tmp_path):
    rows = [(START + 900 * n, n) for n in range(20)]
    sorted_file = check(epoch_file(tmp_path, rows))
    shuffled = check(epoch_file(tmp_path, rows[::-1]))
    assert shuffled.times.tolist() == sorted_file.times.tolist()
    assert shuffled.values[0].tolist() == sorted_file.values[0].tolist()


def test_blank_lines_are_skipped_and_row_numbers_stay_those_of_the_file(tmp_path):
    checked = check(written(tmp_path, f"ts,W\n\n{START},1\n\n{START + 900},x\n{START + 1800},2\n"), PLAIN)
    assert [row for row, _field, _reason in reasons(checked)] == [5]
    assert checked.rows == 3


def test_empty_cell_beside_a_value_is_a_gap(tmp_path):
    text = f"ts,import kWh,export kWh\n{START},1,\n{START + 900},2,0.5\n{START + 1800},,0.25\n"
    checked = check(written(tmp_path, text))
    assert [math.isnan(v) for v in checked.values[1].tolist()] == [True, False, False]
    assert checked.rejections.rows == 0


def test_lists_at_most_so_many_refusals_but_counts_all(tmp_path):
    checked = check(
        epoch_file(tmp_path, [(START + 900 * n, "x" if n > 2 else 1) for n in range(500)]), Mapping(values=(POWER,))
    )
    assert len(checked.rejections.listed) == limits.REJECTIONS_LISTED
    assert checked.rejections.rows == 497
    assert checked.rejections.listed[0].row == 5


def test_local_times_across_the_autumn_change_cover_the_day_of_25_hours(tmp_path):
    lines, moment = [], 1_635_631_200_000  # 2021-10-31 00:00 in Berlin
    from datetime import datetime
    from zoneinfo import ZoneInfo

    for quarter in range(100):
        at = datetime.fromtimestamp((moment + quarter * 900_000) / 1000, ZoneInfo("Europe/Berlin"))
        lines.append(f"{at:%d.%m.%Y %H:%M};1")
    checked = check(written(tmp_path, "Zeit;kWh\n" + "\n".join(lines)))
    assert len(checked.times) == 100
    assert checked.times[0] == moment


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ({"values": []}, "mapping.values"),
        ({"values": [{"column": 9, "quantity": "import_energy"}]}, "mapping.values[0].column"),
        ({"values": [{"column": "?", "quantity": "import_energy"}]}, "mapping.values[0].column"),
        ({"values": [{"column": 1, "quantity": "import_energy"}], "time_column": 7}, "mapping.time_column"),
        ({"values": [{"column": 1, "quantity": "import_energy"}], "zone": "Mars/Base"}, "mapping.zone"),
        ({"values": [{"column": 1, "quantity": "import_energy"}], "interval_s": 0}, "mapping.interval_s"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_names_its_field(tmp_path, mapping, field):
    with pytest.raises(UnableToImport) as refused:
        check(epoch_file(tmp_path, [(START, 1), (START + 900, 2)]), mapping_read(mapping))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "mapping"),
        ({"values": [{"column": 1, "quantity": 5}]}, "mapping.values[0].quantity"),
        ({"values": [{"column": 1, "quantity": "power", "kind": "sum"}]}, "mapping.values[0].kind"),
        ({"values": [], "surprise": 1}, "mapping"),
        ({"values": [], "time_format": "guess"}, "mapping.time_format"),
    ],
)
def test_an_invalid_mapping_names_its_field(data, field):
    with pytest.raises(UnableToImport) as refused:
        mapping_read(data)
    assert refused.value.field == field


def test_a_mapping_survives_being_stored():
    mapping = Mapping(values=(POWER,), label="end", zone="Europe/Berlin", time_column="ts")
    assert mapping_read(mapping_write(mapping)) == mapping


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   \n",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"PK\x03\x04broken",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        b"no times here\nat all\n",
        b'ts,W\n"unclosed,1\n' + b"x" * 200_000,
    ],
)
def test_broken_files_are_refused_with_a_sentence(tmp_path, content):
    with pytest.raises(UnableToImport):
        check(written(tmp_path, content))


def test_the_chosen_column_of_times_may_be_another_than_the_detected_one(tmp_path):
    text = f"read at,from,W\n{START + 5000},2021-02-01T00:00Z,1\n{START + 5900},2021-02-01T00:15Z,2\n"
    column = ValueColumn(column="W", quantity="import_energy")
    checked = check(written(tmp_path, text), Mapping(values=(column,), time_column="from"))
    assert checked.times[0] == 1_612_137_600_000


def test_refuses_more_rows_than_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "ROWS", 10)
    with pytest.raises(UnableToImport, match="more than 10 rows"):
        check(epoch_file(tmp_path, [(START + 900 * n, n) for n in range(11)]))


@pytest.mark.slow
def test_a_million_rows_are_checked_in_a_few_seconds(tmp_path):
    from time import process_time

    path = epoch_file(tmp_path, ((START + 10 * n, n % 5000) for n in range(1_000_000)))
    begin = process_time()
    checked = check(path)
    assert len(checked.times) == 1_000_000
    assert process_time() - begin < 15


def test_a_year_of_quarters_is_checked_within_a_second(tmp_path):
    from time import process_time

    path = epoch_file(tmp_path, ((START + 900 * n, n % 5000) for n in range(35_040)))
    begin = process_time()
    assert len(check(path).times) == 35_040
    assert process_time() - begin < 1
