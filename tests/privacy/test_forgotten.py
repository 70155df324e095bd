"""After an erasure nothing anywhere names the person: every text of every model, the files, the time-series store."""

import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db.models import CharField, JSONField, TextField

from devices.models import Device, DeviceKey
from marketplace.models import Account, Entry, Offer, Trade, Transfer
from marketplace.services.cash import deposit_request
from marketplace.services.proof import ledger_prove
from marketplace.tests.ledgers import EURO
from marketplace.tests.scenes import offered, sold
from myhouse.documents.outbox import outbox_flush
from myhouse.documents.services import SYSTEM, Actor
from myhouse.models import AuditEntry, Household, Membership, Notice, OutboxMessage, PrivacyJob, Upload, User
from myhouse.privacy.services import (
    UnableToAsk,
    UnableToErase,
    erase_request,
    export_request,
    job_work,
    jobs_wake,
    obstacles_of,
)
from myhouse.tests.factories import NOW, CommunityRoleFactory, UserFactory
from telemetry.calendar import utc_ms
from telemetry.selectors import bounds, scan
from tests.privacy.life import ADDRESS, EMAIL, NAME, TRACES, life, moves_in, paid_out

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def file_folder(settings, tmp_path):
    """Files of this test alone."""
    folder = tmp_path / "files"
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": backend, "OPTIONS": {"location": folder}}}
    return folder


@pytest.fixture
def mail_folder(settings, tmp_path):
    """Mails as an embedded installation keeps them."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    settings.EMAIL_FILE_PATH.mkdir()
    return settings.EMAIL_FILE_PATH


def forget(one):
    job = erase_request(user=one.user, actor=Actor(one.user.pk, EMAIL), now=NOW)
    return job_work(job=job, now=NOW)


def texts():
    """Yield every text of every model."""
    for model in apps.get_models():
        columns = [f.attname for f in model._meta.concrete_fields if isinstance(f, CharField | TextField | JSONField)]
        for row in model._default_manager.values_list("pk", *columns) if columns else []:
            yield model.__name__, json.dumps(row, default=str, ensure_ascii=False)


def traces_in_models():
    return [(model, text) for model, text in texts() if any(trace in text.lower() for trace in TRACES)]


def traces_in_files(*folders):
    files = [file for folder in folders for file in Path(folder).rglob("*") if file.is_file()]
    return [file for file in files if any(trace.encode() in file.read_bytes().lower() for trace in TRACES)]


def store_bytes():
    """Return all that the time-series store holds."""
    url = urlsplit(settings.TELEMETRY_URL)
    if url.scheme == "sqlite":
        return Path(url.path).read_bytes()
    from cassandra.cluster import Cluster

    with Cluster([url.hostname], port=url.port) as cluster:
        session = cluster.connect(url.path.removeprefix("/"))
        tables = cluster.metadata.keyspaces[session.keyspace].tables
        return b"".join(repr(row).encode() for table in tables for row in session.execute(f"SELECT * FROM {table}"))


def test_no_row_of_any_model_names_a_forgotten_person(mail_folder):
    one = life()
    paid_out(one)
    assert len({model for model, _text in traces_in_models()}) >= 15
    job = forget(one)
    assert (job.state, job.error, job.parts_done) == ("done", "", job.parts_total)
    assert traces_in_models() == []


def test_no_file_and_no_series_names_or_holds_a_forgotten_person(mail_folder, file_folder):
    one = life()
    paid_out(one)
    outbox_flush(now=NOW)
    kept = Upload.objects.get().stored_path
    assert default_storage.exists(kept)
    assert traces_in_files(mail_folder)
    assert bounds(series_id=one.measurement.series_id) is not None
    forget(one)
    assert not default_storage.exists(kept)
    assert not [file for file in traces_in_files(mail_folder) if f"To: {EMAIL}".encode() in file.read_bytes()]
    assert bounds(series_id=one.measurement.series_id) is None
    assert not traces_in_files(file_folder)
    stored = store_bytes().lower()
    assert stored
    assert not any(trace.encode() in stored for trace in TRACES)


def test_the_account_its_sessions_tokens_and_memberships_are_gone():
    one = life()
    paid_out(one)
    forget(one)
    assert not User.objects.filter(pk=one.user.pk).exists()
    assert not Session.objects.filter(pk=one.session).exists()
    assert not Membership.objects.filter(user_id=one.user.pk).exists()
    assert not OutboxMessage.objects.filter(payload__to=EMAIL).exists()
    # What others have stays theirs.
    assert Notice.objects.get(user=one.neighbour, text__contains="left the village").text.startswith("erased-")
    assert User.objects.filter(pk=one.neighbour.pk).exists()


def test_the_ledger_stays_whole_under_a_pseudonym():
    one = life()
    paid_out(one)
    before = [model.objects.count() for model in (Account, Transfer, Entry, Trade)]
    forget(one)
    assert [model.objects.count() for model in (Account, Transfer, Entry, Trade)] == before
    household = Household.objects.get(pk=one.household.pk)
    assert household.name == f"Former household {household.pk.hex[-4:].upper()}"
    assert (household.erased_at, household.suspended_at) == (NOW, NOW)
    assert AuditEntry.objects.filter(actor_id=one.user.pk).values("actor_label").distinct().count() == 1
    assert AuditEntry.objects.filter(actor_id=one.user.pk).first().actor_label.startswith("erased-")
    outcome = ledger_prove(now=NOW)
    assert outcome.sound, outcome.finding


def test_devices_are_switched_off_and_offers_withdrawn():
    one = life()
    paid_out(one)
    forget(one)
    device = Device.objects.get(pk=one.device.pk)
    assert (device.enabled, device.host, device.external_id) == (False, "", device.pk.hex)
    assert not DeviceKey.objects.filter(device=device).exists()
    assert Offer.objects.get(pk=one.offer.pk).state == "withdrawn"


def test_where_others_live_only_the_time_alone_is_forgotten():
    one = life()
    other = moves_in(one)
    forget(one)
    household = Household.objects.get(pk=one.household.pk)
    assert (household.name, household.erased_at) == (f"{ADDRESS}, left", None)
    day_ago, series = utc_ms(NOW - timedelta(days=1)), one.measurement.series_id
    assert len(scan(series_id=series, start_ms=0, end_ms=day_ago)) == 0
    assert len(scan(series_id=series, start_ms=day_ago, end_ms=utc_ms(NOW))) == 144
    assert Device.objects.get(pk=one.device.pk).enabled
    assert list(Membership.objects.filter(household=household).values_list("user_id", flat=True)) == [other.pk]


def test_refuses_while_money_is_on_the_account():
    one = life()
    with pytest.raises(UnableToErase, match=r"paid out first"):
        erase_request(user=one.user, actor=SYSTEM, now=NOW)
    paid_out(one)
    assert obstacles_of(user=one.user, now=NOW) == []


def test_refuses_while_something_of_his_is_not_decided():
    one = life()
    paid_out(one)
    deposit_request(household=one.household, amount_uct=EURO, actor=SYSTEM, now=NOW)
    assert any("waits for a decision" in text for text in obstacles_of(user=one.user, now=NOW))


def test_refuses_while_a_trade_is_open():
    one = life()
    window = offered(one.place, "window", energy_wh=1_000)
    sold(one.place, window, 500)
    assert any("not settled" in text for text in obstacles_of(user=one.user, now=NOW))


def test_refuses_the_last_manager_and_the_last_owner_of_others():
    one = life()
    paid_out(one)
    CommunityRoleFactory(user=one.user, community=one.place.community)
    moves_in(one, role="viewer")
    found = obstacles_of(user=one.user, now=NOW)
    assert any("last manager" in text for text in found)
    assert any("last owner" in text for text in found)
    CommunityRoleFactory(community=one.place.community)
    Membership.objects.filter(household=one.household).exclude(user=one.user).update(role="owner")
    assert obstacles_of(user=one.user, now=NOW) == []


def test_refuses_the_last_operator():
    one = life()
    paid_out(one)
    User.objects.filter(pk=one.user.pk).update(is_superuser=True)
    one.user.refresh_from_db()
    assert any("last operator" in text for text in obstacles_of(user=one.user, now=NOW))
    UserFactory(is_superuser=True)
    assert obstacles_of(user=one.user, now=NOW) == []


def test_what_came_up_meanwhile_ends_the_request_and_leaves_all_as_it_was():
    one = life()
    paid_out(one)
    job = erase_request(user=one.user, actor=SYSTEM, now=NOW)
    deposit_request(household=one.household, amount_uct=EURO, actor=SYSTEM, now=NOW)
    job = job_work(job=job, now=NOW)
    assert job.state == "failed"
    assert "waits for a decision" in job.error
    assert User.objects.get(pk=one.user.pk).is_active
    assert Offer.objects.get(pk=one.offer.pk).state == "open"


@pytest.mark.parametrize("after", range(0, 24, 3))
def test_an_erasure_that_died_anywhere_is_finished_by_the_next_worker(after):
    one = life()
    paid_out(one)
    job = erase_request(user=one.user, actor=SYSTEM, now=NOW)

    def dies(done, _total):
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job_work(job=job, now=NOW, progress=dies)
    job = job_work(job=PrivacyJob.objects.get(pk=job.pk), now=NOW + timedelta(minutes=1))
    assert job.state == "done"
    assert traces_in_models() == []


def test_one_request_at_a_time():
    one = life()
    export_request(user=one.user, actor=SYSTEM, now=NOW)
    with pytest.raises(UnableToAsk):
        export_request(user=one.user, actor=SYSTEM, now=NOW)


def test_what_no_worker_has_finished_is_given_out_again():
    one = life()
    job = export_request(user=one.user, actor=SYSTEM, now=NOW)
    assert jobs_wake(now=NOW) == 0
    assert jobs_wake(now=NOW + timedelta(minutes=1)) == 1
    job_work(job=job, now=NOW)
    assert jobs_wake(now=NOW + timedelta(minutes=1)) == 0


def test_the_command_asks_for_the_address_again_and_erases(capsys, monkeypatch):
    one = life()
    with pytest.raises(CommandError, match="paid out first"):
        call_command("privacy_erase", EMAIL, confirm=EMAIL)
    paid_out(one)
    monkeypatch.setattr("builtins.input", lambda _asked: "somebody@example.org")
    with pytest.raises(CommandError, match="another address"):
        call_command("privacy_erase", EMAIL)
    call_command("privacy_erase", EMAIL, confirm=EMAIL.upper())
    said = capsys.readouterr().out
    assert "1 households, of which nobody is left in 1." in said
    assert "Erased." in said
    assert not User.objects.filter(email=EMAIL).exists()
    with pytest.raises(CommandError, match="Nobody signs in"):
        call_command("privacy_erase", EMAIL)
    assert NAME not in said
