"""The schedule follows the clock, also when that is set back, and names only tasks that exist."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import redis
from celery import Celery
from celery.schedules import schedule
from django.conf import settings

from config import celery as project
from config.beat import Scheduler
from config.queues import QUEUES, queue_of


def test_every_scheduled_task_exists() -> None:
    project.app.loader.import_default_modules()
    entries = project.beat_schedule()

    assert entries
    assert {entry["task"] for entry in entries.values()} <= set(project.app.tasks)


def test_every_scheduled_task_goes_to_a_queue_that_is_read() -> None:
    entries = project.beat_schedule().values()

    assert not [entry for entry in entries if "queue" in entry.get("options", {})]
    assert {queue_of(entry["task"]) for entry in entries} <= set(QUEUES)


def small_scheduler() -> Scheduler:
    app = Celery("small", set_as_current=False)
    app.conf.beat_schedule = {"tidy": {"task": "tidy", "schedule": schedule(timedelta(minutes=1))}}
    return Scheduler(app=app)


def ran_before(ago: timedelta) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.hset("beat:ran", "tidy", str((datetime.now(UTC) - ago).timestamp()))


def test_an_entry_that_ran_in_the_future_is_due_again_soon() -> None:
    ran_before(timedelta(hours=-5))
    after = small_scheduler()

    after.tick()

    assert after.schedule["tidy"].is_due().next <= 60
    after.close()


def test_what_another_clock_started_is_remembered() -> None:
    ran_before(timedelta(seconds=40))
    after = small_scheduler()

    after.tick()

    assert 15 < after.schedule["tidy"].is_due().next <= 20
    after.close()


def test_only_one_clock_starts_anything_and_a_closed_one_makes_room_at_once() -> None:
    first, second = small_scheduler(), small_scheduler()

    first.tick()
    second.tick()
    assert (first.lease.held, second.lease.held) == (True, False)
    first.close()
    second.tick()

    assert (first.lease.held, second.lease.held) == (False, True)
    second.close()


def test_what_is_due_is_left_alone_once_the_lease_ran_out() -> None:
    late = small_scheduler()

    late.apply_entry(late.schedule["tidy"])

    assert late.lease.ran() == {}
