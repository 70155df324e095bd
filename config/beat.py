"""The schedule's clock: it keeps what ran last in a file, and forgives a clock that was set back."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from celery.beat import PersistentScheduler, SchedulingError

logger = logging.getLogger(__name__)

# Only what lies further ahead than this was written under another clock.
TOLERANCE = timedelta(seconds=30)


class Scheduler(PersistentScheduler):  # type: ignore[misc] # Celery is untyped
    """Celery's own scheduler, but an entry that ran "in the future" is due from now on."""

    def setup_schedule(self) -> None:
        """Load the file, then pull entries of the future back to the present."""
        super().setup_schedule()
        for entry in self.schedule.values():
            entry_forgive(entry)
        self.sync()

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send what is due; while the broker is away this fails every second: a line each, not a traceback."""
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            logger.error("%s", error)  # noqa: TRY400 the sentence says all


def entry_forgive(entry: Any) -> bool:
    """Set an entry's last run to now if it lies in the future; tell whether it did."""
    now = entry.default_now()
    if entry.last_run_at is None or entry.last_run_at <= now + TOLERANCE:
        return False
    entry.last_run_at = now
    return True
