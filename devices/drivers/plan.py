"""Where a device's values stand and which requests fetch them; made once per connection."""

from __future__ import annotations

from dataclasses import dataclass

from devices.drivers.model import Measured
from devices.drivers.spans import Span


@dataclass(frozen=True, slots=True)
class Located:
    """A measured value at its absolute address; `scale_at` is the absolute address of its scale factor."""

    point: Measured
    address: int
    scale_at: int | None


@dataclass(frozen=True, slots=True)
class Layout:
    """What walking a SunSpec map found: identity, models as (id, address, length), where each value stands."""

    manufacturer: str
    device: str
    serial: str
    models: tuple[tuple[int, int, int], ...]
    located: tuple[Located, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the values stand and which requests fetch them."""

    located: tuple[Located, ...]
    spans: tuple[Span, ...]
    layout: Layout | None = None
