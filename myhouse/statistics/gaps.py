"""Days on which energy flowed and no contract held: shown as such, never as a cost of nothing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import numpy as np

from myhouse.statistics.flows import Flags
from myhouse.statistics.ledger import Ledger
from myhouse.statistics.model import ContractGap
from myhouse.tariffs.clock import local_clock


def contract_gaps(ledger: Ledger, zone: str) -> list[ContractGap]:
    """Return runs of local days, each direction by itself."""
    flows = ledger.flows
    uncovered_import = ~ledger.cost.known & (flows.imported > 0)
    uncovered_export = ~ledger.income.known & (flows.exported > 0)
    return [
        *_runs("import", uncovered_import, ledger, zone),
        *_runs("export", uncovered_export, ledger, zone),
    ]


def _runs(direction: Literal["import", "export"], missing: Flags, ledger: Ledger, zone: str) -> list[ContractGap]:
    days = np.unique(local_clock(ledger.flows.starts[missing], zone).day)
    if not len(days):
        return []
    runs = np.split(days, np.flatnonzero(np.diff(days) > 1) + 1)
    return [ContractGap(direction, _date(run[0]), _date(run[-1]) + timedelta(days=1)) for run in runs]


def _date(number: np.int64) -> date:
    return date(1970, 1, 1) + timedelta(days=int(number))
