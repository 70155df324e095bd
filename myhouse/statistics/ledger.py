"""A home's quarter-hours with money and CO2 beside the energies, and their sums over any buckets; numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from myhouse.statistics.flows import Flags, Flows, Ints
from myhouse.statistics.model import Totals
from myhouse.statistics.sources import EnergyShare
from myhouse.tariffs.exact import Exact, running
from myhouse.tariffs.pricing import Charges, Market, charges
from myhouse.tariffs.terms import Terms
from telemetry.rounding import whole

# Grams per kWh of the meter are whole milligrams here, so that sums of CO2 are whole numbers too.
OWN_EMISSION_MG_KWH = 0
NO_FACTOR = -1


@dataclass(frozen=True)
class Contract:
    """A supplier contract as the rules see it: from when until when which terms hold."""

    direction: Literal["import", "export"]
    starts_ms: int
    ends_ms: int
    terms: Terms


@dataclass(frozen=True, eq=False)
class Money:
    """An amount per quarter-hour, and where it is known at all."""

    amount: Exact
    known: Flags  # a contract holds
    unpriced: Flags  # a contract holds, energy flowed, the market price is missing

    def per_bucket(self, cuts: Ints) -> tuple[int | None, ...]:
        """Return whole µct per bucket, rounded once; nothing where no contract holds."""
        known = running(self.known)[cuts]
        return tuple(a if k else None for a, k in zip(self.amount.between(cuts), np.diff(known).tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Ledger:
    """Everything about a run of quarter-hours that is then only added up; µWh, exact µct, µg."""

    flows: Flows
    community: Ints
    sold: Ints  # the part of export that neighbours bought
    paid: Ints  # to neighbours, whole µct
    earned: Ints  # from neighbours, whole µct
    cost: Money
    income: Money
    alone: Money  # what all consumption would have cost from the supplier
    parts: dict[str, Exact]  # of the cost
    co2_grid: Ints
    co2_own: Ints
    co2_community: Ints
    co2_alone: Ints
    co2_known: bool

    def part(self, first: int, end: int) -> Ledger:
        """Return the quarters [first, end)."""
        run = slice(first, end)
        return Ledger(
            flows=self.flows.part(first, end),
            community=self.community[run],
            sold=self.sold[run],
            paid=self.paid[run],
            earned=self.earned[run],
            cost=_cut(self.cost, run),
            income=_cut(self.income, run),
            alone=_cut(self.alone, run),
            parts={name: amount[run] for name, amount in self.parts.items()},
            co2_grid=self.co2_grid[run],
            co2_own=self.co2_own[run],
            co2_community=self.co2_community[run],
            co2_alone=self.co2_alone[run],
            co2_known=self.co2_known,
        )


def _cut(money: Money, run: slice) -> Money:
    return Money(money.amount[run], money.known[run], money.unpriced[run])


def money_of(
    *, contracts: Sequence[Contract], direction: str, starts: Ints, energy: Ints, zone: str, market: Market
) -> tuple[Money, dict[str, Exact]]:
    """Price energy by the contract that holds at each time; also return the parts before VAT."""
    count = len(starts)
    total, known, unpriced = Exact(count), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    parts = dict.fromkeys(("energy", "levies", "fixed", "capacity"), total)
    for contract in contracts:
        first, end = np.searchsorted(starts, (contract.starts_ms, contract.ends_ms)).tolist()
        if contract.direction != direction or first >= end:
            continue
        found: Charges = charges(contract.terms, starts[first:end], energy[first:end], zone, market)
        if end - first == count:
            return Money(found.gross, ~known, found.unpriced), {name: getattr(found, name) for name in parts}
        total += found.gross.placed(first, count)
        known[first:end] = True
        unpriced[first:end] |= found.unpriced
        parts = {name: amount + getattr(found, name).placed(first, count) for name, amount in parts.items()}
    return Money(total, known, unpriced), parts


def ledger_of(
    *,
    flows: Flows,
    contracts: Sequence[Contract],
    shares: Sequence[EnergyShare],
    factors: Ints,
    zone: str,
    market: Market,
) -> Ledger:
    """Put money and CO2 beside the flows; `factors` is the grid's mg CO2 per kWh at each quarter, or NO_FACTOR."""
    bought, paid, community_co2 = _shares(shares, "import", flows.imported)
    sold, earned, _co2 = _shares(shares, "export", flows.exported)
    supplied = flows.imported - bought
    used = np.maximum(flows.consumption, 0)
    held = _held(factors)
    priced = partial(money_of, contracts=contracts, starts=flows.starts, zone=zone, market=market)
    cost, parts = priced(direction="import", energy=supplied)
    income, _parts = priced(direction="export", energy=flows.exported - sold)
    alone, _parts = priced(direction="import", energy=used)
    grid = _emission(supplied, held)
    return Ledger(
        flows=flows,
        community=bought,
        sold=sold,
        paid=paid,
        earned=earned,
        cost=_with(cost, paid) if shares else cost,
        income=_with(income, earned) if shares else income,
        alone=alone,
        parts=parts,
        co2_grid=grid,
        co2_own=_emission(np.maximum(flows.own_use, 0), np.full_like(factors, OWN_EMISSION_MG_KWH)),
        co2_community=community_co2,
        co2_alone=_emission(used, held),
        co2_known=bool((factors != NO_FACTOR).any()),
    )


def _with(money: Money, more: Ints) -> Money:
    return Money(money.amount + Exact.of_whole(more), money.known | (more != 0), money.unpriced)


def _shares(shares: Sequence[EnergyShare], direction: str, metered: Ints) -> tuple[Ints, Ints, Ints]:
    """Add up energy, money and CO2 (µg) of the shares of one direction."""
    energy, money, co2 = (np.zeros_like(metered) for _part in range(3))
    for share in shares:
        if share.direction == direction:
            part = np.clip(share.energy, 0, metered - energy)
            energy = energy + part
            money = money + share.money_uct
            co2 = co2 + _emission(part, np.full_like(part, share.emission_mg_kwh))
    return energy, money, co2


def _emission(energy: Ints, factor_mg_kwh: Ints) -> Ints:
    """Return µg: thousandths of a Wh times mg per kWh are millionths of a mg."""
    if not factor_mg_kwh.any():
        return np.zeros_like(energy)
    return energy // 1000 * factor_mg_kwh // 1000


def _held(factors: Ints) -> Ints:
    """Let the last known factor hold where one is missing (before the first: that one)."""
    known = factors != NO_FACTOR
    if known.all() or not known.any():
        return np.where(known, factors, 0)
    last = np.maximum.accumulate(np.where(known, np.arange(len(factors)), -1))
    held: Ints = factors[np.where(last < 0, int(np.argmax(known)), last)]
    return held


@dataclass(frozen=True, eq=False)
class Sums:
    """Whole numbers per bucket; `totals` are the sums of the buckets."""

    energies: dict[str, Ints]  # named as in Statistics
    cost_uct: tuple[int | None, ...]
    income_uct: tuple[int | None, ...]
    paid_uct: tuple[int, ...]
    earned_uct: tuple[int, ...]
    saving_uct: tuple[int | None, ...]
    co2_g: tuple[int | None, ...]
    covered_quarters: Ints
    expected_quarters: Ints
    estimated_quarters: Ints
    totals: Totals


def sums_of(ledger: Ledger, cuts: Ints, future: Ints) -> Sums:
    """Add up buckets of quarter positions [cuts[i], cuts[i+1]); `future` counts quarters to come per bucket."""
    energies = _energies(ledger, cuts)
    cost, income = ledger.cost.per_bucket(cuts), ledger.income.per_bucket(cuts)
    alone = ledger.alone.per_bucket(cuts)
    saving = tuple(
        None if a is None or c is None else a - c + (i or 0) for a, c, i in zip(alone, cost, income, strict=True)
    )
    co2 = {name: whole(_sum(getattr(ledger, name), cuts)) for name in ("co2_grid", "co2_own", "co2_community")}
    co2_total = sum(co2.values())
    co2_alone = whole(_sum(ledger.co2_alone, cuts))
    quarters = {name: _sum(getattr(ledger.flows, name), cuts) for name in ("covered", "expected", "estimated")}
    quarters["expected"] = quarters["expected"] + future
    totals = _totals(
        {name: int(values.sum()) for name, values in energies.items()},
        money={"cost_uct": _total(cost), "income_uct": _total(income), "saving_uct": _total(saving)},
        co2={
            "co2_g": int(np.sum(co2_total)),
            "co2_grid_g": int(co2["co2_grid"].sum()),
            "co2_own_g": int(co2["co2_own"].sum()),
            "co2_community_g": int(co2["co2_community"].sum()),
            "co2_avoided_g": int(co2_alone.sum() - np.sum(co2_total)),
        }
        if ledger.co2_known
        else {},
        quarters={f"{name}_quarters": int(values.sum()) for name, values in quarters.items()},
    )
    return Sums(
        energies=energies,
        cost_uct=cost,
        income_uct=income,
        paid_uct=tuple(_sum(ledger.paid, cuts).tolist()),
        earned_uct=tuple(_sum(ledger.earned, cuts).tolist()),
        saving_uct=saving,
        co2_g=tuple(
            int(grams) if ledger.co2_known and there else None
            for grams, there in zip(np.atleast_1d(co2_total), np.diff(cuts).tolist(), strict=True)
        ),
        covered_quarters=quarters["covered"],
        expected_quarters=quarters["expected"],
        estimated_quarters=quarters["estimated"],
        totals=totals,
    )


def _sum(values: Ints | Flags, cuts: Ints) -> Ints:
    """Add up each bucket exactly."""
    summed: Ints = np.diff(running(values)[cuts])
    return summed


def _total(amounts: Sequence[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _energies(ledger: Ledger, cuts: Ints) -> dict[str, Ints]:
    """Round each flow once, over the whole span; what follows from them is worked out in whole Wh, so it balances."""
    flows = ledger.flows
    imported, exported, production, charge, discharge, battery, community, sold = whole(
        np.stack(
            [
                _sum(values, cuts)
                for values in (
                    flows.imported,
                    flows.exported,
                    flows.production,
                    flows.charge,
                    flows.discharge,
                    flows.battery_use,
                    ledger.community,
                    ledger.sold,
                )
            ]
        )
    )
    if flows.grid_derived.any():
        # Here consumption was measured and import follows from it, so it is consumption that is rounded.
        consumption = whole(_sum(flows.consumption, cuts))
        imported = consumption - production - discharge + exported + charge
        exported = exported + np.maximum(-imported, 0)
        imported = np.maximum(imported, 0)
    consumption = imported + production + discharge - exported - charge
    own_use = consumption - imported
    return {
        "import_wh": imported,
        "export_wh": exported,
        "production_wh": production,
        "charge_wh": charge,
        "discharge_wh": discharge,
        "consumption_wh": consumption,
        "own_use_wh": own_use,
        "battery_use_wh": np.minimum(battery, np.maximum(own_use, 0)),
        "community_wh": np.minimum(community, imported),
        "supplier_wh": imported - np.minimum(community, imported),
        "sold_wh": np.minimum(sold, exported),
    }


def _totals(
    energies: dict[str, int], *, money: dict[str, int | None], co2: dict[str, int], quarters: dict[str, int]
) -> Totals:
    """Add the two rates; a battery emptied in the span can carry own use past its production, so they end at 1."""
    used, own, made = energies["consumption_wh"], energies["own_use_wh"], energies["production_wh"]
    known: dict[str, Any] = {**energies, **money, **co2, **quarters}
    return Totals(
        **known,
        self_consumption_rate=min(max(own / made, 0.0), 1.0) if made > 0 else None,
        self_sufficiency_rate=min(max(own / used, 0.0), 1.0) if used > 0 else None,
    )
