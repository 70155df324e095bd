"""The archive of a person's data holds all of it, nothing secret, and nothing of others' time."""

import csv
import io
import json
import stat
import zipfile
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from devices.models import DeviceKey
from myhouse.documents.services import SYSTEM
from myhouse.models import AccessToken, Membership, Notice, User
from myhouse.privacy.files import readings_file
from myhouse.privacy.services import (
    KEPT_FOR,
    UnableToAsk,
    archive_write,
    export_request,
    exports_tidy,
    job_work,
)
from myhouse.tests.factories import NOW
from telemetry.calendar import utc_ms
from tests.privacy.life import EMAIL, NAME, life, moves_in

pytestmark = pytest.mark.django_db


def archive_of(user):
    target = io.BytesIO()
    archive_write(user=user, target=target, now=NOW)
    return zipfile.ZipFile(target)


def document(archive, ending):
    names = [name for name in archive.namelist() if name.endswith(ending)]
    assert len(names) == 1, names
    return json.loads(archive.read(names[0]))


def table(archive, part):
    name = next(name for name in archive.namelist() if part in name)
    return list(csv.reader(io.StringIO(archive.read(name).decode("utf-8-sig"))))


def test_holds_every_kind_of_data():
    archive = archive_of(life().user)
    assert archive.testzip() is None
    account = document(archive, "account/account.json")
    assert (account["email"], account["name"], account["second_factor"]) == (EMAIL, NAME, False)
    for ending, count in {
        "account/memberships.json": 1,
        "account/invitations.json": 1,
        "account/notices.json": 1,
        "account/tokens.json": 1,
        "account/uploads.json": 1,
        "account/mails.json": 1,
        "/metering-points.json": 1,
        "/measurements.json": 2,
        "/appliances.json": 1,
        "/contracts.json": 1,
        "/devices.json": 1,
        "/device-keys.json": 1,
        "/meter-questions.json": 1,
        "/market/offers.json": 1,
        "/market/trades.json": 1,
        "/market/lots.json": 1,
        "/market/where-traded-energy-was-used.json": 1,
        "/market/accounts.json": 2,
    }.items():
        assert len(document(archive, ending)) == count, ending
    assert {entry["action"] for entry in document(archive, "account/done-by-you.json")} >= {"household.change"}
    assert document(archive, "account/done-to-your-account.json")[0]["action"] == "user.note"


def test_holds_readings_and_movements_as_tables():
    archive = archive_of(life().user)
    readings = table(archive, "-import_energy-")
    assert readings[0] == ["time (UTC)", "value (Wh)", "quality"]
    assert readings[1] == ["2026-06-13T10:00:00.000Z", "0.0", "measured"]
    assert (len(readings), readings[-1][1]) == (289, "2870.0")
    money = table(archive, "movements-money")
    assert [row[2] for row in money[1:]] == ["Opening balance", "Energy bought", "Opening balance"]
    assert sum(float(row[4]) for row in money[1:]) == float(money[-1][6]) == 10 - 1.5 + 1


def test_holds_no_secret():
    one = life()
    content = b"".join(archive_of(one.user).read(name) for name in archive_of(one.user).namelist())
    secrets = [one.user.password, one.secret, DeviceKey.objects.get().digest, AccessToken.objects.get().digest]
    assert all(secret and secret.encode() not in content for secret in secrets)


def test_holds_only_the_time_the_person_lived_there():
    one = life()
    other = moves_in(one)
    archive = archive_of(other)
    assert len(table(archive, "-import_energy-")) == 145
    assert document(archive, "account/account.json")["email"] == other.email
    # What others in the household were told, wrote and handed in is theirs.
    assert document(archive, "account/notices.json") == []
    assert document(archive, "account/uploads.json") == []
    Membership.objects.filter(user=other).update(ends_at=NOW - timedelta(hours=1))
    assert len(table(archive_of(other), "-import_energy-")) == 139


def test_a_supplier_gets_no_readings_of_his_customers():
    one = life()
    supplier = moves_in(one, role="supplier")
    names = archive_of(supplier).namelist()
    assert [name for name in names if name.startswith("households/")] == []
    assert len(document(archive_of(supplier), "account/memberships.json")) == 1


def test_long_readings_are_written_some_days_at_a_time():
    one = life()
    file = readings_file("x.csv", series_id=one.measurement.series_id, unit="Wh", start_ms=0, end_ms=utc_ms(NOW))
    pieces = list(file.pieces())
    assert len(pieces) >= 2
    assert b"".join(pieces).count(b"\r\n") == 289


def test_is_kept_for_seven_days_and_its_owner_is_told():
    one = life()
    job = job_work(job=export_request(user=one.user, actor=SYSTEM, now=NOW), now=NOW)
    assert (job.state, job.expires_at, job.parts_done) == ("done", NOW + KEPT_FOR, job.parts_total)
    assert Notice.objects.filter(user=one.user, url="/account/privacy/").exists()
    assert zipfile.ZipFile(default_storage.open(job.stored_path)).testzip() is None
    assert exports_tidy(now=NOW + KEPT_FOR - timedelta(seconds=1)) == 0
    assert exports_tidy(now=NOW + KEPT_FOR) == 1
    assert not default_storage.exists(job.stored_path)


def test_is_made_a_few_times_a_day():
    one = life()
    for _number in range(5):
        job_work(job=export_request(user=one.user, actor=SYSTEM, now=NOW), now=NOW)
    with pytest.raises(UnableToAsk, match="several times today"):
        export_request(user=one.user, actor=SYSTEM, now=NOW)
    export_request(user=one.user, actor=SYSTEM, now=NOW + timedelta(days=1, seconds=1))


def test_the_command_writes_a_file_that_only_its_caller_can_read(tmp_path, capsys):
    one, out = life(), tmp_path / "archive.zip"
    call_command("privacy_export", EMAIL, out=out)
    assert zipfile.ZipFile(out).testzip() is None
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "It holds personal data" in capsys.readouterr().out
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("privacy_export", EMAIL, out=out)
    with pytest.raises(CommandError, match="Nobody signs in"):
        call_command("privacy_export", "nobody@example.org", out=tmp_path / "other.zip")
    assert User.objects.filter(pk=one.user.pk).exists()
