"""Showing how far a transfer is."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

_BAR = 30


class Shown:
    """Shows how far it is: a bar on a terminal, else a line now and then; and a file that others may read."""

    def __init__(self) -> None:
        self._file = settings.VAR_DIR / "run" / "transfer.json"
        self._began = datetime.now(UTC)
        self._lines: set[tuple[str, int]] = set()
        self._noted_at = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take note; called from the threads that listen."""
        if sys.stderr.isatty():
            filled = _BAR * done // max(total, 1)
            bar = "#" * filled + "." * (_BAR - filled)
            sys.stderr.write(f"\r[{bar}] {what} {done:,} of {total:,}   ")
            sys.stderr.flush()
        elif (line := (what, 5 * done // max(total, 1))) not in self._lines:
            self._lines.add(line)
            sys.stderr.write(f"{what}: {done:,} of {total:,}\n")
        if time.monotonic() - self._noted_at > 1:
            self._noted_at = time.monotonic()
            self._note("running", what=what, done=done, total=total)

    def end(self, state: str) -> None:
        """Leave the line, and say in the file how it ended."""
        if sys.stderr.isatty():
            sys.stderr.write("\r" + " " * 79 + "\r")
        self._note(state)

    def _note(self, state: str, **facts: Any) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(f".json.{id(self)}")
        times = {"began_at": self._began.isoformat(), "at": datetime.now(UTC).isoformat()}
        fresh.write_text(json.dumps({"state": state, **facts, **times}), encoding="utf-8")
        fresh.replace(self._file)
