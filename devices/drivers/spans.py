"""Which register ranges to ask for: neighbours are merged, no request is longer than the device allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MODBUS_LIMIT = 125  # registers in one answer, by the protocol


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of registers, read in one request."""

    start: int
    end: int

    @property
    def count(self) -> int:
        """How many registers it has."""
        return self.end - self.start


def spans_merge(wanted: Iterable[tuple[int, int]], *, max_registers: int, max_gap: int) -> tuple[Span, ...]:
    """Merge half-open register ranges into the fewest requests; a value is never cut in two."""
    limit = min(max_registers, MODBUS_LIMIT)
    merged: list[Span] = []
    for start, end in sorted(set(wanted)):
        last = merged[-1] if merged else None
        if last and start - last.end <= max_gap and max(end, last.end) - last.start <= limit:
            merged[-1] = Span(last.start, max(end, last.end))
        else:
            merged.append(Span(start, end))
    return tuple(merged)
