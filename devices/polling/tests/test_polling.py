"""Devices are asked over real Modbus TCP; what they answer is stored, shown live, and their silence noted."""

import time
from datetime import UTC, datetime

import pytest

from devices import tasks
from devices.models import SwapQuestion
from devices.polling.schedule import locks_take
from devices.relay import relay
from devices.simulator.server import Mood
from devices.state import seen_get, seen_put
from myhouse.models import Measurement
from telemetry.live import live_get
from telemetry.selectors import scan

pytestmark = pytest.mark.django_db(transaction=True)


def now_ms():
    return time.time_ns() // 1_000_000


def series(meter, quantity):
    return Measurement.objects.get(metering_point=meter.point, quantity=quantity).series_id


def stored(meter, quantity="power"):
    return scan(series_id=series(meter, quantity), start_ms=now_ms() - 600_000, end_ms=now_ms() + 1_000)


def test_a_poll_stores_every_bound_quantity_and_shows_it_live(community, poll):
    meters = [community.grid_meter(home) for home in (1, 2, 3)]
    poll(*meters)
    relay.flush()
    for meter in meters:
        for quantity in ("power", "import_energy", "export_energy"):
            found = stored(meter, quantity)
            assert len(found) == 1
            assert live_get([series(meter, quantity)])[series(meter, quantity)].value == found.values[0]
        assert now_ms() - seen_get([meter.device.pk])[meter.device.pk] < 10_000


def test_a_hanging_device_delays_no_living_one(community, poll):
    living, hanging = community.grid_meter(1), community.grid_meter(2)
    community.call(community.simulator.mood_set, "home-2-grid", Mood.HANGING)
    start = time.monotonic()
    poll(hanging, living, wait=False)
    while not len(stored(living)):
        assert time.monotonic() - start < 1.5
        time.sleep(0.02)
    assert len(stored(hanging)) == 0


def test_a_device_is_never_polled_twice_at_once(community, poll):
    meter = community.grid_meter(1)
    assert locks_take(device_ids=[meter.device.pk], token="another worker", hold_ms=5_000) == [meter.device.pk]
    poll(meter)
    assert len(stored(meter)) == 0


def test_the_lock_is_free_again_after_the_poll(community, poll):
    meter = community.grid_meter(1)
    for _again in range(2):
        poll(meter)
    assert len(stored(meter)) == 2


def test_a_device_falls_silent_after_three_periods_and_speaks_at_its_first_answer(community, poll):
    meter = community.grid_meter(1)
    poll(meter)
    community.call(community.simulator.unplug, "home-1-grid")
    poll(meter)
    meter.device.refresh_from_db()
    assert not meter.device.silent
    heard = now_ms() - 31_000
    seen_put({meter.device.pk: heard})
    poll(meter)
    meter.device.refresh_from_db()
    assert meter.device.silent_since == datetime.fromtimestamp(heard / 1000, UTC)
    assert "127.0.0.1" in meter.device.last_error
    community.run(community.simulator.plug_in("home-1-grid"))
    poll(meter)
    meter.device.refresh_from_db()
    assert (meter.device.silent, meter.device.last_error) == (False, "")


def test_a_device_of_another_model_is_silent_at_once_with_the_reason(community, poll):
    host, port, unit_id = community.simulator.address("home-1-grid")
    from devices.tests.factories import modbus_device

    wrong = modbus_device(now=datetime.now(UTC), host=host, port=port, unit_id=unit_id, model="sunspec-inverter")
    poll(wrong)
    wrong.device.refresh_from_db()
    assert wrong.device.silent
    assert wrong.device.last_error


def test_a_hybrid_inverter_feeds_production_and_battery(community, poll):
    from devices.models import DeviceKind
    from devices.services.channels import Binding
    from devices.services.registry import Address, device_register
    from myhouse.documents.services import SYSTEM
    from myhouse.services.metering import metering_point_create
    from myhouse.tests.factories import HouseholdFactory

    served = next(one for one in community.simulator.devices.values() if one.placed.has_battery)
    host, port, unit_id = community.simulator.address(served.placed.key)
    now, home = datetime.now(UTC), HouseholdFactory()
    terms = {"capacity_wh": 10_000, "max_charge_w": 5_000, "max_discharge_w": 5_000}
    roof = metering_point_create(household=home, role="production", name="Roof", actor=SYSTEM, now=now)
    battery = metering_point_create(
        household=home, role="battery", name="Battery", battery=terms, actor=SYSTEM, now=now
    )
    wanted = [(roof, "production_energy"), (battery, "state_of_charge"), (battery, "charge_energy")]
    device = device_register(
        name="Hybrid",
        kind=DeviceKind.MODBUS,
        household=home,
        model=served.placed.model,
        address=Address(host, port, unit_id),
        metering_point=roof,
        bindings=[Binding(f"{point.role}.{quantity}", point, quantity) for point, quantity in wanted],
        actor=SYSTEM,
        now=now,
    )
    tasks.devices_poll(device_ids=[device.pk.hex])
    assert tasks.poll_loop().wait(timeout_s=10)
    for point, quantity in wanted:
        one = Measurement.objects.get(metering_point=point, quantity=quantity).series_id
        assert len(scan(series_id=one, start_ms=0, end_ms=now_ms() + 1)) == 1


def test_a_step_back_of_a_register_opens_one_question(community, poll):
    meter = community.grid_meter(1)
    poll(meter)
    relay.flush()
    one = series(meter, "import_energy")
    ahead = live_get([one])[one]
    relay._registers[one] = type(ahead)(ahead.time_ms, ahead.value + 1_000_000, ahead.quality)
    poll(meter)
    relay.flush()
    relay._registers[one] = type(ahead)(ahead.time_ms, ahead.value + 1_000_000, ahead.quality)
    poll(meter)
    relay.flush()
    question = SwapQuestion.objects.get()
    assert question.value_before == ahead.value + 1_000_000
    assert question.household_id == meter.household.pk
    assert len(stored(meter, "import_energy")) == 3


def test_dispatch_hands_out_what_is_due_and_polls_it(community, poll, settings):
    from config.celery import app

    app.conf.task_always_eager = True
    try:
        meters = [community.grid_meter(home, period_s=1) for home in (1, 2)]
        until = time.monotonic() + 4
        handed = 0
        while handed < 4 and time.monotonic() < until:
            handed += tasks.polls_dispatch()
            time.sleep(0.1)
        assert tasks.poll_loop().wait(timeout_s=5)
    finally:
        app.conf.task_always_eager = False
    assert handed >= 4
    assert all(len(stored(meter)) >= 1 for meter in meters)
