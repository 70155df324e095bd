"""What appliances are expected to use and make on a mean day; plain rules without Django.

The typical figures are estimates that a meter replaces. Uses of electricity: survey of the German energy agencies,
3,091 kWh a year per household, of which cooking 9.7 %, lighting 8.5 %, cooling and freezing 16.1 %, washing, drying
and dishes 13.8 %, TV, audio and office 24.6 % (reported by Home Energy magazine, 29 December 2012,
homeenergy.org/show/blog/id/364). How many appliances share a use is our assumption and stands beside each figure.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

SURVEY_WH_YEAR = 3_091_000
DAYS = 365


class Basis(StrEnum):
    """Where an expected value comes from."""

    TYPICAL = "typical"
    """The table of typical figures."""
    RATED = "rated"
    """Rated power times minutes of use a day."""
    MEASURED = "measured"
    """The appliance's own meter, mean of the last 30 days."""
    PART = "part"
    """Counted already with the meter in front of it, or beside it on the same meter."""


@dataclass(frozen=True)
class Typical:
    """Expected Wh of one piece on a mean day, one of the two being 0, and where the figure comes from."""

    consumption_wh: int
    production_wh: int
    origin: str


def _share_of_survey(permille: int, pieces: int) -> int:
    """Wh a day of one piece when so many pieces share a use of the surveyed household."""
    return round(SURVEY_WH_YEAR * permille / 1000 / DAYS / pieces)


TYPICAL: dict[str, Typical] = {
    "stove": Typical(_share_of_survey(97, 1), 0, "survey: cooking 9.7 %, one stove"),
    "light": Typical(_share_of_survey(85, 30), 0, "survey: lighting 8.5 %, assumed 30 lamps"),
    "household": Typical(
        _share_of_survey(299, 4), 0, "survey: cooling 16.1 % and washing 13.8 %, assumed four appliances"
    ),
    "entertainment": Typical(_share_of_survey(246, 6), 0, "survey: TV, audio and office 24.6 %, assumed six devices"),
    "solar_panel": Typical(0, round(400 * 950 / DAYS), "assumed 400 Wp a panel and 950 kWh a year per kWp"),
    "windmill": Typical(0, round(1000 * 24 * 0.10), "assumed 1 kW rated power at a tenth of full load"),
}


@dataclass(frozen=True)
class Item:
    """A number of like appliances as the rules see them."""

    id: uuid.UUID
    kind: str
    name: str
    count: int
    rated_power_w: int = 0
    daily_use_minutes: int = 0
    point_id: uuid.UUID | None = None

    @property
    def produces(self) -> bool:
        """Whether these make energy instead of using it."""
        typical = TYPICAL.get(self.kind)
        return typical is not None and typical.production_wh > 0


@dataclass(frozen=True)
class Line:
    """What one entry adds to the household's mean day, in whole Wh, and why."""

    item: Item
    consumption_wh: int
    production_wh: int
    basis: Basis
    measured_wh: int | None = None


def estimate(item: Item) -> Line:
    """Expect from the table, or for own appliances from rated power and minutes of use."""
    typical = TYPICAL.get(item.kind)
    if typical is not None:
        return Line(item, item.count * typical.consumption_wh, item.count * typical.production_wh, Basis.TYPICAL)
    return Line(item, item.count * item.rated_power_w * item.daily_use_minutes // 60, 0, Basis.RATED)


def expect(
    items: Iterable[Item],
    *,
    measured: Mapping[uuid.UUID, int],
    parents: Mapping[uuid.UUID, uuid.UUID | None],
) -> list[Line]:
    """Expect each entry's share of a mean day; what a meter in front counts already adds nothing.

    `measured` is the mean day in Wh per metering point, for those that have enough data; `parents` names the point
    in front of each point.
    """
    entries = list(items)
    # The first entry on a meter stands for it.
    holders: dict[uuid.UUID, uuid.UUID] = {}
    for item in entries:
        if item.point_id is not None:
            holders.setdefault(item.point_id, item.id)
    lines = []
    for item in entries:
        line = estimate(item)
        own = None if item.point_id is None else measured.get(item.point_id)
        if _is_part(item, holders, parents):
            line = replace(line, consumption_wh=0, production_wh=0, basis=Basis.PART, measured_wh=own)
        elif own is not None:
            line = _measured(line, own)
        elif item.point_id is not None:
            line = _at_least(line, _parts_wh(item.point_id, holders, measured, parents))
        lines.append(line)
    return lines


def ancestors(point_id: uuid.UUID, parents: Mapping[uuid.UUID, uuid.UUID | None]) -> list[uuid.UUID]:
    """List the points in front of a point, nearest first; a ring in the data ends the list."""
    found: list[uuid.UUID] = []
    current = parents.get(point_id)
    while current is not None and current != point_id and current not in found:
        found.append(current)
        current = parents.get(current)
    return found


def _is_part(
    item: Item, holders: Mapping[uuid.UUID, uuid.UUID], parents: Mapping[uuid.UUID, uuid.UUID | None]
) -> bool:
    if item.point_id is None:
        return False
    if holders[item.point_id] != item.id:
        return True
    return any(point in holders for point in ancestors(item.point_id, parents))


def _measured(line: Line, wh: int) -> Line:
    used, made = (0, wh) if line.item.produces else (wh, 0)
    return replace(line, consumption_wh=used, production_wh=made, basis=Basis.MEASURED, measured_wh=wh)


def _at_least(line: Line, parts_wh: int) -> Line:
    """While a meter has no data yet, expect no less than the meters behind it have counted."""
    if line.item.produces:
        return replace(line, production_wh=max(line.production_wh, parts_wh))
    return replace(line, consumption_wh=max(line.consumption_wh, parts_wh))


def _parts_wh(
    point_id: uuid.UUID,
    holders: Mapping[uuid.UUID, uuid.UUID],
    measured: Mapping[uuid.UUID, int],
    parents: Mapping[uuid.UUID, uuid.UUID | None],
) -> int:
    """Sum the nearest measured entries behind a point."""
    behind = [point for point in holders if point in measured and point_id in ancestors(point, parents)]
    nearest = [point for point in behind if not set(behind) & set(ancestors(point, parents))]
    return sum(measured[point] for point in nearest)
