"""`manage.py simulate`: write the simulated past of the demo community."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.demo import UnableToFillError, demo_catch_up, demo_fill, demo_spec

_BAR = 40


class Command(BaseCommand):
    """Fill the demo's history: of a new demo, or the gap since its newest readings."""

    help = "Write what the demo's simulated devices would have shown; makes the demo community if there is none."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare how far back a new demo reaches."""
        parser.add_argument(
            "--days",
            type=int,
            help="how far back the history of a new demo reaches (default: to the first of this month a year ago)",
        )
        parser.add_argument(
            "--homes", type=int, default=20, help="homes of a new demo, 1 to 20 (default: %(default)s)"
        )

    def handle(self, *args: Any, days: int | None, homes: int, **options: Any) -> None:
        """Fill or catch up; repeating it writes nothing new."""
        if days is not None and not 1 <= days <= 3_660:
            raise CommandError("--days must lie between 1 and 3660.")
        now = datetime.now(UTC)
        began = time.monotonic()
        known = demo_spec()
        if known is None:
            if not 1 <= homes <= 20:
                raise CommandError("--homes must lie between 1 and 20.")
            try:
                demo_fill(now=now, say=self.stdout.write, days=days, homes=homes, progress=self._bar)
            except UnableToFillError as error:
                raise CommandError(str(error)) from error
        else:
            if days is not None and known[0].origin > (now - timedelta(days=days)).date():
                raise CommandError(
                    f"The demo's history begins on {known[0].origin}; its registers count from that day. For an "
                    "older beginning start a new data folder (MYHOUSE_VAR)."
                )
            demo_catch_up(now=now, say=self.stdout.write, progress=self._bar, serving=True)
        self.stdout.write(f"Done in {time.monotonic() - began:.1f} s.")

    def _bar(self, done: int, total: int) -> None:
        """Draw the way done on a terminal; elsewhere keep silent."""
        if not sys.stderr.isatty():
            return
        filled = _BAR * done // total
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r  history [{'#' * filled}{'.' * (_BAR - filled)}] {100 * done // total:3d} %{end}")
        sys.stderr.flush()
