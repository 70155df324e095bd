"""What the store would not take of a spool: the readings themselves, and for people why."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from telemetry.model import Batch
from telemetry.records import Record, durably_write, heads_from, record_encode, records_from

_NOTHING = (0, 0)


class Refused:
    """Two files in the folder of a spool, whose lock is held by whoever changes them."""

    def __init__(self, folder: Path) -> None:
        self._readings = folder / "refused"
        self._reasons = folder / "refused.jsonl"
        self._known: tuple[tuple[int, int], int, int] = (_NOTHING, 0, 0)

    def add(self, batch: Batch, *, reason: str, now_ms: int, damaged: bytes = b"") -> None:
        """Durable on return."""
        end, readings = self._counted()
        if end < _stamp(self._readings)[0]:
            os.truncate(self._readings, end)
        durably_write(self._readings, record_encode(Record(readings, now_ms, batch)), end)
        told = {"at_ms": now_ms, "readings": len(batch), "reason": reason}
        if damaged:
            told["damaged"] = damaged.hex()
        with self._reasons.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")

    def count(self) -> int:
        """How many readings were refused; a stretch that cannot be read counts as one."""
        return self._counted()[1]

    def records(self) -> Iterator[Record]:
        """What was refused, in order; empty ones stand for stretches that cannot be read."""
        if self._readings.exists():
            for found in records_from(self._readings.read_bytes()):
                if found.record is not None:
                    yield found.record

    def reasons(self) -> list[dict[str, Any]]:
        """What was told of each: `at_ms`, `readings`, `reason`, and `damaged` in hexadecimal."""
        if not self._reasons.exists():
            return []
        found = []
        for line in self._reasons.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                # The last line of a process that died; its readings stand in the other file.
                continue
        return found

    def clear(self, *, but_damaged: bool = False) -> None:
        """Let go of all, or of all that could be read."""
        kept = [one for one in self.reasons() if but_damaged and "damaged" in one]
        self._readings.unlink(missing_ok=True)
        self._reasons.unlink(missing_ok=True)
        for one in kept:
            empty = Batch.of_rows([])
            self.add(empty, reason=one["reason"], now_ms=one["at_ms"], damaged=bytes.fromhex(one["damaged"]))

    def _counted(self) -> tuple[int, int]:
        """Where the sound records end, and how many readings they hold."""
        stamp = _stamp(self._readings)
        if self._known[0] != stamp:
            end = readings = 0
            # Another process may have discarded it.
            data = b"" if stamp == _NOTHING else self._readings.read_bytes()
            for _start, head in heads_from(data):
                end, readings = head.end, readings + (head.readings or 1)
            self._known = (stamp, end, readings)
        return self._known[1:]


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes with a file: its size and when it was written."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return _NOTHING
    return found.st_size, found.st_mtime_ns
