"""Devices, their keys and channels."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from devices.errors import UnableToBindChannel, UnableToChangeKey, UnableToRegisterDevice
from devices.models import Device, DeviceChannel, DeviceKey
from devices.services.channels import Binding, channel_bind, channel_open
from devices.services.keys import device_key_issue, device_key_revoke, device_key_rotate, key_digest
from devices.services.presence import device_fell_silent, device_spoke
from devices.services.registry import device_disable, device_enable, device_register
from devices.services.swaps import swap_question_answer, swap_question_open
from devices.state import VERSION_KEY, registry_version
from devices.tests.factories import gateway_register, http_meter, modbus_device
from myhouse.documents.base import FOREVER
from myhouse.documents.models import AuditEntry
from myhouse.documents.services import SYSTEM
from myhouse.models import Measurement
from myhouse.services.metering import metering_point_create
from myhouse.tests.factories import NOW, HouseholdFactory
from telemetry.broker import broker_client

pytestmark = pytest.mark.django_db


def test_registering_binds_each_point_to_a_measurement_of_its_metering_point():
    meter = http_meter(now=NOW, quantities=("import_energy", "power"))
    channels = DeviceChannel.objects.filter(device=meter.device).order_by("name")
    assert [(one.name, one.measurement.quantity) for one in channels] == [
        ("import_energy", "import_energy"),
        ("power", "power"),
    ]
    assert AuditEntry.objects.filter(action="device.registered", subject_id=meter.device.pk).exists()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "  "}, "name"),
        ({"kind": "telepathy"}, "kind"),
        ({"external_id": "with space"}, "external_id"),
        ({"period_s": 0}, "period_s"),
        ({"kind": "modbus"}, "host"),
        ({"household": None}, "household"),
    ],
)
def test_refuses_what_cannot_be_a_device_naming_the_field(fields, named):
    meter = http_meter(now=NOW)
    ask = {"name": "Second", "kind": "http", "household": meter.household, "actor": SYSTEM, "now": NOW} | fields
    with pytest.raises(UnableToRegisterDevice) as refused:
        device_register(**ask)
    assert refused.value.field == named
    assert Device.objects.count() == 1


def test_a_polled_meter_is_bound_to_all_that_its_model_measures_where_it_stands():
    meter = modbus_device(now=NOW, port=15_020, role="consumer", quantities=())
    names = set(DeviceChannel.objects.filter(device=meter.device).values_list("name", flat=True))
    assert {"consumer.consumption_energy", "consumer.power", "consumer.voltage_l1"} <= names
    assert not any("import" in name or "export" in name for name in names)


def test_a_hybrid_inverter_is_bound_to_the_households_battery_too():
    home = HouseholdFactory()
    terms = {"capacity_wh": 10_000, "max_charge_w": 5_000, "max_discharge_w": 5_000}
    metering_point_create(household=home, role="battery", name="Battery", battery=terms, actor=SYSTEM, now=NOW)
    meter = modbus_device(
        now=NOW, port=15_020, role="production", quantities=(), model="sunspec-inverter", household=home
    )
    names = set(DeviceChannel.objects.filter(device=meter.device).values_list("name", flat=True))
    assert {"production.production_energy", "battery.charge_energy", "battery.state_of_charge"} <= names


def test_refuses_a_model_that_is_not_in_the_catalogue():
    with pytest.raises(UnableToRegisterDevice) as refused:
        modbus_device(now=NOW, port=15_020, model="steam-engine")
    assert refused.value.field == "model"


def test_the_command_registers_a_device_and_prints_its_key_once(capsys):
    meter = http_meter(now=NOW, quantities=())
    call_command("device_register", "--name", "Cellar", "--point", str(meter.point.pk), "--external-id", "cellar")
    printed = capsys.readouterr().out
    secret = printed.rsplit(": ", 1)[1].strip()
    assert "device: cellar" in printed
    assert DeviceKey.objects.get(digest=key_digest(secret)).device.name == "Cellar"


def test_the_command_says_what_is_wrong():
    meter = http_meter(now=NOW)
    with pytest.raises(CommandError, match="host"):
        call_command("device_register", "--name", "M", "--point", str(meter.point.pk), "--kind", "modbus")


def test_other_processes_hear_of_a_change_at_once():
    before = heard()
    broker_client().publish(VERSION_KEY, b"")
    until = time.monotonic() + 2
    while registry_version() == before:
        assert time.monotonic() < until
        time.sleep(0.005)


def heard():
    """Return the version once this process listens."""
    registry_version()
    until = time.monotonic() + 2
    while broker_client().pubsub_numsub(VERSION_KEY)[0][1] < 1:
        assert time.monotonic() < until
        time.sleep(0.01)
    time.sleep(0.1)
    return registry_version()


def test_refuses_an_external_id_twice_below_one_gateway_and_allows_it_below_another():
    first, second = gateway_register(now=NOW), gateway_register(now=NOW)
    http_meter(now=NOW, gateway=first.device, external_id="m1")
    http_meter(now=NOW, gateway=second.device, external_id="m1")
    with pytest.raises(UnableToRegisterDevice) as refused:
        http_meter(now=NOW, gateway=first.device, external_id="m1")
    assert refused.value.field == "external_id"


def test_refuses_a_second_device_for_the_same_quantity_of_a_point():
    meter = http_meter(now=NOW)
    other = device_register(name="Other", kind="http", household=meter.household, actor=SYSTEM, now=NOW)
    binding = Binding(name="p", metering_point=meter.point, quantity="power")
    with pytest.raises(UnableToBindChannel):
        channel_bind(device=other, binding=binding, actor=SYSTEM, now=NOW)


def test_opens_a_quantity_of_the_devices_own_point_and_no_other():
    meter = http_meter(now=NOW, quantities=())
    opened = channel_open(device=meter.device, quantity="export_energy", starts_at=NOW)
    assert opened is not None
    assert channel_open(device=meter.device, quantity="charge_energy", starts_at=NOW) is None


def test_keeps_only_the_digest_of_a_key():
    meter = http_meter(now=NOW)
    key = DeviceKey.objects.get(device=meter.device)
    assert key.digest == key_digest(meter.secret)
    assert meter.secret not in str(key.__dict__)
    assert len(meter.secret) > 43


def test_refuses_a_second_key_in_a_slot():
    meter = http_meter(now=NOW)
    with pytest.raises(UnableToChangeKey):
        device_key_issue(device=meter.device, slot="primary", actor=SYSTEM, now=NOW)


def test_rotating_never_leaves_the_device_without_its_newest_key():
    meter = http_meter(now=NOW)
    second, _secret = device_key_rotate(device=meter.device, actor=SYSTEM, now=NOW + timedelta(days=1))
    third, _secret = device_key_rotate(device=meter.device, actor=SYSTEM, now=NOW + timedelta(days=2))
    held = DeviceKey.objects.filter(device=meter.device, revoked_at=FOREVER)
    assert {key.pk for key in held} == {second.pk, third.pk}
    assert {key.slot for key in held} == {"primary", "secondary"}


def test_revoking_twice_changes_nothing_more():
    meter = http_meter(now=NOW)
    key = DeviceKey.objects.get(device=meter.device)
    device_key_revoke(key=key, actor=SYSTEM, now=NOW)
    device_key_revoke(key=key, actor=SYSTEM, now=NOW + timedelta(hours=1))
    key.refresh_from_db()
    assert key.revoked_at == NOW
    assert AuditEntry.objects.filter(action="device.key_revoked").count() == 1


def test_switching_is_noted_once(django_capture_on_commit_callbacks):
    meter = http_meter(now=NOW)
    before = registry_version()
    with django_capture_on_commit_callbacks(execute=True):
        device_disable(device=meter.device, actor=SYSTEM, now=NOW)
        device_disable(device=meter.device, actor=SYSTEM, now=NOW)
        device_enable(device=meter.device, actor=SYSTEM, now=NOW)
    assert AuditEntry.objects.filter(action__in=["device.disabled", "device.enabled"]).count() == 2
    assert registry_version() > before


def test_silence_is_written_on_its_two_transitions_only():
    device = http_meter(now=NOW).device
    assert device_fell_silent(device_id=device.pk, since=NOW, error="no answer", now=NOW)
    assert not device_fell_silent(device_id=device.pk, since=NOW + timedelta(hours=1), error="x", now=NOW)
    device.refresh_from_db()
    assert (device.silent, device.silent_since, device.last_error) == (True, NOW, "no answer")
    assert device_spoke(device_id=device.pk, now=NOW)
    assert not device_spoke(device_id=device.pk, now=NOW)
    device.refresh_from_db()
    assert (device.silent, device.last_error) == (False, "")


def test_answering_that_the_meter_was_exchanged_starts_a_measurement_of_its_own():
    meter = http_meter(now=NOW, quantities=("import_energy",))
    channel = DeviceChannel.objects.get(device=meter.device)
    later = NOW + timedelta(days=1)
    question = swap_question_open(channel=channel, before=(NOW, 900.0), after=(later, 3.0), now=later)
    assert question is not None
    assert swap_question_open(channel=channel, before=(NOW, 900.0), after=(later, 3.0), now=later) is None
    swap_question_answer(question=question, answer="swap", actor=SYSTEM, now=later)
    old, new = Measurement.objects.filter(metering_point=meter.point).order_by("starts_at")
    channel.refresh_from_db()
    assert (old.ends_at, new.ends_at, channel.measurement_id) == (later, FOREVER, new.pk)
