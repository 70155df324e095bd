"""The Celery worker as a process: a pool of threads, all queues, and the clock (beat) as one more thread."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from celery import signals
from celery.beat import EmbeddedService
from celery.bin.celery import celery as command

from config.celery import QUEUES, app, beat_schedule

THREADS = 8


def main() -> Any:
    """Work until SIGTERM; the file named by the only argument appears once tasks are taken."""
    import django

    django.setup()
    ready = Path(sys.argv[1])
    app.conf.beat_schedule = beat_schedule()
    # A thread and not a process: it cannot be left behind when this process is killed.
    beat = EmbeddedService(app, thread=True, schedule_filename=app.conf.beat_schedule_filename)

    def started(**_: Any) -> None:
        beat.start()
        ready.touch()

    def stopping(**_: Any) -> None:
        ready.unlink(missing_ok=True)
        beat.stop()

    signals.worker_ready.connect(started, weak=False)
    signals.worker_shutting_down.connect(stopping, weak=False)
    # As app.worker_main does, which forgets the exit code.
    command.params[0].default = app
    return command.main(
        args=[
            "--quiet",
            "worker",
            "--pool=threads",
            f"--concurrency={THREADS}",
            f"--queues={','.join(QUEUES)}",
            "--without-gossip",
            "--without-mingle",
            "--loglevel=INFO",
        ],
        standalone_mode=False,
    )


if __name__ == "__main__":
    sys.exit(main())
