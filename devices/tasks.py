"""Regular work on devices; each task is safe to run twice, and expires before the next one comes."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from typing import Any

import redis
from celery import shared_task
from django.utils import timezone

from devices.polling.answers import answers_take, silence_review
from devices.polling.loop import DEVICE_S, PollLoop
from devices.polling.schedule import due_claim, locks_take, schedule_ensure
from devices.selectors import PollPlan, devices_sending, poll_plans
from devices.state import registry_version
from myhouse.models.metering import PointRole

CLAIM_AT_MOST = 2_000
DEVICES_PER_TASK = 100
HOLD_MS = round((DEVICE_S + 10) * 1000)
"""A lock outlives any poll and its write; after a crash the device is polled again this much later."""

BEAT: dict[str, dict[str, Any]] = {
    "devices-polls-dispatch": {
        "task": "devices.tasks.polls_dispatch",
        "schedule": 1.0,
        "options": {"expires": 1.0},
    },
    "devices-silence-review": {
        "task": "devices.tasks.silence_look",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
}

logger = logging.getLogger(__name__)
_lock = threading.Lock()
_loops: list[PollLoop] = []
_plans: dict[uuid.UUID, PollPlan] = {}
_plans_version = -1


@shared_task(name="devices.tasks.polls_dispatch")
def polls_dispatch() -> int:
    """Hand out the devices that are due now; returns how many."""
    now_ms = time.time_ns() // 1_000_000
    try:
        schedule_ensure(now_ms=now_ms)
        due = due_claim(now_ms=now_ms, limit=CLAIM_AT_MOST)
    except redis.RedisError as error:
        # Without Redis there is no next task either; the schedule is made again when it is back.
        logger.warning("Nothing is polled while Redis is away: %s", error)
        return 0
    for resource, device_ids in _by_resource(due).items():
        for start in range(0, len(device_ids), DEVICES_PER_TASK):
            portion = device_ids[start : start + DEVICES_PER_TASK]
            devices_poll.apply_async(kwargs={"device_ids": portion, "resource": resource}, expires=DEVICE_S)
    return len(due)


def _by_resource(device_ids: list[str]) -> dict[str, list[str]]:
    """Sort devices by what they measure: each resource has a queue, and may have workers, of its own."""
    found: dict[str, list[str]] = {}
    for device_id, plan in plans_current([uuid.UUID(hex=one) for one in device_ids]).items():
        resource = "pv" if plan.role == PointRole.PRODUCTION else "electricity"
        found.setdefault(resource, []).append(device_id.hex)
    return found


@shared_task(name="devices.tasks.devices_poll")
def devices_poll(*, device_ids: list[str], resource: str = "") -> int:
    """Begin to poll devices on this worker's loop; does not wait for them, so a dead one delays nobody."""
    plans = plans_current([uuid.UUID(hex=one) for one in device_ids])
    token = uuid.uuid4().hex
    mine = locks_take(device_ids=plans, token=token, hold_ms=HOLD_MS)
    if mine:
        poll_loop().submit([plans[device_id] for device_id in mine], token=token)
    return len(mine)


@shared_task(name="devices.tasks.silence_look")
def silence_look() -> tuple[int, int]:
    """Notice which of the devices that send by themselves fell silent or spoke again."""
    devices = [(one.pk, one.period_s, one.silent, one.created_at) for one in devices_sending()]
    return silence_review(devices=devices, now=timezone.now())


def poll_loop() -> PollLoop:
    """Return this process's loop, started at its first use."""
    with _lock:
        if not _loops:
            _loops.append(PollLoop(answers_take))
        return _loops[0]


def plans_current(device_ids: list[uuid.UUID]) -> dict[uuid.UUID, PollPlan]:
    """Return what polling needs of these devices, remembered until the registry changes."""
    global _plans_version  # noqa: PLW0603 - the cache's age belongs to the cache
    version = registry_version()
    with _lock:
        if version != _plans_version:
            _plans.clear()
            _plans_version = version
        missing = [device_id for device_id in device_ids if device_id not in _plans]
    if missing:
        loaded = poll_plans(device_ids=missing)
        with _lock:
            _plans.update(loaded)
    return {device_id: _plans[device_id] for device_id in device_ids if device_id in _plans}
