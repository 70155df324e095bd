"""The Celery worker as a process: a pool of threads, some or all queues, and the clock (beat) as one more thread."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from celery import signals
from celery.beat import EmbeddedService
from celery.bin.celery import celery as command
from django.conf import settings

from config import consumer
from config.broker import server_check
from config.celery import QUEUES, app, beat_schedule

THREADS = 8


def main(words: Sequence[str] | None = None) -> Any:
    """Work until SIGTERM; the file named first appears once tasks are taken."""
    import django

    django.setup()
    given = _parsed(words)
    server_check(settings.REDIS_URL)
    consumer.use(app)
    app.conf.beat_schedule = beat_schedule()
    # A thread and not a process: it cannot be left behind when this process is killed.
    beat = None
    if given.beat:
        # Named, because this service does not look at the setting.
        beat = EmbeddedService(app, thread=True, scheduler_cls=app.conf.beat_scheduler)

    def started(**_: Any) -> None:
        if beat is not None:
            beat.start()
        given.ready.touch()

    def stopping(**_: Any) -> None:
        given.ready.unlink(missing_ok=True)
        if beat is not None:
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
            f"--concurrency={given.threads}",
            f"--queues={','.join(given.queues)}",
            "--without-gossip",
            "--without-mingle",
            "--loglevel=INFO",
        ],
        standalone_mode=False,
    )


def _parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m config.serve.worker", description=__doc__)
    parser.add_argument("ready", type=Path, help="file that appears once tasks are taken")
    parser.add_argument("--queues", type=_queues, default=QUEUES, help="names, comma between (default: all)")
    parser.add_argument("--threads", type=int, default=THREADS, help="how many tasks at a time (default: %(default)s)")
    parser.add_argument(
        "--beat",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether it also stands ready to start what is due; of several only one does, another when that one dies",
    )
    return parser.parse_args(words)


def _queues(text: str) -> tuple[str, ...]:
    """Read names of queues."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in QUEUES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'}: choose of {', '.join(QUEUES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
