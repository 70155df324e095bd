"""The schedule follows the clock, also when that is set back, and names only tasks that exist."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from celery import Celery
from celery.schedules import schedule

from config import celery as project
from config.beat import Scheduler


def test_every_scheduled_task_exists() -> None:
    project.app.loader.import_default_modules()
    entries = project.beat_schedule()

    assert entries
    assert {entry["task"] for entry in entries.values()} <= set(project.app.tasks)


def test_every_scheduled_task_goes_to_a_queue_that_is_read() -> None:
    queues = {entry.get("options", {}).get("queue", "default") for entry in project.beat_schedule().values()}

    assert queues <= set(project.QUEUES)


def small_scheduler(folder: Path) -> Scheduler:
    app = Celery("small", set_as_current=False)
    app.conf.beat_schedule = {"tidy": {"task": "tidy", "schedule": schedule(timedelta(minutes=1))}}
    return Scheduler(app=app, schedule_filename=str(folder / "beat"))


def test_an_entry_that_ran_in_the_future_is_due_again_soon(tmp_path: Path) -> None:
    before = small_scheduler(tmp_path)
    before.schedule["tidy"].last_run_at += timedelta(hours=5)
    before.close()

    after = small_scheduler(tmp_path)
    due_in = after.schedule["tidy"].is_due().next

    assert due_in <= 60
    after.close()


def test_what_ran_before_a_restart_is_remembered(tmp_path: Path) -> None:
    before = small_scheduler(tmp_path)
    ran = before.schedule["tidy"].last_run_at = before.schedule["tidy"].default_now() - timedelta(seconds=40)
    before.close()

    after = small_scheduler(tmp_path)

    assert after.schedule["tidy"].last_run_at == ran
    after.close()
