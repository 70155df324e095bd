"""The schedule in Redis: on time, in phase, patient with the dead, and made again when lost."""

import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.polling.answers import silence_review
from devices.polling.schedule import (
    DUE_KEY,
    LONGEST_WAIT_MS,
    SKIPPED_KEY,
    due_claim,
    failures_clear,
    failures_note,
    locks_release,
    locks_take,
    schedule_ensure,
    wait_ms,
)
from devices.services.registry import device_disable
from devices.state import registry_changed, seen_put
from devices.tests.factories import http_meter, modbus_device
from myhouse.documents.services import SYSTEM
from myhouse.tests.factories import NOW
from telemetry.broker import broker_client

START = 1_800_000_000_000


def device(number, **options):
    return modbus_device(now=NOW, port=15_000 + number, **options).device


@pytest.mark.django_db
def test_each_device_is_due_once_in_its_period_and_keeps_its_phase():
    ids = {device(number, period_s=10).pk.hex for number in range(5)}
    assert schedule_ensure(now_ms=START) == 5
    first = {one: at for at in range(START + 999, START + 10_000, 1_000) for one in due_claim(now_ms=at, limit=100)}
    assert first.keys() == ids
    later = range(START + 10_999, START + 20_000, 1_000)
    second = {one: at for at in later for one in due_claim(now_ms=at, limit=100)}
    assert {one: at - 10_000 for one, at in second.items()} == first


@pytest.mark.django_db
def test_after_a_pause_a_device_is_polled_once_and_the_missed_polls_are_counted():
    device(1, period_s=10)
    schedule_ensure(now_ms=START)
    assert len(due_claim(now_ms=START + 60_000, limit=100)) == 1
    assert due_claim(now_ms=START + 60_000, limit=100) == []
    assert 4 <= int(broker_client().get(SKIPPED_KEY)) <= 5


@pytest.mark.django_db
def test_a_lost_redis_is_filled_again_from_the_registry():
    device(1)
    schedule_ensure(now_ms=START)
    assert schedule_ensure(now_ms=START) is None
    broker_client().flushall()
    assert schedule_ensure(now_ms=START) == 1
    assert broker_client().zcard(DUE_KEY) == 1


@pytest.mark.django_db
def test_a_disabled_device_leaves_the_schedule():
    kept, gone = device(1), device(2)
    schedule_ensure(now_ms=START)
    device_disable(device=gone, actor=SYSTEM, now=NOW)
    registry_changed()
    schedule_ensure(now_ms=START)
    assert broker_client().zrange(DUE_KEY, 0, -1) == [kept.pk.hex.encode()]


def test_a_lock_goes_to_one_and_is_freed_only_by_its_holder():
    one = uuid.uuid4()
    assert locks_take(device_ids=[one], token="a", hold_ms=60_000) == [one]
    assert locks_take(device_ids=[one], token="b", hold_ms=60_000) == []
    locks_release(device_ids=[one], token="b")
    assert locks_take(device_ids=[one], token="b", hold_ms=60_000) == []
    locks_release(device_ids=[one], token="a")
    assert locks_take(device_ids=[one], token="b", hold_ms=60_000) == [one]


@given(st.integers(1, 200), st.integers(1_000, 86_400_000), st.integers())
def test_the_pause_after_failures_lies_between_the_period_and_five_minutes(failures, period, seed):
    pause = wait_ms(failures=failures, period_ms=period, jitter=random.Random(seed))
    assert 0.9 * period - 1 <= pause <= 1.1 * max(LONGEST_WAIT_MS, period) + 1


def test_the_pause_grows_with_the_failures():
    still = random.Random(1)
    pauses = [wait_ms(failures=count, period_ms=10_000, jitter=still) for count in (3, 4, 5, 6, 7)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 140_000


@pytest.mark.django_db
def test_a_dead_device_is_asked_less_often_and_a_recovered_one_in_its_period_again():
    dead = device(1, period_s=10).pk
    schedule_ensure(now_ms=START)
    jitter = random.Random(1)
    for _failure in range(8):
        since = failures_note(failed={dead: 10_000}, lasting=[], now_ms=START, jitter=jitter)
    assert since == {dead: START}
    assert broker_client().zscore(DUE_KEY, dead.hex) > START + 200_000
    assert failures_clear(device_ids=[dead]) == [dead]
    assert failures_clear(device_ids=[dead]) == []


@pytest.mark.django_db
def test_a_device_that_sends_by_itself_falls_silent_and_speaks_again():
    meter = http_meter(now=NOW)
    now = datetime.now(UTC)
    listed = [(meter.device.pk, 10, False, NOW)]
    assert silence_review(devices=listed, now=now) == (0, 0)
    seen_put({meter.device.pk: round((now - timedelta(seconds=31)).timestamp() * 1000)})
    assert silence_review(devices=listed, now=now) == (1, 0)
    seen_put({meter.device.pk: round(now.timestamp() * 1000)})
    assert silence_review(devices=[(meter.device.pk, 10, True, NOW)], now=now) == (0, 1)
