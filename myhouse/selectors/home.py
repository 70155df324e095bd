"""What is measured in a household and under which contracts, read once for one answer."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from myhouse.models import Appliance, Battery, Community, Household, Measurement, MeteringPoint
from myhouse.models.metering import PointRole, Quantity
from myhouse.selectors.appliances import appliances_of
from myhouse.selectors.households import community_of
from myhouse.selectors.metering import points_of
from myhouse.selectors.reference import Figures
from myhouse.selectors.tariffs import contract_rules, contracts_of, prices_shown
from myhouse.statistics.flows import Ints, Meter, flows_of
from myhouse.statistics.ledger import Contract
from myhouse.statistics.sources import EnergyShare, shares_of
from myhouse.statistics.sun import country_of_zone
from myhouse.tariffs.clock import local_clock, period_edges_ms
from myhouse.tariffs.exact import running
from myhouse.tariffs.pricing import looks_back
from telemetry import selectors as telemetry
from telemetry.model import QUARTER_MS

_REGISTERS: dict[str, tuple[Quantity, ...]] = {
    PointRole.GRID: (Quantity.IMPORT, Quantity.EXPORT, Quantity.CONSUMPTION),
    PointRole.PRODUCTION: (Quantity.PRODUCTION,),
    PointRole.BATTERY: (Quantity.CHARGE, Quantity.DISCHARGE),
    PointRole.CONSUMER: (Quantity.CONSUMPTION,),
}


@dataclass(frozen=True)
class SubPoint:
    """A sub-meter in the tree of sub-meters."""

    point: MeteringPoint
    parent_id: uuid.UUID | None
    depth: int
    children: tuple[uuid.UUID, ...]


@dataclass(eq=False)
class Home:
    """A household's points, measurements, contracts and reference figures."""

    household: Household
    community: Community | None
    points: list[MeteringPoint]
    measurements: list[Measurement]
    contracts: list[Contract]
    figures: Figures
    _meters: dict[tuple[int, int, bool], list[Meter]] = field(default_factory=dict)
    _shares: tuple[int, int, list[EnergyShare]] | None = None

    @property
    def country(self) -> str:
        """The community's country, else the one the time zone lies in."""
        return self.community.country if self.community else country_of_zone(self.household.time_zone)

    @property
    def has_production(self) -> bool:
        """Whether anything that produces is measured."""
        return any(point.role == PointRole.PRODUCTION for point in self.points)

    @property
    def has_battery(self) -> bool:
        """Whether a battery is measured."""
        return any(point.role == PointRole.BATTERY for point in self.points)

    @cached_property
    def roles(self) -> dict[uuid.UUID, str]:
        """The role of each point."""
        return {point.pk: point.role for point in self.points}

    @cached_property
    def capacities(self) -> dict[uuid.UUID, int]:
        """What the battery at each battery point can hold, in Wh; nothing where there is one only."""
        points = [point.pk for point in self.points if point.role == PointRole.BATTERY]
        # They weigh batteries against each other: one alone needs no weight.
        if len(points) < 2:
            return {}
        rows = Battery.objects.filter(metering_point_id__in=points)
        return dict(rows.values_list("metering_point_id", "capacity_wh"))

    @cached_property
    def appliances(self) -> list[Appliance]:
        """What the household has told to own."""
        return appliances_of(household=self.household)

    def shares_ahead(self, start_ms: int, end_ms: int) -> None:
        """Read what was traded with neighbours in a run at once, because parts of it will be asked for."""
        starts = np.arange(start_ms, end_ms, QUARTER_MS, dtype=np.int64)
        self._shares = (start_ms, end_ms, shares_of(household=self.household, starts_ms=starts))

    def shares(self, starts: Ints) -> list[EnergyShare]:
        """Return what of an unbroken run was traded with neighbours."""
        if self._shares is None or not len(starts):
            return shares_of(household=self.household, starts_ms=starts)
        begin, end, found = self._shares
        if starts[0] < begin or starts[-1] >= end:
            return shares_of(household=self.household, starts_ms=starts)
        first = (int(starts[0]) - begin) // QUARTER_MS
        run = slice(first, first + len(starts))
        return [replace(share, energy=share.energy[run], money_uct=share.money_uct[run]) for share in found]

    @cached_property
    def has_readings(self) -> bool:
        """Whether anything was ever read from its meters."""
        return bool(telemetry.latest(series_ids=[m.series_id for m in self.measurements]))

    def measured_at(self, moment_ms: int) -> bool:
        """Whether any energy is being measured at this moment."""
        moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
        return any(m.starts_at <= moment < m.ends_at for m in self._energies())

    def _energies(self) -> list[Measurement]:
        return [m for m in self.measurements if m.quantity in _REGISTERS_AND_POWER[self.roles[m.metering_point_id]]]

    def meters(self, start_ms: int, end_ms: int, *, subs: bool = True) -> list[Meter]:
        """Read every energy of the run in one go; powers only where a register does not cover it.

        Without `subs` sub-meters are left out, unless they must stand in for a meter at the grid connection.
        """
        key = (start_ms, end_ms, subs)
        if key not in self._meters:
            self._meters[key] = self._read(start_ms, end_ms, subs=subs)
        return self._meters[key]

    def _read(self, start_ms: int, end_ms: int, *, subs: bool) -> list[Meter]:
        chosen = [m for m in self._energies() if _ms(m.starts_at) < end_ms and _ms(m.ends_at) > start_ms]
        covered = {
            m.metering_point_id
            for m in chosen
            if m.quantity != Quantity.POWER and _ms(m.starts_at) <= start_ms and _ms(m.ends_at) >= end_ms
        }
        chosen = [m for m in chosen if m.quantity != Quantity.POWER or m.metering_point_id not in covered]
        if not subs and any(self.roles[point] == PointRole.GRID for point in covered):
            chosen = [m for m in chosen if self.roles[m.metering_point_id] != PointRole.CONSUMER]
        if not chosen or start_ms >= end_ms:
            return []
        ids = [m.series_id for m in chosen]
        found = telemetry.quarters(series_ids=ids, start_ms=start_ms, end_ms=end_ms)
        return [
            Meter(
                point_id=m.metering_point_id,
                role=self.roles[m.metering_point_id],
                quantity=m.quantity,
                starts_ms=_ms(m.starts_at),
                ends_ms=_ms(m.ends_at),
                energy=found.energy[row],
                flags=found.flags[row],
            )
            for row, m in enumerate(chosen)
        ]

    def main_meters(self, meters: list[Meter]) -> list[Meter]:
        """Leave out sub-meters below others, and all of them when total consumption is measured as such."""
        total = any(m.role == PointRole.GRID and m.quantity == Quantity.CONSUMPTION for m in meters)
        top = set() if total else {line.point.pk for line in self.sub_points() if line.depth == 0}
        return [m for m in meters if m.role != PointRole.CONSUMER or m.point_id in top]

    def prices(self, direction: str, starts: Ints) -> Ints:
        """Return the gross price at each start in µct per Wh, UNKNOWN where none is known."""
        return prices_shown(
            contracts=self.contracts,
            direction=direction,
            starts=starts,
            zone=self.household.time_zone,
            market=self.figures.market,
            used=self._used_before,
        )

    def _used_before(self, contract: Contract, starts: Ints) -> Ints:
        """Return what was imported under a contract since its month or year began, in µWh before each start."""
        zone, unit = self.household.time_zone, looks_back(contract.terms) or "month"
        clock = local_clock(starts[:1], zone)
        begin = period_edges_ms(clock.month if unit == "month" else clock.year, zone, unit)
        low, high = max(int(begin[0]), contract.starts_ms), int(starts[-1])
        run = np.arange(low, high, QUARTER_MS, dtype=np.int64)
        imported = flows_of(run, self.main_meters(self.meters(low, high, subs=False))).imported
        return running(imported)[(starts - low) // QUARTER_MS]

    def sub_points(self) -> list[SubPoint]:
        """List the sub-meters, each followed by those behind it; a parent that is no sub-meter is left out."""
        subs = {point.pk: point for point in self.points if point.role == PointRole.CONSUMER}
        below: dict[uuid.UUID | None, list[MeteringPoint]] = {}
        for point in subs.values():
            below.setdefault(point.parent_id if point.parent_id in subs else None, []).append(point)
        result: list[SubPoint] = []

        def walk(parent_id: uuid.UUID | None, depth: int) -> None:
            for point in sorted(below.get(parent_id, []), key=lambda p: p.name.casefold()):
                children = tuple(child.pk for child in below.get(point.pk, []))
                result.append(SubPoint(point, parent_id, depth, children))
                walk(point.pk, depth + 1)

        walk(None, 0)
        return result


_REGISTERS_AND_POWER = {role: (*quantities, Quantity.POWER) for role, quantities in _REGISTERS.items()}


def home_load(*, household: Household, now: datetime) -> Home:
    """Read a household's points, measurements, contracts, reference series and community (six queries)."""
    points = points_of(household=household)
    measurements = sorted(
        Measurement.objects.filter(metering_point_id__in=[point.pk for point in points]), key=lambda one: one.starts_at
    )
    return Home(
        household=household,
        community=community_of(household=household, now=now),
        points=points,
        measurements=measurements,
        contracts=contract_rules(contracts=contracts_of(household=household), zone=household.time_zone),
        figures=Figures.load(),
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
