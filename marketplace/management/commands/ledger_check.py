"""`manage.py ledger_check`: prove the ledger from its rows alone, or name the first fault."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from marketplace.services.proof import ledger_prove

_BAR = 30


class Command(BaseCommand):
    """Check every invariant of the ledger; ends with 1 when one is broken."""

    help = "Check every transfer, account, trade and offer; name the first broken invariant and end with 1."

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, show how far it is on a terminal, and say the outcome."""
        proof = ledger_prove(now=timezone.now(), progress=self.progress if self.stderr.isatty() else None)
        if self.stderr.isatty():
            self.stderr.write("\r" + " " * 79 + "\r", ending="")
        counts = f"{proof.accounts} accounts, {proof.transfers} transfers, {proof.entries} entries"
        self.stdout.write(f"{counts}, {proof.took_ms / 1000:.1f} s")
        if not proof.sound:
            self.stdout.write(f"BROKEN. {proof.finding}")
            sys.exit(1)
        self.stdout.write("The ledger is sound: every invariant holds.")

    def progress(self, what: str, done: int, total: int) -> None:
        """Draw one bar on one line."""
        filled = _BAR * done // max(total, 1)
        bar = "#" * filled + "." * (_BAR - filled)
        self.stderr.write(f"\r[{bar}] {what} {done} of {total}   ", ending="")
        self.stderr.flush()
