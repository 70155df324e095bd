"""One line of the table that `make bench` prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """Our figure, the limit measured in the same run, what must be reached, and whether it was."""

    name: str
    ours: float
    unit: str
    target: str
    met: bool
    limit: float | None = None
    limit_name: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours as a share of the limit (for times: the limit as a share of ours is for the reader to see)."""
        return self.ours / self.limit if self.limit else None


def number(value: float) -> str:
    """Write a figure with three significant digits or more, never with a power of ten."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"
