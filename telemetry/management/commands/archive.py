"""`manage.py archive`: old sealed days to cold storage, with progress."""

from __future__ import annotations

import sys
import time
from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from telemetry import services
from telemetry.errors import TelemetryError
from telemetry.selectors import series_all

_BAR = 30


class Command(BaseCommand):
    """Move days to Parquet files under COLD_URL; they stay readable."""

    help = (
        "Move sealed days older than COLD_AFTER_DAYS (whole months) to Parquet files under COLD_URL, where they stay "
        "readable. May be interrupted, and run at any time and twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what to move."""
        parser.add_argument("--before", type=date.fromisoformat, help="every day before this one, YYYY-MM-DD (UTC)")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be moved")
        parser.add_argument("--clean", action="store_true", help="move nothing, only take away what is not needed")
        parser.add_argument("--back", action="store_true", help="bring everything back into the time-series store")

    def handle(self, *args: Any, before: date | None, **options: Any) -> None:
        """Move, show the progress, say what was done."""
        if before is None:
            today = datetime.now(UTC).date()
            before = services.archive_before(today=today, after_days=settings.COLD_AFTER_DAYS)
        try:
            if options["back"]:
                self._bring_back()
            else:
                self._archive(date.min if options["clean"] else before, dry_run=options["dry_run"])
        except TelemetryError as error:
            raise CommandError(str(error)) from error

    def _archive(self, before: date, *, dry_run: bool) -> None:
        began = time.monotonic()
        result = services.days_archive(before=before, dry_run=dry_run, progress=self._bar)
        if dry_run:
            self.stdout.write(f"{result.days} days of series before {before} would go into {result.files} folders.")
            return
        took = time.monotonic() - began
        self.stdout.write(
            f"{result.days} days of series with {result.readings} readings moved, {result.files} files written, "
            f"{result.dropped} taken away, in {took:.1f} s."
        )
        for fault in result.failed:
            self.stderr.write(fault)
        if result.failed:
            raise CommandError(f"{len(result.failed)} folders were left as they were; nothing is lost.")

    def _bring_back(self) -> None:
        known = list(series_all())
        days = 0
        for at, series in enumerate(known, start=1):
            days += services.days_thaw(series_id=series.id)
            self._bar(at / len(known))
        services.cold_leave()
        self.stdout.write(f"{days} days of series are back in the time-series store.")

    def _bar(self, share: float) -> None:
        """Draw the way done on a terminal; elsewhere keep silent."""
        if not sys.stderr.isatty():
            return
        filled = int(_BAR * share)
        end = "\n" if share >= 1 else ""
        sys.stderr.write(f"\r  archive [{'#' * filled}{'.' * (_BAR - filled)}] {share:4.0%}{end}")
        sys.stderr.flush()
