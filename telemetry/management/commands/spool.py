"""`manage.py spool`: what waits on this machine, what was refused, and what becomes of that."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from telemetry.errors import TelemetryError
from telemetry.process import store_current
from telemetry.spool import MB, Spool
from telemetry.spooled import SpooledStore

_REASONS_SHOWN = 20


class Command(BaseCommand):
    """Show this machine's spool, and decide on what the store refused."""

    help = "Show what waits in this machine's spool (SPOOL_DIR) and what the store refused of it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what may become of refused readings."""
        decision = parser.add_mutually_exclusive_group()
        decision.add_argument("--retry", action="store_true", help="write refused readings once more")
        decision.add_argument("--discard", action="store_true", help="delete refused readings for good")

    def handle(self, *args: Any, **options: Any) -> None:
        """Show, or decide and say what was done."""
        store = store_current()
        if not isinstance(store, SpooledStore):
            raise CommandError("There is no spool: TELEMETRY_URL names a file, which is never away.")
        spool = store.spool
        try:
            if options["retry"]:
                again = spool.refused_again(now_ms=time.time_ns() // 1_000_000)
                self.stdout.write(f"{again:,} refused readings wait to be written again once the store answers.")
            elif options["discard"]:
                self.stdout.write(f"{spool.refused_discard():,} refused readings are deleted.")
            else:
                self._show(spool)
        except TelemetryError as error:
            raise CommandError(str(error)) from error

    def _show(self, spool: Spool) -> None:
        state = spool.state()
        self.stdout.write(f"{spool.folder}: {state.size / MB:,.1f} of {spool.max_bytes / MB:,.0f} MB (SPOOL_MAX_MB)")
        since = f", the oldest since {_time(state.oldest_ms)}" if state.oldest_ms is not None else ""
        self.stdout.write(f"{state.readings:,} readings wait{since}")
        self.stdout.write(f"{state.refused:,} readings are refused")
        for one in spool.refused.reasons()[-_REASONS_SHOWN:]:
            damaged = f" ({len(one['damaged']) // 2} bytes that cannot be read)" if "damaged" in one else ""
            self.stdout.write(f"  {_time(one['at_ms'])}  {one['readings']:>9,}  {one['reason']}{damaged}")


def _time(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
