"""The spool's files: what was appended comes back in order, whatever happened to the file in between."""

from __future__ import annotations

import errno
import os
import uuid
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.errors import StoreUnavailableError
from telemetry.model import Batch
from telemetry.records import Record, record_at, record_encode, records_from
from telemetry.spool import Spool, SpoolFullError
from telemetry.tests.commands import managed
from telemetry.tests.conftest import quick_folder

NOW = 1_763_700_000_000
SERIES = [uuid.UUID(int=number + 1) for number in range(4)]
ROOM = 1024 * 1024

rows = st.lists(
    st.tuples(
        st.sampled_from(SERIES),
        st.integers(0, 1 << 52),
        st.floats(allow_nan=False, allow_infinity=False),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=8,
)
records = st.lists(rows, min_size=1, max_size=6)


def told(batch: Batch) -> list[tuple[uuid.UUID, int, float, int]]:
    return [
        (batch.series_ids[int(place)], int(time), float(value), int(quality))
        for place, time, value, quality in zip(batch.index, batch.times, batch.values, batch.quality, strict=True)
    ]


def encoded(listed) -> list[bytes]:
    before = 0
    parts = []
    for one in listed:
        parts.append(record_encode(Record(before, NOW, Batch.of_rows(one))))
        before += len(one)
    return parts


def emptied(spool: Spool, at_most: int = 5) -> list[tuple[uuid.UUID, int, float, int]]:
    """Everything that waits, taken as a replay takes it."""
    found = []
    with spool.replaying() as is_ours:
        assert is_ours
        while (taken := spool.take(at_most)) is not None:
            found += [row for record in taken.records for row in told(record.batch)]
            spool.advance(taken.upto)
    return found


def reading(number: int) -> Batch:
    return Batch.of(SERIES[number % 4], NOW + number, float(number))


@pytest.fixture
def folder():
    with quick_folder() as found:
        yield found


@pytest.fixture
def spool(folder):
    return Spool(folder / "spool", max_bytes=ROOM, segment_bytes=300)


@given(records)
def test_records_come_back_as_they_were_written(listed):
    data = b"".join(encoded(listed))
    found = [one.record for one in records_from(data)]
    assert [told(one.batch) for one in found if one] == listed
    assert [one.before for one in found if one] == [sum(map(len, listed[:at])) for at in range(len(listed))]


@given(records, st.data())
def test_a_file_cut_anywhere_gives_all_records_before_the_cut(listed, data):
    parts = encoded(listed)
    whole = b"".join(parts)
    cut = data.draw(st.integers(0, len(whole)))
    kept = sum(sum(map(len, parts[: at + 1])) <= cut for at in range(len(parts)))
    assert [told(one.record.batch) for one in records_from(whole[:cut]) if one.record] == listed[:kept]


@given(records, st.data())
def test_a_damaged_byte_costs_the_record_it_lies_in_and_no_other(listed, data):
    parts = encoded(listed)
    broken = data.draw(st.integers(0, len(parts) - 1))
    at = data.draw(st.integers(0, len(parts[broken]) - 1))
    flip = data.draw(st.integers(1, 255))
    parts[broken] = parts[broken][:at] + bytes([parts[broken][at] ^ flip]) + parts[broken][at + 1 :]
    found = list(records_from(b"".join(parts)))
    assert [told(one.record.batch) for one in found if one.record] == listed[:broken] + listed[broken + 1 :]
    damaged = [one.end - one.start for one in found if one.record is None]
    assert damaged == ([len(parts[broken])] if broken < len(parts) - 1 else [])


@given(st.binary(max_size=200))
def test_no_record_is_found_in_noise(noise):
    assert record_at(noise, 0) is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(rows, st.sampled_from(["replay", "some", "reopen", "torn"])), max_size=20),
    st.integers(100, 2_000),
)
def test_any_order_of_appends_replays_restarts_and_torn_ends_keeps_everything_in_order(steps, segment_bytes):
    with quick_folder() as folder:
        spools = [Spool(folder, max_bytes=ROOM, segment_bytes=segment_bytes) for _ in range(2)]
        expected: list = []
        found: list = []
        for number, step in enumerate(steps):
            spool = spools[number % 2]
            if step == "replay":
                found += emptied(spool)
            elif step == "some":
                with spool.replaying():
                    taken = spool.take(1)
                    if taken is not None:
                        found += [row for record in taken.records for row in told(record.batch)]
                        spool.advance(taken.upto)
            elif step == "reopen":
                spools[number % 2] = Spool(folder, max_bytes=ROOM, segment_bytes=segment_bytes)
            elif step == "torn":
                last = max(folder.glob("*.spool"), default=folder / "0000000001.spool")
                whole = record_encode(Record(0, NOW, reading(1)))
                with last.open("ab") as file:
                    file.write(whole[: 1 + number])
            else:
                spool.append(Batch.of_rows(step), NOW)
                expected += step
            assert spool.state().readings == len(expected) - len(found)
            assert spool.waits() or len(expected) == len(found)
        found += emptied(spools[0])
        assert found == expected
        assert not spools[1].waits()


def test_a_replay_interrupted_before_it_was_noted_begins_again_where_it_was(spool):
    for number in range(30):
        spool.append(reading(number), NOW)
    taken = spool.take(10)
    again = Spool(spool.folder, max_bytes=ROOM, segment_bytes=300)
    assert [told(one.batch) for one in again.take(10).records] == [told(one.batch) for one in taken.records]
    (spool.folder / "place").write_text("{torn")
    assert [row[2] for row in emptied(again)] == [float(number) for number in range(30)]


def test_a_lost_place_costs_nothing_but_work(spool):
    for number in range(30):
        spool.append(reading(number), NOW)
    spool.advance(spool.take(10).upto)
    (spool.folder / "place").unlink()
    assert emptied(spool)[-1][2] == 29.0
    assert spool.state().readings == 0


def test_refuses_with_the_folder_and_the_setting_once_it_is_full_and_takes_again_once_there_is_room(folder):
    spool = Spool(folder / "spool", max_bytes=1_000, segment_bytes=300)
    taken = 10
    for number in range(taken):
        spool.append(reading(number), NOW)
    with pytest.raises(SpoolFullError) as refusal:
        spool.append(Batch.concat([reading(number) for number in range(20)]), NOW)
    assert str(spool.folder) in str(refusal.value)
    assert "SPOOL_MAX_MB" in str(refusal.value)
    assert refusal.value.retry_after_s == 60
    assert len(emptied(spool)) == taken
    spool.append(reading(1), NOW)
    assert spool.state().readings == 1


def test_a_full_disk_leaves_the_file_as_it_was(spool, monkeypatch):
    spool.append(reading(1), NOW)
    written = os.pwrite

    def half(descriptor: int, data: memoryview, offset: int) -> int:
        written(descriptor, data[: len(data) // 2], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(SpoolFullError, match="disk of the spool"):
        spool.append(reading(2), NOW)
    monkeypatch.undo()
    spool.append(reading(3), NOW)
    assert [row[2] for row in emptied(spool)] == [1.0, 3.0]


def test_a_folder_that_cannot_be_written_refuses_as_unavailable(folder):
    (folder / "file").touch()
    spool = Spool(folder / "file", max_bytes=ROOM)
    with pytest.raises(StoreUnavailableError):
        spool.append(reading(1), NOW)


def test_what_only_goes_behind_others_is_left_to_the_store_once_nothing_waits(spool):
    assert not spool.append(reading(1), NOW, only_behind=True)
    spool.append(reading(1), NOW)
    assert spool.append(reading(2), NOW, only_behind=True)
    assert len(emptied(spool)) == 2
    assert not spool.append(reading(3), NOW, only_behind=True)
    assert not spool.waits()


def test_only_one_replays_at_a_time(spool):
    spool.append(reading(1), NOW)
    other = Spool(spool.folder, max_bytes=ROOM)
    with spool.replaying() as first, other.replaying() as second:
        assert (first, second) == (True, False)


def test_a_damaged_stretch_is_handed_out_with_what_follows_it(spool):
    for number in range(3):
        spool.append(reading(number), NOW)
    path = min(Path(spool.folder).glob("*.spool"))
    data = bytearray(path.read_bytes())
    data[40] ^= 0xFF
    path.write_bytes(bytes(data))
    taken = Spool(spool.folder, max_bytes=ROOM).take(10)
    assert [row[2] for record in taken.records for row in told(record.batch)] == [1.0, 2.0]
    assert [len(one) for one in taken.damaged] == [len(record_encode(Record(0, NOW, reading(0))))]


def test_refused_readings_are_kept_and_counted(spool):
    spool.refuse(batch=reading(1), reason="unknown", now_ms=NOW)
    spool.refuse(batch=Batch.concat([reading(2), reading(3)]), reason="unknown", now_ms=NOW)
    assert Spool(spool.folder, max_bytes=ROOM).state().refused == 3
    kept = (spool.folder / "refused").read_bytes()
    assert np.concatenate([one.record.batch.values for one in records_from(kept) if one.record]).tolist() == [1, 2, 3]


def test_refused_readings_go_behind_what_waits_once_more_and_damaged_stretches_stay(spool):
    spool.refuse(batch=reading(1), reason="unknown", now_ms=NOW)
    spool.refuse(batch=Batch.of_rows([]), reason="damaged", now_ms=NOW, damaged=b"torn")
    spool.refuse(batch=reading(2), reason="unknown", now_ms=NOW)
    spool.append(reading(0), NOW)

    assert spool.refused_again(NOW) == 2

    assert [row[2] for row in emptied(spool)] == [0.0, 1.0, 2.0]
    afresh = Spool(spool.folder, max_bytes=ROOM)
    assert afresh.state().refused == 1
    assert [one["damaged"] for one in afresh.refused.reasons()] == [b"torn".hex()]
    assert afresh.refused_again(NOW) == 0


def test_refused_readings_stay_aside_while_there_is_no_room(folder):
    spool = Spool(folder / "spool", max_bytes=300)
    spool.refuse(batch=Batch.concat([reading(1), reading(2)]), reason="unknown", now_ms=NOW)
    spool.append(reading(0), NOW)
    with pytest.raises(SpoolFullError):
        spool.refused_again(NOW)
    assert spool.state().refused == 2


def test_discarded_readings_are_gone(spool):
    spool.refuse(batch=reading(1), reason="unknown", now_ms=NOW)
    assert spool.refused_discard() == 1
    assert Spool(spool.folder, max_bytes=ROOM).state().refused == 0
    assert spool.refused.reasons() == []


def test_what_another_process_discarded_or_put_back_is_no_longer_counted_and_more_can_be_refused(spool):
    other = Spool(spool.folder, max_bytes=ROOM)
    for decided in (other.refused_discard, lambda: other.refused_again(NOW)):
        spool.refuse(batch=reading(1), reason="unknown", now_ms=NOW)
        assert spool.state().refused == 1
        assert decided() == 1
        assert spool.state().refused == 0
    spool.refuse(batch=Batch.concat([reading(2), reading(3)]), reason="unknown", now_ms=NOW)
    assert spool.state().refused == other.state().refused == 2


def test_a_spool_that_was_never_used_holds_nothing_to_decide_on(spool):
    assert spool.refused_again(NOW) == 0
    assert spool.refused_discard() == 0


@pytest.mark.slow
def test_an_operator_sees_what_was_refused_and_has_it_written_again(tmp_path):
    away = "cassandra://127.0.0.1:1/energy?replication=1"
    folder = tmp_path / "spool" / "energy"
    Spool(folder, max_bytes=ROOM).refuse(batch=reading(1), reason="Their series is not registered.", now_ms=NOW)

    shown = managed(away, tmp_path, "spool")
    assert str(folder) in shown
    assert "1 readings are refused" in shown
    assert "Their series is not registered." in shown

    assert "1 refused readings wait to be written again" in managed(away, tmp_path, "spool", "--retry")
    state = Spool(folder, max_bytes=ROOM).state()
    assert (state.readings, state.refused) == (1, 0)


def test_where_the_time_series_lie_in_a_file_the_command_says_so(settings, tmp_path):
    settings.TELEMETRY_URL = f"sqlite:///{tmp_path}/telemetry.sqlite3"
    with pytest.raises(CommandError, match="There is no spool"):
        call_command("spool")


def test_the_oldest_is_told_by_when_it_was_accepted(spool):
    for number in range(20):
        spool.append(reading(number), NOW + number)
    assert spool.state().oldest_ms == NOW
    taken = spool.take(3)
    spool.advance(taken.upto)
    assert spool.state().oldest_ms == NOW + len(taken.records) == NOW + 3
