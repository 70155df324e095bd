"""The real worker, which knows a few odd tasks besides: each leaves a line in the file it is given."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from celery import shared_task


def note(file: str, what: str) -> None:
    """Add a line; one write, so that lines of several processes never mix."""
    with Path(file).open("a", encoding="utf-8") as out:
        out.write(f"{what} {os.getpid()}\n")


@shared_task(name="odd.lines")
def lines(file: str, begin: str, end: str, seconds: float) -> None:
    """Say that it begins, take some time, say that it ended."""
    note(file, begin)
    time.sleep(seconds)
    note(file, end)


@shared_task(name="odd.deadly")
def deadly(file: str) -> None:
    """Take the whole worker along."""
    note(file, "deadly")
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(name="odd.raises")
def raises() -> None:
    """Fail."""
    raise ValueError("this cannot be done")


if __name__ == "__main__":
    from config.serve.worker import main

    sys.exit(main())
